//! Times and durations in Go's text.

/// A point in time, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
}

/// The layouts that Go reads: whole seconds (a fraction is allowed), and exactly six digits.
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICROS: &str = "2006-01-02T15:04:05.000000Z07:00";
/// Seconds of the years 1 and 10000.
const FIRST: i64 = -62_135_596_800;
const END: i64 = 253_402_300_800;

impl Time {
    /// `None` beyond the years that RFC 3339 can write.
    pub(crate) fn rfc3339(self) -> Option<String> {
        self.print("")
    }

    pub(crate) fn rfc3339_micros(self) -> Option<String> {
        self.print(&format!(".{:06}", self.nanos / 1000))
    }

    fn print(self, fraction: &str) -> Option<String> {
        if !(FIRST..END).contains(&self.seconds) {
            return None;
        }
        let (year, month, day) = date(self.seconds.div_euclid(86400));
        let second = self.seconds.rem_euclid(86400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Some(format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
        ))
    }

    /// The error is Go's text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse(text, SECONDS)
    }

    pub(crate) fn parse_micros(text: &str) -> Result<Self, String> {
        parse(text, MICROS)
    }
}

struct Reader<'a> {
    whole: &'a str,
    layout: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn bad<T>(&self, element: &str) -> Result<T, String> {
        Err(format!(
            "parsing time \"{}\" as \"{}\": cannot parse \"{}\" as \"{element}\"",
            self.whole, self.layout, self.rest
        ))
    }

    fn out_of_range<T>(&self, what: &str) -> Result<T, String> {
        Err(format!(
            "parsing time \"{}\": {what} out of range",
            self.whole
        ))
    }

    /// Exactly so many digits.
    fn number(&mut self, width: usize, element: &str) -> Result<i64, String> {
        let Some((digits, rest)) = self.rest.split_at_checked(width) else {
            return self.bad(element);
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.bad(element);
        }
        self.rest = rest;
        digits.parse().or_else(|_| self.bad(element))
    }

    fn literal(&mut self, text: &str) -> Result<(), String> {
        let Some(rest) = self.rest.strip_prefix(text) else {
            return self.bad(text);
        };
        self.rest = rest;
        Ok(())
    }

    fn fraction(&mut self) -> Result<u32, String> {
        let digits = self.rest.strip_prefix(['.', ',']).map_or(0, |rest| {
            rest.bytes().take_while(u8::is_ascii_digit).count()
        });
        if self.layout == MICROS && digits != 6 {
            return self.bad(".000000");
        }
        if digits == 0 {
            return Ok(0);
        }
        let (fraction, rest) = self.rest.split_at_checked(digits + 1).unwrap_or(("", ""));
        self.rest = rest;
        let nanos: String = fraction
            .chars()
            .skip(1)
            .chain("000000000".chars())
            .take(9)
            .collect();
        nanos.parse().or_else(|_| self.bad(".000"))
    }

    fn offset(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let sign = match self.rest.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return self.bad("Z07:00"),
        };
        let before = self.rest;
        let Some((zone, rest)) = self.rest.split_at_checked(6) else {
            return self.bad("Z07:00");
        };
        let numbers = zone.get(1..3).zip(zone.get(4..6));
        let numbers = numbers.and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
        let Some((hour, minute)) = numbers.filter(|_| zone.get(3..4) == Some(":")) else {
            self.rest = before;
            return self.bad("Z07:00");
        };
        self.rest = rest;
        if hour > 24 {
            return self.out_of_range("time zone offset hour");
        }
        if minute > 60 {
            return self.out_of_range("time zone offset minute");
        }
        Ok(sign * (hour * 3600 + minute * 60))
    }
}

fn two(text: &str) -> Option<i64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn parse(text: &str, layout: &str) -> Result<Time, String> {
    let mut reader = Reader {
        whole: text,
        layout,
        rest: text,
    };
    let year = reader.number(4, "2006")?;
    reader.literal("-")?;
    let month = reader.number(2, "01")?;
    if !(1..=12).contains(&month) {
        return reader.out_of_range("month");
    }
    reader.literal("-")?;
    let day = reader.number(2, "02")?;
    reader.literal("T")?;
    let hour = reader.number(2, "15")?;
    if hour > 23 {
        return reader.out_of_range("hour");
    }
    reader.literal(":")?;
    let minute = reader.number(2, "04")?;
    if minute > 59 {
        return reader.out_of_range("minute");
    }
    reader.literal(":")?;
    let second = reader.number(2, "05")?;
    if second > 59 {
        return reader.out_of_range("second");
    }
    let nanos = reader.fraction()?;
    let offset = reader.offset()?;
    if !reader.rest.is_empty() {
        return Err(format!(
            "parsing time \"{text}\": extra text: \"{}\"",
            reader.rest
        ));
    }
    if day < 1 || day > days_in(year, month) {
        return reader.out_of_range("day");
    }
    let seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    Ok(Time { seconds, nanos })
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970, of the Gregorian calendar in eras of 400 years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The opposite of `days`.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Go's text of so many nanoseconds, such as `1h0m0.5s`.
pub(crate) fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let all = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let width = unit.to_string().len() - 1;
        let digits = format!("{:0width$}", value % unit);
        let digits = digits.trim_end_matches('0');
        let point = if digits.is_empty() { "" } else { "." };
        format!("{}{point}{digits}", value / unit)
    };
    let text = match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{all}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(all, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(all, 1_000_000)),
        _ => {
            let seconds = fraction(all % 60_000_000_000, 1_000_000_000);
            let (hours, minutes) = (all / 3_600_000_000_000, all / 60_000_000_000 % 60);
            match (hours, minutes) {
                (0, 0) => format!("{seconds}s"),
                (0, _) => format!("{minutes}m{seconds}s"),
                _ => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// Reads Go's text of a duration. The error is Go's.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration \"{text}\"");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let (whole, after) = rest
            .split_at_checked(rest.len() - number.len())
            .ok_or_else(invalid)?;
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), |after| {
            let end = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            after.split_at_checked(end).unwrap_or(("", after))
        });
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (name, after) = after.split_at_checked(end).ok_or_else(invalid)?;
        if name.is_empty() {
            return Err(format!("time: missing unit in duration \"{text}\""));
        }
        let unit = unit(name)
            .ok_or_else(|| format!("time: unknown unit \"{name}\" in duration \"{text}\""))?;
        let whole: i128 = match whole {
            "" => 0,
            whole => whole.parse().ok().ok_or_else(invalid)?,
        };
        total = total.saturating_add(whole.saturating_mul(unit));
        let kept: String = fraction.chars().take(15).collect();
        let scale = 10_i128.pow(u32::try_from(kept.len()).unwrap_or(0));
        total += kept.parse::<i128>().unwrap_or(0) * unit / scale;
        rest = after;
    }
    i64::try_from(total.saturating_mul(sign))
        .ok()
        .ok_or_else(invalid)
}

fn unit(name: &str) -> Option<i128> {
    Some(match name {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
