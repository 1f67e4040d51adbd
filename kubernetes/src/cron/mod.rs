//! Schedules of cron jobs: five fields, `@hourly` and its kin, `@every 1h30m`.
//!
//! Days are taken as cron has always done: if both day fields say something, either is enough.
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, ToSpan as _};
use wharf_types::Timestamp;

/// How far ahead a time is looked for; 29 February comes at least every eight years.
const YEARS: i64 = 8;
/// A schedule is a line that people write.
const MOST_BYTES: usize = 1024;
/// In the mask of a field: it was `*`.
const STAR: u64 = 1 << 63;

/// When a cron job starts jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule(Form);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Bits of what is allowed.
    Fields {
        minutes: u64,
        hours: u64,
        days: u64,
        months: u64,
        weekdays: u64,
    },
    /// In seconds.
    Every(i64),
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSchedule(String);

/// A time zone of the IANA's database, by its exact name.
pub fn find_zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZone::get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone)
}

struct Bounds {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = bounds(0, 59, &[]);
const HOURS: Bounds = bounds(0, 23, &[]);
const DAYS: Bounds = bounds(1, 31, &[]);
const MONTHS: Bounds = bounds(
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
const WEEKDAYS: Bounds = bounds(0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);

const fn bounds(least: u32, most: u32, names: &'static [&'static str]) -> Bounds {
    Bounds { least, most, names }
}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        if text.is_empty() {
            return Err(BadSchedule("empty spec string".to_owned()));
        }
        if text.len() > MOST_BYTES {
            return Err(BadSchedule("the schedule is too long".to_owned()));
        }
        if let Some(every) = text.strip_prefix("@every ") {
            return parse_every(text, every);
        }
        if text.starts_with('@') {
            let fields = match text {
                "@yearly" | "@annually" => "0 0 1 1 *",
                "@monthly" => "0 0 1 * *",
                "@weekly" => "0 0 * * 0",
                "@daily" | "@midnight" => "0 0 * * *",
                "@hourly" => "0 * * * *",
                _ => return Err(BadSchedule(format!("unrecognized descriptor: {text}"))),
            };
            return fields.parse();
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            let (found, shown) = (fields.len(), fields.join(" "));
            let why = format!("expected exactly 5 fields, found {found}: [{shown}]");
            return Err(BadSchedule(why));
        };
        Ok(Self(Form::Fields {
            minutes: parse_field(minutes, &MINUTES)?,
            hours: parse_field(hours, &HOURS)?,
            days: parse_field(days, &DAYS)?,
            months: parse_field(months, &MONTHS)?,
            weekdays: parse_field(weekdays, &WEEKDAYS)?,
        }))
    }
}

fn parse_every(text: &str, every: &str) -> Result<Schedule, BadSchedule> {
    let duration = parse_duration(every).ok_or_else(|| {
        BadSchedule(format!(
            "failed to parse duration {text}: time: invalid duration {every:?}"
        ))
    })?;
    // Less than a second is a second.
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Ok(Schedule(Form::Every(seconds.max(1))))
}

/// A duration of Go, such as `1h30m`.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    // As long as Go's own durations.
    let fits = !text.is_empty() && total < 9.2e9;
    fits.then(|| Duration::try_from_secs_f64(total).ok())
        .flatten()
}

fn parse_field(field: &str, bounds: &Bounds) -> Result<u64, BadSchedule> {
    let mut mask = 0;
    for range in field.split(',').filter(|range| !range.is_empty()) {
        mask |= parse_range(range, bounds)?;
    }
    Ok(mask)
}

fn parse_range(text: &str, bounds: &Bounds) -> Result<u64, BadSchedule> {
    let bad = |why: String| Err(BadSchedule(format!("{why}: {text}")));
    let (range, step) = match text.split_once('/') {
        Some((_, step)) if step.contains('/') => return bad("too many slashes".to_owned()),
        Some((range, step)) => (range, Some(step)),
        None => (text, None),
    };
    let mut star = 0;
    let (low, high) = match range.split_once('-') {
        Some((_, high)) if high.contains('-') => return bad("too many hyphens".to_owned()),
        Some((low, high)) => (low, Some(high)),
        None => (range, None),
    };
    let (start, mut end) = if low == "*" || low == "?" {
        star = STAR;
        (bounds.least, bounds.most)
    } else {
        let start = parse_number(low, bounds)?;
        let end = high.map_or(Ok(start), |high| parse_number(high, bounds))?;
        (start, end)
    };
    let step = match step {
        None => 1,
        Some(step) => {
            if high.is_none() {
                end = bounds.most;
            }
            parse_number(step, &self::bounds(0, 0, &[]))?
        }
    };
    if step > 1 {
        star = 0;
    }
    let Bounds { least, most, .. } = bounds;
    if start < *least {
        return bad(format!(
            "beginning of range ({start}) below minimum ({least})"
        ));
    }
    if end > *most {
        return bad(format!("end of range ({end}) above maximum ({most})"));
    }
    if start > end {
        return bad(format!(
            "beginning of range ({start}) beyond end of range ({end})"
        ));
    }
    let Ok(step) = usize::try_from(step) else {
        return bad("step of range should be a positive number".to_owned());
    };
    if step == 0 {
        return bad("step of range should be a positive number".to_owned());
    }
    let bits = (start..=end).step_by(step).map(|bit| 1u64 << bit);
    Ok(bits.fold(star, |mask, bit| mask | bit))
}

