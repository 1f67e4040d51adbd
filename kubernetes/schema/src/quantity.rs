//! Quantities, such as `500m` and `1Gi`, and their canonical text.
//!
//! A number is kept as its decimal digits: the work is linear in the text, whatever the exponent.

/// Why a text is no quantity, in Kubernetes' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuantity {
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i64); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
/// Digits after the point that are kept.
const NANO: i64 = -9;
/// The most that a quantity with a binary suffix can be.
const MAX_BINARY: &[u8] = b"9223372036854775807";

/// The text in which Kubernetes stores a quantity: `1000m` is `1`, and `1024Mi` is `1Gi`.
pub fn canonical(text: &str) -> Result<String, BadQuantity> {
    if text.is_empty() {
        return Err(BadQuantity::Format);
    }
    let parts = Parts::split(text)?;
    let (format, exponent) = interpret(parts.suffix).ok_or(BadQuantity::Suffix)?;
    let digits: Vec<u8> = parts.whole.bytes().chain(parts.fraction.bytes()).collect();
    let places = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
    if kept(&parts, &digits, format, exponent) {
        return Ok(text.to_owned());
    }
    let mut number = match format {
        Format::Binary => Number::new(digits, -places).times_1024(exponent),
        Format::Decimal | Format::Exponent => Number::new(digits, exponent.saturating_sub(places)),
    };
    number.round_up(NANO);
    if format == Format::Binary {
        number.cap(MAX_BINARY);
    }
    if number.digits.is_empty() {
        return Ok("0".to_owned());
    }
    let sign = if parts.negative { "-" } else { "" };
    Ok(number
        .print(format)
        .map_or_else(|| text.to_owned(), |printed| format!("{sign}{printed}")))
}

struct Parts<'a> {
    negative: bool,
    /// Without leading zeros; "0" if nothing else.
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, BadQuantity> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let rest = rest.trim_start_matches('0');
        let (whole, rest) = digits(rest);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let after = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
        let after = after.strip_prefix(['+', '-']).unwrap_or(after);
        if !after.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadQuantity::Format);
        }
        Ok(Self {
            negative,
            whole: if whole.is_empty() { "0" } else { whole },
            fraction,
            suffix,
        })
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The power of ten, or of 1024.
fn interpret(suffix: &str) -> Option<(Format, i64)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Some((Format::Decimal, *exponent));
    }
    if let Some(at) = BINARY.iter().position(|name| *name == suffix) {
        return Some((Format::Binary, i64::try_from(at).ok()? + 1));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Format::Exponent, i64::from(exponent)))
}

/// Kubernetes reuses the text of what looks canonical at a glance, such as `1.500`.
fn kept(parts: &Parts<'_>, digits: &[u8], format: Format, exponent: i64) -> bool {
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    if format == Format::Binary {
        let value = parts.whole.parse::<i64>().unwrap_or(0);
        return parts.fraction.is_empty() && length + exponent * 3 < 15 && value & 7 != 0;
    }
    let places = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
    let scale = exponent.saturating_sub(places);
    length <= 18
        && scale >= NANO
        && scale % 3 == 0
        && !digits.ends_with(b"000")
        && digits.first() != Some(&b'0')
}

/// Digits times a power of ten, without zeros at either end; no digits are zero.
struct Number {
    digits: Vec<u8>,
    exponent: i64,
}

