//! What repository names may begin with.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Invalid, RepoName, name::is_component};

/// The beginning of repository names in whole components, with or without a slash at its end, or
/// `ROOT`: the beginning of all names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(Box<str>);

impl Prefix {
    /// The prefix that every name has.
    pub const ROOT: &'static str = "ROOT";

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the slash, which is always assumed: equal for prefixes that mean the same.
    pub fn key(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }

    pub fn is_root(&self) -> bool {
        &*self.0 == Self::ROOT
    }

    /// The rest of a name that begins with this.
    pub fn strip<'n>(&self, name: &'n RepoName) -> Option<&'n str> {
        if self.is_root() {
            return Some(name.as_str());
        }
        name.as_str().strip_prefix(self.key())?.strip_prefix('/')
    }

    /// The keys of all prefixes of a name, the longest first and `ROOT` last.
    pub fn keys_of(name: &RepoName) -> impl Iterator<Item = &str> {
        let all = std::iter::successors(parent(name.as_str()), |name| parent(name));
        all.chain([Self::ROOT])
    }
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(before, _)| before)
}

impl FromStr for Prefix {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let path = s.strip_suffix('/').unwrap_or(s);
        if s == Self::ROOT || s.len() <= RepoName::MAX && path.split('/').all(is_component) {
            Ok(Self(s.into()))
        } else {
            Err(Invalid::new("prefix of repository names", s))
        }
    }
}

impl TryFrom<String> for Prefix {
    type Error = Invalid;

    fn try_from(s: String) -> Result<Self, Invalid> {
        s.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.0.into()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_of_whole_components() {
        for (prefix, name, rest) in [
            ("prod", "prod/app", Some("app")),
            ("prod/", "prod/a/b", Some("a/b")),
            ("prod", "production/app", None),
            ("prod", "prod", None),
            ("prod/team", "prod/team/app", Some("app")),
            ("ROOT", "app", Some("app")),
        ] {
            let (prefix, name): (Prefix, RepoName) =
                (prefix.parse().unwrap(), name.parse().unwrap());
            assert_eq!(prefix.strip(&name), rest, "{prefix} {name}");
        }
        for wrong in [
            "",
            "/",
            "a//",
            "/a",
            "A",
            "root/..",
            "a-",
            "ROOT/",
            "root/ROOT",
        ] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
        assert!("a".parse::<Prefix>().is_ok());
    }

    #[test]
    fn the_longest_prefix_comes_first() {
        let name: RepoName = "a/b/c".parse().unwrap();
        assert_eq!(
            Prefix::keys_of(&name).collect::<Vec<_>>(),
            ["a/b", "a", "ROOT"]
        );
        let name: RepoName = "app".parse().unwrap();
        assert_eq!(Prefix::keys_of(&name).collect::<Vec<_>>(), ["ROOT"]);
    }
}