fn parse_number(text: &str, bounds: &Bounds) -> Result<u32, BadSchedule> {
    let lower = text.to_lowercase();
    let named = bounds.names.iter().position(|name| *name == lower);
    if let Some(n) = named.and_then(|at| u32::try_from(at).ok()) {
        return Ok(n + bounds.least);
    }
    if let Ok(n) = text.parse::<i64>()
        && n < 0
    {
        return Err(BadSchedule(format!(
            "negative number ({n}) not allowed: {text}"
        )));
    }
    text.parse().map_err(|_err| {
        BadSchedule(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"
        ))
    })
}

impl Schedule {
    /// The first time after another one, in a time zone; `None` if there is none for years, as for
    /// 30 February. What a change of the clock leaves out does not happen; what it repeats happens
    /// twice.
    pub fn next_after(self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let Form::Fields {
            minutes,
            hours,
            days,
            months,
            weekdays,
        } = self.0
        else {
            return match self.0 {
                Form::Every(seconds) => {
                    Some(Timestamp::from_secs(after.as_secs().checked_add(seconds)?))
                }
                Form::Fields { .. } => None,
            };
        };
        let start = jiff::Timestamp::from_second(after.as_secs()).ok()?;
        let mut date = start.to_zoned(zone.clone()).date();
        let last = date.checked_add(YEARS.years()).ok()?;
        while date <= last {
            if !has(months, date.month()) {
                date = date.last_of_month().checked_add(1.day()).ok()?;
                continue;
            }
            let (of_month, of_week) = (
                has(days, date.day()),
                has(weekdays, date.weekday().to_sunday_zero_offset()),
            );
            let fits = if (days | weekdays) & STAR != 0 {
                of_month && of_week
            } else {
                of_month || of_week
            };
            if fits && let Some(found) = next_on(date, hours, minutes, start, zone) {
                return Some(Timestamp::from_secs(found.as_second()));
            }
            date = date.checked_add(Span::new().days(1)).ok()?;
        }
        None
    }

    /// The last of the times that follow one another from `since` that is not after `until`.
    pub fn last_until(
        self,
        since: Timestamp,
        until: Timestamp,
        zone: &TimeZone,
    ) -> Option<Timestamp> {
        let mut low = since.as_secs();
        let mut high = until.as_secs();
        if let Form::Every(seconds) = self.0 {
            let steps = high.checked_sub(low)? / seconds;
            return (steps > 0).then(|| Timestamp::from_secs(low + steps * seconds));
        }
        // Times before the wanted one lead to it, or to one before it; times after it do not.
        let next = |after: i64| {
            let next = self.next_after(Timestamp::from_secs(after), zone);
            next.filter(|next| *next <= until)
        };
        let mut found = next(low)?;
        while low < high {
            let middle = low + (high - low) / 2;
            match next(middle) {
                Some(time) => {
                    found = time;
                    low = time.as_secs();
                }
                None => high = middle,
            }
        }
        Some(found)
    }
}

fn has(mask: u64, bit: i8) -> bool {
    u32::try_from(bit).is_ok_and(|bit| mask >> bit & 1 == 1)
}

/// The first time of a day after another one.
fn next_on(
    date: Date,
    hours: u64,
    minutes: u64,
    after: jiff::Timestamp,
    zone: &TimeZone,
) -> Option<jiff::Timestamp> {
    let mut best: Option<jiff::Timestamp> = None;
    for hour in (0..24).filter(|hour| has(hours, *hour)) {
        for minute in (0..60).filter(|minute| has(minutes, *minute)) {
            let local = date.at(hour, minute, 0, 0);
            let ambiguous = zone.to_ambiguous_timestamp(local);
            let (offsets, certain) = match ambiguous.offset() {
                AmbiguousOffset::Unambiguous { offset } => ([Some(offset), None], true),
                AmbiguousOffset::Gap { .. } => ([None, None], false),
                AmbiguousOffset::Fold { before, after } => ([Some(before), Some(after)], false),
            };
            let times = offsets.into_iter().flatten();
            let times = times.filter_map(|offset| offset.to_timestamp(local).ok());
            let later = times.filter(|time| *time > after).min();
            best = match (best, later) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            // What the clock shows only once comes before all that it shows later.
            if certain && later.is_some() {
                return best;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests;
