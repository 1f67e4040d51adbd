//! The two ways in which a signed request writes its time.
use jiff::{civil::DateTime, fmt::rfc2822, tz::TimeZone};
use wharf_types::Timestamp;

/// Reads `20260101T000000Z`.
pub(super) fn parse_basic(text: &str) -> Option<Timestamp> {
    let mut digits = [0_i16; 14];
    let mut next = digits.iter_mut();
    for (at, byte) in text.bytes().enumerate() {
        match (at, byte) {
            (8, b'T') | (15, b'Z') => {}
            (0..8 | 9..15, b'0'..=b'9') => *next.next()? = i16::from(byte - b'0'),
            _ => return None,
        }
    }
    if text.len() != 16 {
        return None;
    }
    let [y1, y2, y3, y4, rest @ ..] = digits;
    let [month, day, hour, minute, second] = pairs(rest)?;
    let year = y1 * 1000 + y2 * 100 + y3 * 10 + y4;
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::from_ms(time.as_millisecond()))
}

fn pairs(digits: [i16; 10]) -> Option<[i8; 5]> {
    let mut out = [0; 5];
    for (value, pair) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        *value = i8::try_from(pair[0] * 10 + pair[1]).ok()?;
    }
    Some(out)
}

/// Reads a `Date` header: `Thu, 01 Jan 2026 00:00:00 GMT`.
pub(super) fn parse_http(text: &str) -> Option<Timestamp> {
    let time = rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::from_ms(time.as_millisecond()))
}

/// Writes `20260101T000000Z`.
pub(super) fn basic(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_ms()) {
        Ok(time) => time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_out_of_range) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let text = "20150830T123600Z";
        assert_eq!(parse_basic(text).map(basic).as_deref(), Some(text));
        assert_eq!(
            parse_http("Sun, 30 Aug 2015 12:36:00 GMT"),
            parse_basic(text)
        );
        for bad in [
            "",
            "20150830",
            "20150830T123600",
            "20150830t123600Z",
            "20150830T123600ZZ",
            "20150830T126000Z",
            "20150229T000000Z",
            "2015-083T123600Z",
            "20150830T12360\u{e9}",
        ] {
            assert_eq!(parse_basic(bad), None, "{bad:?}");
        }
        assert_eq!(
            basic(Timestamp::from_ms(i64::MIN)),
            format!("{}ms", i64::MIN)
        );
    }
}
