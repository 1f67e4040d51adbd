//! Numbers that may also be a part of a hundred.
use serde_json::Value;

use super::{NEGATIVE, percent};
use crate::{Errors, Path, fields};

/// The number, of percent or not.
pub(crate) fn amount(value: &Value) -> i64 {
    match value.as_str() {
        Some(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            digits.parse().unwrap_or_default()
        }
        None => fields::number(value).unwrap_or_default(),
    }
}

/// A number that is not negative, or a percentage.
pub(crate) fn validate_int_or_percent(value: &Value, path: &Path, errors: &mut Errors) {
    match value.as_str() {
        Some(text) => {
            for message in percent(text) {
                errors.invalid(path, value, &message);
            }
        }
        None if fields::number(value).is_some_and(|n| n < 0) => {
            errors.invalid(path, value, NEGATIVE);
        }
        None => {}
    }
}

/// A percentage of at most a hundred.
pub(crate) fn validate_at_most_all(value: &Value, path: &Path, errors: &mut Errors) {
    let Some(text) = value.as_str() else { return };
    if !percent(text).is_empty() {
        return;
    }
    // More digits than fit are certainly more than a hundred.
    let digits = text.strip_suffix('%').unwrap_or(text);
    if digits.parse::<u32>().map_or(true, |n| n > 100) {
        errors.invalid(path, value, "must not be greater than 100%");
    }
}
