//! Durations as people read them: `45s`, `3m12s`, `5d`.
use serde_json::Value;
use wharf_types::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Two or three figures of a duration of so many seconds. A clock that is one second behind is
/// forgiven.
pub(crate) fn human(seconds: i64) -> String {
    let pair = |big: i64, unit: char, small: i64, rest: char| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{rest}")
        }
    };
    let (minutes, hours) = (seconds / MINUTE, seconds / HOUR);
    let (days, years) = (seconds / DAY, seconds / DAY / 365);
    if seconds < -1 {
        "<invalid>".to_owned()
    } else if seconds < 0 {
        "0s".to_owned()
    } else if seconds < 2 * MINUTE {
        format!("{seconds}s")
    } else if minutes < 10 {
        pair(minutes, 'm', seconds % 60, 's')
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        pair(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 24 * 8 {
        pair(days, 'd', hours % 24, 'h')
    } else if days < 365 * 2 {
        format!("{days}d")
    } else if days < 365 * 8 {
        pair(years, 'y', days % 365, 'd')
    } else {
        format!("{years}y")
    }
}

/// Seconds since 1970 of a time as objects have it.
pub(crate) fn seconds(time: &Value) -> Option<i64> {
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(time.as_second())
}

/// How long ago a time was; `<unknown>` if there is none.
pub(crate) fn since(time: &Value, now: Timestamp) -> String {
    match seconds(time) {
        Some(time) => human(now_seconds(now) - time),
        None => "<unknown>".to_owned(),
    }
}

/// Seconds since 1970.
pub(crate) fn now_seconds(now: Timestamp) -> i64 {
    now.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_kubectl_shows_them() {
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (7 * HOUR + 59 * MINUTE, "7h59m"),
            (8 * HOUR, "8h"),
            (47 * HOUR, "47h"),
            (48 * HOUR, "2d"),
            (49 * HOUR, "2d1h"),
            (8 * DAY, "8d"),
            (729 * DAY, "729d"),
            (730 * DAY, "2y"),
            (800 * DAY, "2y70d"),
            (8 * 365 * DAY, "8y"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }
}
