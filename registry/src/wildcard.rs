//! Filters of tags and names in which `*` stands for any characters.

/// Matches a filter against a whole text. Never takes longer than the product of both lengths, and
/// a filter with more characters than the text has is no work at all.
pub fn wildcard(filter: &str, text: &str) -> bool {
    let (filter, text) = (filter.as_bytes(), text.as_bytes());
    let literal = filter.iter().filter(|c| **c != b'*').count();
    if literal > text.len() {
        return false;
    }
    let (mut f, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match filter.get(f) {
            Some(b'*') => {
                star = Some((f, t));
                f += 1;
            }
            Some(c) if Some(c) == text.get(t) => {
                f += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one character more.
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    f = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    filter
        .get(f..)
        .is_none_or(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::wildcard;

    #[test]
    fn stars_stand_for_any_characters() {
        for (filter, text, expected) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("latest", "lates", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("dev-*", "dev-1", true),
            ("dev-*", "prod-1", false),
            ("*-rc*", "1.0-rc2", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(wildcard(filter, text), expected, "{filter} {text}");
        }
        // Not exponential.
        assert!(!wildcard(&"*a".repeat(60), &"a".repeat(59)));
        assert!(!wildcard(&"a*".repeat(15_000), &"a".repeat(300)));
    }

    /// Written to be seen to be right, not to be fast.
    fn naive(filter: &[u8], text: &[u8]) -> bool {
        match filter.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn any_filter_matches_what_a_naive_matcher_does(filter in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(wildcard(&filter, &text), naive(filter.as_bytes(), text.as_bytes()));
        }
    }
}
