//! Random parts of names.
use std::sync::atomic::{AtomicU64, Ordering};

/// Without vowels and what looks like them, so that no word comes out.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The longest name that `generateName` makes.
const MAX: usize = 63;

/// How long the random part is.
const SUFFIX: usize = 5;

/// A name that begins as `generateName` says.
pub(super) fn generated(base: &str) -> String {
    let base: String = base.chars().take(MAX - SUFFIX).collect();
    format!("{base}{}", suffix())
}

/// Five random letters.
pub(crate) fn suffix() -> String {
    let random = uuid::Uuid::new_v4().into_bytes();
    let letter = |byte: &u8| {
        let at = usize::from(*byte) % ALPHABET.len();
        ALPHABET.get(at).map_or('x', |&letter| char::from(letter))
    };
    random.iter().take(SUFFIX).map(letter).collect()
}

/// What makes the name of an event its own.
pub(super) fn event_suffix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let random = uuid::Uuid::new_v4().as_u128() >> 80;
    let next = NEXT.fetch_add(1, Ordering::Relaxed) & 0xffff;
    format!("{random:012x}{next:04x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_fit_and_differ() {
        let long = "x".repeat(300);
        assert_eq!(generated(&long).len(), MAX);
        let name = generated("web-");
        assert!(name.starts_with("web-") && name.len() == 9);
        assert_ne!(generated("web-"), generated("web-"));
        assert_ne!(event_suffix(), event_suffix());
    }
}
