//! Versions of Docker's interface.
use std::fmt;

use serde::Deserialize;

/// As 1.41: the major and the minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Api(u32, u32);

/// Docker Engine 20.10, which has all that pods need.
pub(crate) const OLDEST: Api = Api(1, 41);

/// The newest one whose behaviour is known; a newer Docker speaks it too.
pub(crate) const NEWEST: Api = Api(1, 51);

/// From here on a part of a volume can be mounted. Before, the wish is ignored silently.
pub(crate) const SUB_PATHS: Api = Api(1, 45);

impl Api {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What Docker says of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    pub(crate) api_version: String,
    #[serde(rename = "MinAPIVersion", default)]
    pub(crate) min_api_version: String,
    pub(crate) os: String,
    /// As images name it: `amd64`.
    pub(crate) arch: String,
}

impl Version {
    /// The version to speak, or why there is none.
    pub(crate) fn agree(&self) -> Result<Api, String> {
        if self.os != "linux" {
            return Err(format!("it runs containers of {}, not of Linux", self.os));
        }
        let newest = Api::parse(&self.api_version);
        let newest = newest.ok_or_else(|| format!("its version is {:?}", self.api_version))?;
        if newest < OLDEST {
            return Err(format!(
                "it is too old: its API is {newest}, {OLDEST} is needed (Docker Engine 20.10)"
            ));
        }
        let agreed = newest.min(NEWEST);
        match Api::parse(&self.min_api_version) {
            Some(oldest) if oldest > agreed => {
                Err(format!("it is too new: its API begins at {oldest}"))
            }
            _ => Ok(agreed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_both_know() {
        let agree = |newest: &str, oldest: &str, os: &str| {
            let version = Version {
                api_version: newest.to_owned(),
                min_api_version: oldest.to_owned(),
                os: os.to_owned(),
                arch: "amd64".to_owned(),
            };
            version.agree().map(|api| api.to_string())
        };
        assert_eq!(agree("1.41", "1.12", "linux").unwrap(), "1.41");
        assert_eq!(agree("1.60", "1.44", "linux").unwrap(), "1.51");
        assert!(agree("1.40", "1.12", "linux").unwrap_err().contains("old"));
        assert!(agree("1.70", "1.60", "linux").unwrap_err().contains("new"));
        assert!(
            agree("1.47", "1.24", "windows")
                .unwrap_err()
                .contains("Linux")
        );
        assert!(SUB_PATHS > OLDEST && SUB_PATHS < NEWEST);
    }
}