impl Number {
    fn new(digits: Vec<u8>, exponent: i64) -> Self {
        let mut number = Self { digits, exponent };
        number.trim();
        number
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
            self.exponent = self.exponent.saturating_add(1);
        }
        let zeros = self.digits.iter().take_while(|digit| **digit == b'0');
        let zeros = zeros.count();
        self.digits.drain(..zeros);
    }

    fn times_1024(mut self, power: i64) -> Self {
        for _ in 0..power {
            let mut carry = 0_u32;
            for digit in self.digits.iter_mut().rev() {
                carry += u32::from(*digit - b'0') * 1024;
                *digit = b'0' + u8::try_from(carry % 10).unwrap_or(0);
                carry /= 10;
            }
            let front = carry.to_string();
            self.digits.splice(0..0, front.bytes());
            self.trim();
        }
        self
    }

    /// Away from zero, to a multiple of a power of ten.
    fn round_up(&mut self, to: i64) {
        if self.exponent >= to || self.digits.is_empty() {
            return;
        }
        let cut = usize::try_from(to - self.exponent).unwrap_or(usize::MAX);
        let left = self.digits.len().saturating_sub(cut);
        self.digits.truncate(left);
        self.exponent = to;
        // What was cut is not zero, because the last digit never is.
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                self.trim();
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
        self.trim();
    }

    fn cap(&mut self, most: &[u8]) {
        let size = i64::try_from(self.digits.len()).unwrap_or(i64::MAX) + self.exponent;
        let limit = i64::try_from(most.len()).unwrap_or(i64::MAX);
        if size > limit || (size == limit && self.digits.as_slice() > most) {
            self.digits = most.to_vec();
            self.exponent = 0;
        }
    }

    /// `None` if there is no suffix for it.
    fn print(&self, format: Format) -> Option<String> {
        match format {
            Format::Binary => self.binary().or_else(|| self.decimal()),
            Format::Decimal => self.decimal(),
            Format::Exponent => {
                let (digits, exponent) = self.thousands();
                Some(match exponent {
                    0 => digits,
                    _ => format!("{digits}e{exponent}"),
                })
            }
        }
    }

    fn decimal(&self) -> Option<String> {
        let (digits, exponent) = self.thousands();
        let (suffix, _) = DECIMAL.iter().find(|(_, power)| *power == exponent)?;
        Some(format!("{digits}{suffix}"))
    }

    fn thousands(&self) -> (String, i64) {
        let over = self.exponent.rem_euclid(3);
        let mut digits = String::from_utf8_lossy(&self.digits).into_owned();
        (0..over).for_each(|_| digits.push('0'));
        (digits, self.exponent - over)
    }

    /// `None` for fractions and what is below 1024.
    fn binary(&self) -> Option<String> {
        let zeros = usize::try_from(self.exponent).ok()?;
        let mut value: i64 = format!(
            "{}{}",
            String::from_utf8_lossy(&self.digits),
            "0".repeat(zeros.min(20))
        )
        .parse()
        .ok()?;
        if value < 1024 {
            return None;
        }
        let mut power = 0;
        while value % 1024 == 0 {
            value /= 1024;
            power += 1;
        }
        let suffix = match power {
            0 => "",
            _ => BINARY.get(power - 1)?,
        };
        Some(format!("{value}{suffix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Kubernetes' own `resource.Quantity`.
    #[test]
    fn texts_become_canonical() {
        for (text, expected) in [
            ("0", "0"),
            ("1", "1"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.5", "1500m"),
            ("1.500", "1.500"),
            ("100", "100"),
            ("1000", "1k"),
            ("2500000", "2500k"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.1Ki", "102400m"),
            ("1Ki", "1Ki"),
            ("1e3", "1e3"),
            ("1E3", "1E3"),
            ("10e3", "10e3"),
            ("1e4", "10e3"),
            ("12e6", "12e6"),
            ("0.1n", "1n"),
            ("1.0000000001", "1000000001n"),
            ("-1000m", "-1"),
            ("+5", "+5"),
            ("0100m", "0100m"),
            ("00", "0"),
            ("-0.5Gi", "-512Mi"),
            ("16Ei", "9223372036854775807"),
            ("1000k", "1M"),
            ("8Ki", "8Ki"),
            ("1023", "1023"),
            ("128974848", "128974848"),
            ("123Mi", "123Mi"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn others_are_refused_in_kubernetes_words() {
        for text in ["", "abc", "1,5", "1 Gi", "1Gi ", "1.2.3", "1mm5x"] {
            assert_eq!(canonical(text), Err(BadQuantity::Format), "{text}");
        }
        for text in ["1mm", "1K", "1GG", "1e", "5i", "1Mi5"] {
            assert_eq!(canonical(text), Err(BadQuantity::Suffix), "{text}");
        }
    }

    #[test]
    fn long_texts_are_fine() {
        let long = "9".repeat(100_000);
        assert_eq!(canonical(&long), Ok(long.clone()));
        assert_eq!(canonical("1e2000000000").as_deref(), Ok("100e1999999998"));
    }

    proptest::proptest! {
        #[test]
        fn canonical_text_stays(text in "[+-]?[0-9]{0,12}(\\.[0-9]{0,12})?(|n|u|m|k|M|G|Ki|Mi|Gi|Ei|e[0-9]|E-[0-9])") {
            if let Ok(once) = canonical(&text) {
                proptest::prop_assert_eq!(canonical(&once), Ok(once.clone()));
            }
        }
    }
}
