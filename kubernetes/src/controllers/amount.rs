//! Numbers that may be a part of a hundred.
use serde_json::Value;

use crate::validation::amount;

/// A number, or a percentage of `total` rounded up.
pub(crate) fn rounded_up(value: &Value, total: i64) -> i64 {
    match value {
        Value::String(_) => amount(value)
            .saturating_mul(total)
            .saturating_add(99)
            .div_euclid(100),
        _ => amount(value),
    }
}

/// A number, or a percentage of `total` rounded down.
pub(crate) fn rounded_down(value: &Value, total: i64) -> i64 {
    match value {
        Value::String(_) => amount(value).saturating_mul(total).div_euclid(100),
        _ => amount(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages_are_rounded_as_asked() {
        assert_eq!(rounded_up(&json!("25%"), 10), 3);
        assert_eq!(rounded_down(&json!("25%"), 10), 2);
        assert_eq!(rounded_up(&json!("100%"), 7), 7);
        assert_eq!(rounded_down(&json!(4), 2), 4);
        assert_eq!(rounded_up(&Value::Null, 2), 0);
    }
}
