//! Which distribution it is: os-release(5).
use std::collections::BTreeMap;

use super::{Manager, text};
use crate::{Error, Files};

/// A distribution that advisories are known of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Its name in the OSV format, such as `Debian:12`.
    pub ecosystem: String,
    /// Its name as Amazon Inspector spells it, such as `DEBIAN_12`.
    pub platform: String,
    pub manager: Manager,
}

impl Distribution {
    pub(super) fn read(files: &Files) -> Result<Self, Error> {
        let release = match files.content("etc/os-release") {
            Ok(None) => files.content("usr/lib/os-release")?,
            // A link to what we do not keep; systemd's own place is the second choice.
            Err(e) => Some(files.content("usr/lib/os-release")?.ok_or(e)?),
            Ok(found) => found,
        };
        let Some(release) = release else {
            return Err(Error::Unsupported(
                "there is no /etc/os-release in the image".into(),
            ));
        };
        let fields = parse(release);
        Self::of(&fields).ok_or_else(|| {
            let name = fields.get("PRETTY_NAME").or_else(|| fields.get("ID"));
            let name: String = name.map_or("?", String::as_str).chars().take(100).collect();
            Error::Unsupported(format!("no advisories are read for {name}"))
        })
    }

    fn of(fields: &BTreeMap<String, String>) -> Option<Self> {
        let id = fields.get("ID")?.to_ascii_lowercase();
        let version = fields.get("VERSION_ID").map_or("", String::as_str);
        let mut numbers = version.split('.');
        let major = numbers.next().filter(|n| is_number(n));
        let minor = numbers.next().filter(|n| is_number(n));
        let (ecosystem, manager) = match id.as_str() {
            "debian" => (format!("Debian:{}", major?), Manager::Dpkg),
            "ubuntu" => {
                let (major, minor) = (major?, minor?);
                let even = major.ends_with(['0', '2', '4', '6', '8']);
                let lts = if even && minor == "04" { ":LTS" } else { "" };
                (format!("Ubuntu:{major}.{minor}{lts}"), Manager::Dpkg)
            }
            "alpine" => (format!("Alpine:v{}.{}", major?, minor?), Manager::Apk),
            "wolfi" => ("Wolfi".to_owned(), Manager::Apk),
            "chainguard" => ("Chainguard".to_owned(), Manager::Apk),
            "rhel" => (format!("Red Hat:enterprise_linux:{}", major?), Manager::Rpm),
            "rocky" => (format!("Rocky Linux:{}", major?), Manager::Rpm),
            "almalinux" => (format!("AlmaLinux:{}", major?), Manager::Rpm),
            "amzn" => (format!("Amazon Linux:{}", major?), Manager::Rpm),
            "opensuse-leap" => (format!("openSUSE:Leap {}.{}", major?, minor?), Manager::Rpm),
            "opensuse-tumbleweed" => ("openSUSE:Tumbleweed".to_owned(), Manager::Rpm),
            _ => return None,
        };
        let platform = format!("{id} {}", major.unwrap_or_default());
        let platform = platform.trim().to_ascii_uppercase();
        Some(Self {
            ecosystem,
            platform: platform.replace([' ', '-'], "_"),
            manager,
        })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse(bytes: &[u8]) -> BTreeMap<String, String> {
    let line = |line: &[u8]| {
        let line = text(line);
        let (key, value) = line.split_once('=')?;
        Some((key.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
    };
    bytes.split(|b| *b == b'\n').filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_by_id_and_version() {
        for (release, ecosystem, platform) in [
            ("ID=debian\nVERSION_ID=\"12\"", "Debian:12", "DEBIAN_12"),
            (
                "ID=ubuntu\nVERSION_ID=\"22.04\"",
                "Ubuntu:22.04:LTS",
                "UBUNTU_22",
            ),
            (
                "ID=ubuntu\nVERSION_ID=\"23.04\"",
                "Ubuntu:23.04",
                "UBUNTU_23",
            ),
            (
                "ID=ubuntu\nVERSION_ID=\"24.10\"",
                "Ubuntu:24.10",
                "UBUNTU_24",
            ),
            ("ID=alpine\nVERSION_ID=3.19.1", "Alpine:v3.19", "ALPINE_3"),
            ("ID=wolfi\nVERSION_ID=20230201", "Wolfi", "WOLFI_20230201"),
            (
                "ID=\"rocky\"\nVERSION_ID=\"9.3\"",
                "Rocky Linux:9",
                "ROCKY_9",
            ),
            (
                "ID='almalinux'\nVERSION_ID='8.10'",
                "AlmaLinux:8",
                "ALMALINUX_8",
            ),
            (
                "ID=\"rhel\"\nVERSION_ID=\"9.4\"",
                "Red Hat:enterprise_linux:9",
                "RHEL_9",
            ),
            (
                "ID=\"amzn\"\nVERSION_ID=\"2023\"",
                "Amazon Linux:2023",
                "AMZN_2023",
            ),
            (
                "ID=opensuse-leap\nVERSION_ID=15.6",
                "openSUSE:Leap 15.6",
                "OPENSUSE_LEAP_15",
            ),
        ] {
            let found = Distribution::of(&parse(release.as_bytes())).unwrap();
            assert_eq!(
                (found.ecosystem.as_str(), found.platform.as_str()),
                (ecosystem, platform)
            );
        }
        for unknown in [
            "",
            "ID=debian",
            "ID=fedora\nVERSION_ID=40",
            "ID=alpine\nVERSION_ID=edge",
        ] {
            assert_eq!(
                Distribution::of(&parse(unknown.as_bytes())),
                None,
                "{unknown}"
            );
        }
    }
}
