//! Identifiers that the server makes.
use std::{fmt, str::FromStr};

use crate::Invalid;

/// An upload session, and the key of the blob that it writes: a random UUID in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Box<str>);

impl UploadId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let groups: Vec<usize> = s.split('-').map(str::len).collect();
        let hex = s
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        if hex && groups == [8, 4, 4, 4, 12] {
            Ok(Self(s.into()))
        } else {
            Err(Invalid::new("upload id", s))
        }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_parse() {
        "0123abcd-0000-4000-8000-00000000ffff"
            .parse::<UploadId>()
            .unwrap();
        for bad in [
            "",
            "..",
            "0123abcd-0000-4000-8000-00000000fffF",
            "0123abcd/../../../../../00000000ffff",
            "0123abcd000040008000000000000ffff",
        ] {
            bad.parse::<UploadId>().unwrap_err();
        }
    }
}
