//! Byte ranges: `Range` of RFC 9110, section 14, and the `Content-Range` of an upload's chunk.
use std::str::FromStr;

use crate::Invalid;

/// The most ranges that one request is answered with; a request for more gets the whole body.
const MAX_RANGES: usize = 1024;

/// A part of a body; both ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

impl ByteRange {
    pub const fn len(self) -> u64 {
        self.last - self.first + 1
    }

    pub const fn is_empty(self) -> bool {
        false
    }
}

/// What a `Range` header asks for of a body of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The whole body: no header, one that must be ignored, or one that asks for too much.
    Whole,
    One(ByteRange),
    Many(Vec<ByteRange>),
    /// 416.
    Unsatisfiable,
}

impl Ranges {
    /// Reads a `Range` header. Units other than bytes and malformed sets are ignored, as the RFC
    /// demands; a reversed range such as `500-0` is unsatisfiable, as the OCI conformance suite
    /// does.
    pub fn parse(header: &str, size: u64) -> Self {
        let Some(set) = header.trim().strip_prefix("bytes=") else {
            return Self::Whole;
        };
        let mut found = Vec::new();
        for (count, spec) in set.split(',').enumerate() {
            if count == MAX_RANGES {
                return Self::Whole;
            }
            match Spec::parse(spec.trim()) {
                None => return Self::Whole,
                Some(spec) => found.extend(spec.within(size)),
            }
        }
        match *found.as_slice() {
            [] => Self::Unsatisfiable,
            [one] => Self::One(one),
            // Overlapping ranges could ask for far more bytes than there are.
            _ if found
                .iter()
                .fold(0, |sum: u64, r| sum.saturating_add(r.len()))
                > size =>
            {
                Self::Whole
            }
            _ => Self::Many(found),
        }
    }
}

enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

impl Spec {
    fn parse(s: &str) -> Option<Self> {
        let (first, last) = s.split_once('-')?;
        match (first, last) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => Some(Self::Between(number(first)?, number(last)?)),
        }
    }

    fn within(self, size: u64) -> Option<ByteRange> {
        let (first, last) = match self {
            Self::From(first) => (first, u64::MAX),
            Self::Between(first, last) if first <= last => (first, last),
            Self::Between(..) | Self::Last(0) => return None,
            Self::Last(n) => (size.saturating_sub(n), u64::MAX),
        };
        (first < size).then(|| ByteRange {
            first,
            last: last.min(size - 1),
        })
    }
}

/// Digits; a number too large to hold is as good as the largest.
fn number(s: &str) -> Option<u64> {
    let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| s.parse().unwrap_or(u64::MAX))
}

/// Where a chunk of an upload belongs: `<first>-<last>`, without a unit, as the distribution
/// specification writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange(pub ByteRange);

impl FromStr for ContentRange {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("Content-Range", s);
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let (first, last) = s.split_once('-').ok_or_else(invalid)?;
        if !digits(first) || !digits(last) {
            return Err(invalid());
        }
        let parse = |s: &str| s.parse::<u64>().map_err(|_too_large| invalid());
        let (first, last) = (parse(first)?, parse(last)?);
        if first > last || last == u64::MAX {
            return Err(invalid());
        }
        Ok(Self(ByteRange { first, last }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn one(first: u64, last: u64) -> Ranges {
        Ranges::One(ByteRange { first, last })
    }

    #[test]
    fn rfc_9110_14_1_2_byte_ranges() {
        for (header, expected) in [
            ("bytes=0-499", one(0, 499)),
            ("bytes=500-", one(500, 9999)),
            ("bytes=-500", one(9500, 9999)),
            ("bytes=-20000", one(0, 9999)),
            ("bytes=9999-20000", one(9999, 9999)),
            ("bytes=0-0", one(0, 0)),
            ("bytes=0-18446744073709551616", one(0, 9999)),
            ("bytes=10000-", Ranges::Unsatisfiable),
            ("bytes=-0", Ranges::Unsatisfiable),
            ("bytes=500-0", Ranges::Unsatisfiable),
            ("bytes=99999999999999999999-", Ranges::Unsatisfiable),
            ("items=0-5", Ranges::Whole),
            ("bytes=", Ranges::Whole),
            ("bytes=a-b", Ranges::Whole),
            ("bytes=1-2-3", Ranges::Whole),
            ("bytes=--1", Ranges::Whole),
            ("bytes=0-,0-,0-", Ranges::Whole),
            ("bytes=0-4,20000-", one(0, 4)),
        ] {
            assert_eq!(Ranges::parse(header, 10_000), expected, "{header}");
        }
        assert_eq!(
            Ranges::parse("bytes=0-1, 5-6", 10),
            Ranges::Many(vec![
                ByteRange { first: 0, last: 1 },
                ByteRange { first: 5, last: 6 }
            ])
        );
        assert_eq!(Ranges::parse("bytes=0-0", 0), Ranges::Unsatisfiable);
    }

    #[test]
    fn chunks_have_two_ends_in_order() {
        assert_eq!("5-9".parse::<ContentRange>().unwrap().0.len(), 5);
        for bad in [
            "",
            "-",
            "0-",
            "-5",
            "5-3",
            "a-b",
            "0-18446744073709551616",
            "0-18446744073709551615",
            "bytes 0-5/6",
            "bytes=0-5",
            " 0-5",
            "+0-5",
        ] {
            bad.parse::<ContentRange>().unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn parsed_ranges_lie_inside_the_body(header in "bytes=[0-9,-]{0,30}", size in 0_u64..2000) {
            let inside = |r: &ByteRange| r.first <= r.last && r.last < size;
            match Ranges::parse(&header, size) {
                Ranges::One(r) => prop_assert!(inside(&r)),
                Ranges::Many(rs) => prop_assert!(rs.len() > 1 && rs.iter().all(inside)),
                Ranges::Whole | Ranges::Unsatisfiable => {}
            }
        }
    }
}
