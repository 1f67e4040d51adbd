//! The order of versions, which each package manager has its own idea of.
use std::cmp::Ordering;

mod alpine;
mod debian;
mod rpm;

/// Whose order it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// deb-version(7)
    Debian,
    /// apk-package(5)
    Alpine,
    /// rpm-version(7)
    Rpm,
}

impl Scheme {
    /// Compares two versions. Any text has a place in the order, so that a malformed version is
    /// somewhere rather than an error.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Debian => debian::compare(a, b),
            Self::Alpine => alpine::compare(a, b),
            Self::Rpm => rpm::compare(a, b),
        }
    }
}

/// Compares digits of any length as the number they are.
fn digits(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (strip_zeros(a), strip_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    let first = digits.iter().position(|b| *b != b'0');
    digits
        .get(first.unwrap_or(digits.len())..)
        .unwrap_or_default()
}

/// The bytes at the beginning that are of a kind, and the rest.
fn split(text: &[u8], is: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !is(*b)).unwrap_or(text.len());
    text.split_at(end)
}

/// `EPOCH:REST`; without an epoch it is zero.
fn epoch(version: &str) -> (&[u8], &str) {
    match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (epoch.as_bytes(), rest)
        }
        _ => (b"", version),
    }
}

#[cfg(test)]
mod tests;
