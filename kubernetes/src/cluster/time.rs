//! Times as objects hold them.
use wharf_types::Timestamp;

/// Whole seconds, as `metadata.creationTimestamp`.
pub fn rfc3339(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default();
    at.to_string()
}

/// Microseconds, as in leases and new events.
pub fn rfc3339_micro(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_ms()).unwrap_or_default();
    format!("{at:.6}")
}

/// Reads either form.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_ms(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_text_and_back() {
        let at = Timestamp::from_ms(1_700_000_000_123);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339_micro(at), "2023-11-14T22:13:20.123000Z");
        assert_eq!(parse_rfc3339(&rfc3339_micro(at)), Some(at));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
