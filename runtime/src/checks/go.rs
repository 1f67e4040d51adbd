//! Texts as Go writes them.
use std::fmt::Write as _;
use std::time::Duration;

/// A text between quotes, as `%q`.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() && u32::from(c) < 0x80 => {
                // Writing into a text cannot fail.
                let _written = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A time, as `%v`: `1s`, `1m30s`, `100ms`.
pub(super) fn duration(time: Duration) -> String {
    let secs = time.as_secs();
    let (hours, minutes) = (secs / 3600, secs / 60 % 60);
    if secs == 0 {
        return match time.as_millis() {
            0 => "0s".to_owned(),
            millis => format!("{millis}ms"),
        };
    }
    let mut text = String::new();
    if hours > 0 {
        text = format!("{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _written = write!(text, "{minutes}m");
    }
    let rest = time.saturating_sub(Duration::from_mins(secs / 60));
    let _written = write!(text, "{}s", rest.as_secs_f64());
    text
}

/// A host and a port as one word: IPv6 addresses stand in brackets.
pub(super) fn join(host: &str, port: u16) -> String {
    if host.contains(':') || host.contains('%') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_texts_are_written_as_go_does() {
        let times = [
            (1000, "1s"),
            (90_000, "1m30s"),
            (60_000, "1m0s"),
            (3_600_000, "1h0m0s"),
            (1500, "1.5s"),
            (100, "100ms"),
            (0, "0s"),
        ];
        for (millis, text) in times {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(quoted("a \"b\"\\\n\u{1}é"), "\"a \\\"b\\\"\\\\\\n\\x01é\"");
        assert_eq!(join("10.0.0.1", 80), "10.0.0.1:80");
        assert_eq!(join("fd00::1", 80), "[fd00::1]:80");
    }
}
