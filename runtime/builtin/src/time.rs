//! The time of day, as logs and states have it.
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// RFC 3339 with nanoseconds, in UTC.
pub(crate) fn now_text() -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));
    PRINTER.timestamp_to_string(&Timestamp::now())
}
