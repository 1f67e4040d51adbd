//! Identifiers as EC2 makes them: a prefix and 17 hexadecimal digits.
use wharf_types::Digest;

/// How many digits come after the prefix.
const DIGITS: usize = 17;

/// A new one that nobody has.
pub(crate) fn random(prefix: &str) -> String {
    let digits: String = uuid::Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .skip(32 - DIGITS + 1)
        .collect();
    // As those of EC2 today.
    format!("{prefix}-0{digits}")
}

/// That of something which always has the same.
pub(crate) fn fixed(prefix: &str, what: &str) -> String {
    format!("{prefix}-0{}", digits(what, DIGITS - 1))
}

/// Hexadecimal digits that are always the same for a text.
pub fn digits(what: &str, count: usize) -> String {
    let digest = Digest::sha256(what.as_bytes());
    digest.as_str().chars().skip(7).take(count).collect()
}

/// Whether a text is a prefix, `-` and 8 or 17 hexadecimal digits.
pub(crate) fn is_formed(id: &str, prefix: &str) -> bool {
    let digits = id
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        (digits.len() == 8 || digits.len() == DIGITS)
            && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_seventeen_digits() {
        for id in [random("i"), fixed("i", "x")] {
            assert_eq!(id.len(), 19, "{id}");
            assert!(is_formed(&id, "i"), "{id}");
        }
        assert_eq!(fixed("vpc", "a"), fixed("vpc", "a"));
        assert_ne!(random("i"), random("i"));
        for id in ["i-", "i-12", "x-00000000", "i00000000", "i-0000000g"] {
            assert!(!is_formed(id, "i"), "{id}");
        }
    }
}
