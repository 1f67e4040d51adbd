//! apk-package(5): `NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[~HASH][-rNUMBER]`, compared as apk does.
use std::cmp::Ordering;

use super::{digits, split};

/// Suffixes in their order; those before `""` are of what is not yet released.
const SUFFIXES: &[&str] = &[
    "alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p",
];
const RELEASED: usize = 4;

/// A piece of a version. The order is that of apk's own tokens: of two that differ in kind the
/// later kind is the lesser version, as it has one part less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'v> {
    First(&'v [u8]),
    Number(&'v [u8]),
    Letter(u8),
    Suffix(usize),
    SuffixNumber(&'v [u8]),
    Hash(&'v [u8]),
    Revision(&'v [u8]),
    End,
    /// What does not follow the grammar, to the end.
    Invalid(&'v [u8]),
}

impl Token<'_> {
    const fn kind(&self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
            Self::Invalid(_) => 8,
        }
    }

    fn is_unreleased(&self) -> bool {
        matches!(self, Self::Suffix(i) if *i < RELEASED)
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a.trim().as_bytes(), b.trim().as_bytes());
    let (mut x, mut y) = (first(&mut a_rest), first(&mut b_rest));
    while x.kind() == y.kind() {
        let different = same_kind(x, y);
        if different.is_ne() || matches!(x, Token::End | Token::Invalid(_)) {
            return different;
        }
        (x, y) = (next(x, &mut a_rest), next(y, &mut b_rest));
    }
    if x.is_unreleased() {
        return Ordering::Less;
    }
    if y.is_unreleased() {
        return Ordering::Greater;
    }
    y.kind().cmp(&x.kind())
}

fn same_kind(x: Token<'_>, y: Token<'_>) -> Ordering {
    match (x, y) {
        // A part with leading zeros is a decimal fraction, as it were.
        (Token::Number(x), Token::Number(y)) if x.starts_with(b"0") || y.starts_with(b"0") => {
            x.cmp(y)
        }
        (Token::First(x), Token::First(y))
        | (Token::Number(x), Token::Number(y))
        | (Token::SuffixNumber(x), Token::SuffixNumber(y))
        | (Token::Revision(x), Token::Revision(y)) => digits(x, y),
        (Token::Letter(x), Token::Letter(y)) => x.cmp(&y),
        (Token::Suffix(x), Token::Suffix(y)) => x.cmp(&y),
        (Token::Hash(x), Token::Hash(y)) | (Token::Invalid(x), Token::Invalid(y)) => x.cmp(y),
        _ => Ordering::Equal,
    }
}

fn first<'v>(rest: &mut &'v [u8]) -> Token<'v> {
    number(rest).map_or(Token::Invalid(rest), Token::First)
}

fn next<'v>(before: Token<'v>, rest: &mut &'v [u8]) -> Token<'v> {
    let all = *rest;
    let kind = before.kind();
    let invalid = Token::Invalid(all);
    match all {
        [] => Token::End,
        [b'.', after @ ..] if kind <= 1 => {
            *rest = after;
            number(rest).map_or(invalid, Token::Number)
        }
        [letter @ b'a'..=b'z', after @ ..] if kind <= 1 => {
            *rest = after;
            Token::Letter(*letter)
        }
        [b'_', after @ ..] if kind <= 4 => {
            let (name, after) = split(after, |c| c.is_ascii_lowercase());
            let known = SUFFIXES
                .iter()
                .position(|suffix| !suffix.is_empty() && suffix.as_bytes() == name);
            *rest = after;
            known.map_or(invalid, Token::Suffix)
        }
        [b'0'..=b'9', ..] if kind == 3 => number(rest).map_or(invalid, Token::SuffixNumber),
        [b'~', after @ ..] if kind <= 4 => {
            let (hash, after) = split(after, |c| c.is_ascii_hexdigit());
            *rest = after;
            Token::Hash(hash)
        }
        [b'-', b'r', after @ ..] if kind <= 5 => {
            *rest = after;
            number(rest).map_or(invalid, Token::Revision)
        }
        _ => invalid,
    }
}

fn number<'v>(rest: &mut &'v [u8]) -> Option<&'v [u8]> {
    let (number, after) = split(rest, |c| c.is_ascii_digit());
    *rest = after;
    (!number.is_empty()).then_some(number)
}
