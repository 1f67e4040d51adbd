//! How many entries a list shows at once.
use std::str::FromStr;

use crate::Invalid;

/// The most entries that one answer of `/v2/` holds.
pub const MAX_PAGE: usize = 1000;

/// The `n` of a list: at most [`MAX_PAGE`], and possibly 0, which asks for an empty page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(usize);

impl PageSize {
    pub const fn get(self) -> usize {
        self.0
    }

    /// This size, or a smaller one.
    #[must_use]
    pub fn at_most(self, limit: usize) -> Self {
        Self(self.0.min(limit))
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(MAX_PAGE)
    }
}

impl FromStr for PageSize {
    type Err = Invalid;

    /// Larger numbers are clamped, however large; anything else but digits is refused.
    fn from_str(s: &str) -> Result<Self, Invalid> {
        if s.is_empty() || s.len() > 20 || !s.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::new("number of entries", s));
        }
        Ok(Self(s.parse().map_or(MAX_PAGE, |n: usize| n.min(MAX_PAGE))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_clamped_and_never_negative() {
        assert_eq!("0".parse::<PageSize>().unwrap().get(), 0);
        assert_eq!("7".parse::<PageSize>().unwrap().get(), 7);
        assert_eq!("1000000000".parse::<PageSize>().unwrap().get(), MAX_PAGE);
        assert_eq!(
            "99999999999999999999".parse::<PageSize>().unwrap().get(),
            MAX_PAGE
        );
        for bad in ["", "-1", "abc", "1.5", "+3", "9e99", " 1"] {
            bad.parse::<PageSize>().unwrap_err();
        }
    }
}
