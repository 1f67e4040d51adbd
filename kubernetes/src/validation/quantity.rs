//! Quantities such as `100m` and `1.5Gi`.
use std::fmt;

use serde_json::Value;

use crate::{Errors, Path};

const NANO: i128 = 1_000_000_000;
/// Go keeps quantities with a binary suffix within a signed 64-bit number of units.
const MOST_BINARY: i128 = (i64::MAX as i128) * NANO;
/// The most billionths of all others, far more than anybody means.
const MOST: i128 = 10i128.pow(37);
const SYNTAX: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Decimal,
    Exponent,
    Binary,
}

/// An amount of something, exact to a billionth; smaller parts are rounded up.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// By value: `1` is `1000m`.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self::from_units(0);

    /// Reads a quantity; the error is the text of Go.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = unsigned.split_at_checked(digits).ok_or(SYNTAX)?;
        let (part, suffix) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                rest.split_at_checked(digits).ok_or(SYNTAX)?
            }
            None => ("", rest),
        };
        if whole.is_empty() && part.is_empty() {
            return Err(SYNTAX);
        }
        let (base, exponent, format) = unit(suffix)?;
        let mut nanos = scaled(whole, part, base, exponent);
        if text.starts_with('-') {
            nanos = -nanos;
        }
        Ok(Self { nanos, format })
    }

    /// The text that the server stores for a quantity, without parts below a thousandth. As in
    /// Go, a text stays as it is where Go would find nothing to shorten in it, such as `1.125`.
    pub fn stored(text: &str) -> Result<String, &'static str> {
        let quantity = Self::parse(text)?;
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, suffix) = unsigned
            .split_at_checked(end.unwrap_or(unsigned.len()))
            .unwrap_or((unsigned, ""));
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{}{part}", whole.trim_start_matches('0'));
        let (base, exponent, _) = unit(suffix)?;
        let places = i32::try_from(part.len()).unwrap_or(i32::MAX);
        let scale = exponent.saturating_sub(places);
        // Eight divides every unit above.
        let odd = digits.parse::<u64>().is_ok_and(|n| n % 8 != 0);
        let room = 14 - exponent.clamp(0, 60) * 3 / 10;
        let short = i32::try_from(digits.len()).is_ok_and(|length| length <= room);
        if base == 2 && part.is_empty() && odd && short {
            return Ok(text.to_owned());
        }
        let kept = base == 10
            && digits.len() <= 18
            && scale >= -3
            && scale % 3 == 0
            && !digits.ends_with("000")
            && !digits.is_empty()
            && !digits.starts_with('0')
            && whole.starts_with(|c: char| c != '0');
        if kept {
            return Ok(text.to_owned());
        }
        Ok(quantity.round_up_to_milli().to_string())
    }

    /// Reads a text, or a number as JSON may have it.
    pub fn of(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            _ => Err(SYNTAX),
        }
    }

    /// So many whole units.
    pub const fn from_units(units: i64) -> Self {
        Self {
            nanos: units as i128 * NANO,
            format: Format::Decimal,
        }
    }

    /// Whole units, rounded up.
    pub fn units(self) -> i64 {
        clamp(ceil(self.nanos, NANO))
    }

    /// Thousandths, rounded up.
    pub fn milli(self) -> i64 {
        clamp(ceil(self.nanos, NANO / 1000))
    }

    /// Without parts below a thousandth.
    #[must_use]
    pub fn round_up_to_milli(self) -> Self {
        let step = NANO / 1000;
        Self {
            nanos: ceil(self.nanos, step) * step,
            ..self
        }
    }

    pub fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// The sum, kept within what a quantity can be.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let format = if self.is_zero() {
            other.format
        } else {
            self.format
        };
        let nanos = self.nanos.saturating_add(other.nanos).clamp(-MOST, MOST);
        Self { nanos, format }
    }

    #[must_use]
    pub(crate) fn minus(self, other: Self) -> Self {
        let nanos = -other.nanos;
        self.plus(Self { nanos, ..other })
    }
}

fn clamp(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
}

/// Division away from zero, as Go rounds quantities.
fn ceil(n: i128, by: i128) -> i128 {
    let whole = n / by;
    if n % by == 0 {
        whole
    } else {
        whole + n.signum()
    }
}

fn unit(suffix: &str) -> Result<(i128, i32, Format), &'static str> {
    let decimal = |exponent| Ok((10, exponent, Format::Decimal));
    let binary = |exponent| Ok((2, exponent, Format::Binary));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let known = |c: char| "eEinumkKMGTP+-0123456789".contains(c);
            if !suffix.chars().all(known) {
                return Err(SYNTAX);
            }
            let exponent = suffix
                .strip_prefix(['e', 'E'])
                .and_then(|e| e.parse::<i32>().ok())
                .ok_or("unable to parse quantity's suffix")?;
            Ok((10, exponent, Format::Exponent))
        }
    }
}

