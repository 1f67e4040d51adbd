//! Repository names, tags, and what a manifest can be asked for by.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Digest, Invalid};

/// A repository name as the distribution specification and ECR both accept it: components of
/// lower-case letters and digits, joined by `.`, `_`, `__` or dashes, and separated by `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoName(Box<str>);

impl RepoName {
    /// The most characters a name may have.
    pub const MAX: usize = 256;

    /// Joins path segments into a name.
    pub fn join(segments: &[&str]) -> Result<Self, Invalid> {
        segments.join("/").parse()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn is_component(s: &str) -> bool {
    let mut rest = s.bytes().peekable();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    loop {
        if rest.next_if(alphanumeric).is_none() {
            return false;
        }
        while rest.next_if(alphanumeric).is_some() {}
        match rest.next() {
            None => return true,
            Some(b'.') => {}
            Some(b'_') => drop(rest.next_if_eq(&b'_')),
            Some(b'-') => while rest.next_if_eq(&b'-').is_some() {},
            Some(_) => return false,
        }
    }
}

impl FromStr for RepoName {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        if s.len() >= 2 && s.len() <= Self::MAX && s.split('/').all(is_component) {
            Ok(Self(s.into()))
        } else {
            Err(Invalid::new("repository name", s))
        }
    }
}

/// A tag. `/v2/` reaches those of up to 128 characters; ECR's JSON API knows longer ones.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Box<str>);

impl Tag {
    /// The most characters a tag may have in ECR's JSON API.
    pub const MAX: usize = 300;
    /// The most characters of a tag in the distribution specification.
    pub const MAX_OCI: usize = 128;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let first = s.bytes().next().is_some_and(word);
        let rest = s.bytes().all(|b| word(b) || b == b'.' || b == b'-');
        if first && rest && s.len() <= Self::MAX {
            Ok(Self(s.into()))
        } else {
            Err(Invalid::new("tag", s))
        }
    }
}

/// The last segment of `/v2/<name>/manifests/<reference>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestRef {
    Digest(Digest),
    Tag(Tag),
}

impl FromStr for ManifestRef {
    type Err = Invalid;

    /// A reference with a colon is a digest and never a tag.
    fn from_str(s: &str) -> Result<Self, Invalid> {
        if s.contains(':') {
            return s.parse().map(Self::Digest);
        }
        if s.len() > Tag::MAX_OCI {
            return Err(Invalid::new("tag", s));
        }
        s.parse().map(Self::Tag)
    }
}

impl fmt::Display for ManifestRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}

macro_rules! text {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $type {
            type Error = Invalid;
            fn try_from(s: String) -> Result<Self, Invalid> {
                s.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0.into()
            }
        }
    )*};
}
text!(RepoName, Tag);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_follow_the_grammar_of_ecr() {
        let longest = "a".repeat(256);
        for good in [
            "ab",
            "a/b",
            "a.b",
            "a_b",
            "a__b",
            "a---b",
            "0/1/2",
            "shop/web-1.2_x",
            &longest,
        ] {
            good.parse::<RepoName>().unwrap();
        }
        let too_long = "a".repeat(257);
        for bad in [
            "", "a", "A", "aB", "..", "a/../b", "a//b", "/ab", "ab/", "-ab", "ab-", ".ab", "a..b",
            "a___b", "a._b", "a%2fb", "a\\b", "a b", "ä", "a\0b", &too_long,
        ] {
            bad.parse::<RepoName>().unwrap_err();
        }
    }

    #[test]
    fn tags_have_128_characters_in_the_specification_and_300_in_ecr() {
        "_a.b-C".parse::<Tag>().unwrap();
        "t".repeat(300).parse::<Tag>().unwrap();
        "t".repeat(301).parse::<Tag>().unwrap_err();
        "t".repeat(128).parse::<ManifestRef>().unwrap();
        "t".repeat(129).parse::<ManifestRef>().unwrap_err();
        for bad in ["", ".a", "-a", "a/b", "a b", "ä", "a:b"] {
            bad.parse::<Tag>().unwrap_err();
        }
    }

    #[test]
    fn a_malformed_digest_is_never_a_tag() {
        "sha256:baddigeststring".parse::<ManifestRef>().unwrap_err();
    }

    proptest! {
        #[test]
        fn every_parsed_name_is_itself_again(name in "[a-z0-9]{1,5}([._-][a-z0-9]{1,5}){0,3}(/[a-z0-9]{1,5}){0,4}") {
            prop_assume!(name.len() >= 2);
            prop_assert_eq!(name.parse::<RepoName>().unwrap().to_string(), name);
        }

        #[test]
        fn nothing_that_parses_could_leave_a_directory(name in "\\PC{0,40}") {
            if name.parse::<RepoName>().is_ok() {
                prop_assert!(!name.contains("..") && !name.starts_with('/') && name.is_ascii());
            }
        }
    }
}
