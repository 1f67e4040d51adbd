//! Columns of custom resources: `additionalPrinterColumns`.
use std::borrow::Cow;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::{AGE_TEXT, duration, jsonpath};
use crate::cluster::time::parse_rfc3339;
use crate::fields;

/// A column, and how its cells are found.
#[derive(Clone, Debug)]
pub(super) struct Printer {
    pub(super) definition: Value,
    kind: String,
    path: Option<jsonpath::JsonPath>,
}

/// The columns besides the name. One that cannot be understood has empty cells.
pub(super) fn printers(columns: &Value) -> Vec<Printer> {
    let given = columns.as_array().map(Vec::as_slice).unwrap_or_default();
    if given.is_empty() {
        let age = json!({
            "name": "Age", "type": "date", "description": AGE_TEXT,
            "jsonPath": ".metadata.creationTimestamp",
        });
        return vec![Printer::of(&age)];
    }
    given.iter().map(Printer::of).collect()
}

impl Printer {
    fn of(column: &Value) -> Self {
        let text = |key| fields::text(column, key);
        let path = text("jsonPath");
        let description = match text("description") {
            "" => {
                format!("Custom resource definition column (in JSONPath format): {path}")
            }
            given => given.to_owned(),
        };
        Self {
            definition: json!({
                "name": text("name"),
                "type": text("type"),
                "format": text("format"),
                "description": description,
                "priority": fields::integer(column, "priority"),
            }),
            kind: text("type").to_owned(),
            path: jsonpath::parse(path).ok(),
        }
    }

    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = self.path.as_ref().and_then(|path| path.first(object));
        found.map_or(Value::Null, |value| cell(&self.kind, value, now))
    }
}

fn cell(kind: &str, value: Cow<'_, Value>, now: Timestamp) -> Value {
    match (kind, &*value) {
        // What Go prints for a value that is not there.
        ("string", Value::Null) => "<no value>".into(),
        ("string", Value::String(_)) => value.into_owned(),
        ("string", other) => other.to_string().into(),
        ("integer", Value::Number(number)) => {
            let whole = number.as_i64();
            whole.or_else(|| truncated(number.as_f64()?)).into()
        }
        ("number", Value::Number(number)) => number.as_f64().into(),
        ("boolean", Value::Bool(_)) => value.into_owned(),
        ("date", Value::String(text)) if parse_rfc3339(text).is_none() => "<invalid>".into(),
        ("date", Value::String(_)) => duration::since(&value, now).into(),
        _ => Value::Null,
    }
}

/// A number without its fraction.
fn truncated(number: f64) -> Option<i64> {
    let shown = format!("{:.0}", number.trunc());
    shown.parse().ok()
}
