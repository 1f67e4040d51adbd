//! The versions of Kubernetes that clusters can have.
use wharf_types::Digest;

use crate::Error;

/// What AWS still does for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Standard,
    Extended,
}

impl Support {
    /// As `versionStatus` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD_SUPPORT",
            Self::Extended => "EXTENDED_SUPPORT",
        }
    }

    /// As the older `status` has it.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Standard => "standard-support",
            Self::Extended => "extended-support",
        }
    }
}

/// A version of Kubernetes. Times are seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// Like `1.34`.
    pub name: &'static str,
    pub minor: u32,
    /// Like `1.34.1`.
    pub patch: &'static str,
    /// What new clusters get.
    pub platform: &'static str,
    /// The date in the release version of its machine images.
    pub image: &'static str,
    pub support: Support,
    pub released: i64,
    pub end_of_standard: i64,
    pub end_of_extended: i64,
}

/// What clusters get that name none.
pub const DEFAULT: &str = "1.34";

/// The newest first.
#[rustfmt::skip]
pub const VERSIONS: &[Version] = &[
    // 2025-10-02, 2026-12-02, 2027-12-02
    Version { name: "1.34", minor: 34, patch: "1.34.1", platform: "eks.9", image: "20251112", support: Support::Standard,
        released: 1_759_363_200, end_of_standard: 1_796_169_600, end_of_extended: 1_827_705_600 },
    // 2025-05-29, 2026-07-29, 2027-07-29
    Version { name: "1.33", minor: 33, patch: "1.33.5", platform: "eks.23", image: "20251112", support: Support::Standard,
        released: 1_748_476_800, end_of_standard: 1_785_283_200, end_of_extended: 1_816_819_200 },
    // 2025-01-23, 2026-03-23, 2027-03-23
    Version { name: "1.32", minor: 32, patch: "1.32.9", platform: "eks.30", image: "20251112", support: Support::Standard,
        released: 1_737_590_400, end_of_standard: 1_774_224_000, end_of_extended: 1_805_760_000 },
    // 2024-09-26, 2025-11-26, 2026-11-26
    Version { name: "1.31", minor: 31, patch: "1.31.13", platform: "eks.46", image: "20251112", support: Support::Extended,
        released: 1_727_308_800, end_of_standard: 1_764_115_200, end_of_extended: 1_795_651_200 },
    // 2024-05-23, 2025-07-23, 2026-07-23
    Version { name: "1.30", minor: 30, patch: "1.30.14", platform: "eks.54", image: "20251112", support: Support::Extended,
        released: 1_716_422_400, end_of_standard: 1_753_228_800, end_of_extended: 1_784_764_800 },
];

/// A version by its name.
pub fn find(name: &str) -> Option<&'static Version> {
    VERSIONS.iter().find(|version| version.name == name)
}

/// The version of a new cluster.
pub fn of_new(name: Option<&str>) -> Result<&'static Version, Error> {
    let found = find(name.unwrap_or(DEFAULT));
    found.ok_or_else(|| Error::invalid_parameter("unsupported Kubernetes version"))
}

/// The newest machine image of a version.
pub fn release(version: &Version, bottlerocket: bool) -> String {
    if bottlerocket {
        return "1.50.0-5f0a9ae3".to_owned();
    }
    format!("{}-{}", version.patch, version.image)
}

/// What a node of a version says that it runs, such as `v1.34.1-eks-113cf36`.
pub fn kubelet(name: &str) -> String {
    let patch = find(name).map_or_else(|| format!("{name}.0"), |found| found.patch.to_owned());
    let digest = Digest::sha256(patch.as_bytes()).to_string();
    let build: String = digest.chars().skip("sha256:".len()).take(7).collect();
    format!("v{patch}-eks-{build}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        assert!(find(DEFAULT).is_some());
        for pair in VERSIONS.windows(2) {
            assert_eq!(pair[0].minor, pair[1].minor + 1);
        }
        for version in VERSIONS {
            assert_eq!(version.name, format!("1.{}", version.minor));
            assert!(version.patch.starts_with(&format!("{}.", version.name)));
            assert!(version.released < version.end_of_standard);
            assert!(version.end_of_standard < version.end_of_extended);
            for time in [
                version.released,
                version.end_of_standard,
                version.end_of_extended,
            ] {
                assert_eq!(time % 86_400, 0, "{}", version.name);
            }
        }
    }
}