/// `whole.part × base^exponent` in billionths, rounded up and kept within [`MOST`].
fn scaled(whole: &str, part: &str, base: i128, exponent: i32) -> i128 {
    let whole = whole.trim_start_matches('0');
    let shift = if base == 10 { exponent } else { 0 };
    let length = i32::try_from(whole.len()).unwrap_or(i32::MAX);
    let most = if base == 2 { MOST_BINARY } else { MOST };
    if !whole.is_empty() && length.saturating_add(shift) > 28 {
        return most;
    }
    let digits = whole
        .bytes()
        .chain(part.bytes())
        .map(|b| i128::from(b - b'0'));
    // The place of the digit: billionths are place 0.
    let first = length.saturating_add(shift).saturating_add(8);
    let mut sum: i128 = 0;
    let mut rest = false;
    for (place, digit) in (0i32..).map(|i| first.saturating_sub(i)).zip(digits) {
        match u32::try_from(place) {
            Ok(place) if place <= 36 => sum += digit * 10i128.pow(place),
            Ok(_) if digit > 0 => return most,
            Ok(_) => {}
            Err(_) => rest |= digit > 0,
        }
    }
    let factor = if base == 2 {
        1i128 << exponent.clamp(0, 60)
    } else {
        1
    };
    // With a binary suffix, parts below a billionth would still count; nobody writes them.
    (sum.saturating_add(i128::from(rest)))
        .saturating_mul(factor)
        .min(most)
}

/// The canonical form, in which the server stores it.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.format == Format::Binary && !small && self.is_whole() {
            let mut units = self.nanos / NANO;
            let mut suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter();
            let mut shown = suffix.next();
            while units % 1024 == 0
                && let Some(next) = suffix.next()
            {
                units /= 1024;
                shown = Some(next);
            }
            return write!(f, "{units}{}", shown.copied().unwrap_or_default());
        }
        let (mut number, mut exponent) = (self.nanos, -9);
        while number % 1000 == 0 && exponent < 18 {
            number /= 1000;
            exponent += 3;
        }
        match (self.format, exponent) {
            (_, 0) => write!(f, "{number}"),
            (Format::Exponent, _) => write!(f, "{number}e{exponent}"),
            (_, -9) => write!(f, "{number}n"),
            (_, -6) => write!(f, "{number}u"),
            (_, -3) => write!(f, "{number}m"),
            (_, 3) => write!(f, "{number}k"),
            (_, 6) => write!(f, "{number}M"),
            (_, 9) => write!(f, "{number}G"),
            (_, 12) => write!(f, "{number}T"),
            (_, 15) => write!(f, "{number}P"),
            _ => write!(f, "{number}E"),
        }
    }
}

/// A quantity that can be read and is not negative; what it is.
pub(crate) fn validate_quantity(
    value: &Value,
    path: &Path,
    errors: &mut Errors,
) -> Option<Quantity> {
    match Quantity::of(value) {
        Ok(quantity) if quantity < Quantity::ZERO => {
            errors.invalid(path, &quantity.to_string().into(), super::NEGATIVE);
            None
        }
        Ok(quantity) => Some(quantity),
        Err(why) => {
            errors.invalid(path, value, why);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        Quantity::parse(text).unwrap().to_string()
    }

    #[test]
    fn the_canonical_form_is_that_of_the_api_server() {
        for (given, wanted) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Mi", "512Ki"),
            ("100Mi", "100Mi"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("512", "512"),
            ("1e3", "1e3"),
            ("2E", "2E"),
            ("0", "0"),
            ("00.10", "100m"),
            ("-1", "-1"),
            ("1n", "1n"),
            ("0.0000000001", "1n"),
            ("+5", "5"),
            (".5", "500m"),
            ("5.", "5"),
            ("128974848", "128974848"),
            ("129e6", "129e6"),
        ] {
            assert_eq!(shown(given), wanted, "{given}");
        }
        assert_eq!(Quantity::parse("1Gi").unwrap().units(), 1 << 30);
        assert_eq!(Quantity::parse("1.1").unwrap().units(), 2);
        assert_eq!(Quantity::parse("0.1").unwrap().milli(), 100);
        assert_eq!(Quantity::parse("1"), Quantity::parse("1000m"));
        for (given, stored) in [("1.125", "1.125"), ("1.5", "1500m"), ("1.2345", "1235m")] {
            assert_eq!(Quantity::stored(given).unwrap(), stored);
        }
        assert_eq!(
            Quantity::parse("999999999999999999999E").unwrap().units(),
            i64::MAX
        );
    }

    #[test]
    fn what_is_no_quantity_is_told() {
        for bad in ["", "a", "1x", "--1", ".", "1 Gi"] {
            assert!(Quantity::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Quantity::parse("1mm"),
            Err("unable to parse quantity's suffix")
        );
    }

    proptest! {
        #[test]
        fn the_canonical_form_means_the_same(text in "[+-]?[0-9]{0,30}\\.?[0-9]{0,12}(|m|k|Mi|Gi|e[+-]?[0-9]{1,9})") {
            if let Ok(quantity) = Quantity::parse(&text) {
                let again = Quantity::parse(&quantity.to_string()).unwrap();
                prop_assert_eq!(again, quantity);
                prop_assert_eq!(again.to_string(), quantity.to_string());
            }
        }

        #[test]
        fn nothing_panics(text in ".*") {
            Quantity::parse(&text).ok();
        }
    }
}
