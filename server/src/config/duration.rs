//! Durations as people write them: `30s`, `10m`, `24h`, `7d`, `1h30m`.
use std::{str::FromStr, time::Duration};

/// A duration in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a duration looks like 30s, 10m, 24h, 7d or 1h30m";
        let mut rest = text;
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let millis: u64 = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(FORM),
            };
            let number: u64 = number.parse().map_err(|_not_a_number| FORM)?;
            let part = number.checked_mul(millis).ok_or("too long")?;
            total = total
                .checked_add(Duration::from_millis(part))
                .filter(|total| *total <= MAX)
                .ok_or("too long")?;
            rest = after;
        }
        if text.is_empty() {
            return Err(FORM);
        }
        Ok(Self(total))
    }
}

/// Ten years: longer is a mistake, and this can be added to any time without care.
const MAX: Duration = Duration::from_hours(10 * 366 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Span(Duration::from_millis(millis))),
                "{text}"
            );
        }
        for bad in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "1 h",
            "1h ",
            "5 parsecs",
            "１s",
            "1µs",
            "99999999999d",
            "18446744073709551615h",
            "3661d",
        ] {
            bad.parse::<Span>().unwrap_err();
        }
    }
}
