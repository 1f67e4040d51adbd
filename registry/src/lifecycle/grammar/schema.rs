//! JSON by a schema, with the messages of the validator that ECR uses.
use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value};

use super::{Parsed, invalid};

/// How much of a wrong value a message shows.
const SHOWN: usize = 64;

/// An object that has what it must and nothing else.
pub(super) struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    pub(super) fn of(
        object: &'a Map<String, Value>,
        required: &[&str],
        optional: &[&str],
    ) -> Parsed<Self> {
        let quoted = |names: Vec<&str>| {
            let names: Vec<_> = names.into_iter().map(|n| format!("\"{n}\"")).collect();
            names.join(",")
        };
        let missing: Vec<&str> = required
            .iter()
            .copied()
            .filter(|name| !object.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            return invalid(format!(
                "object has missing required properties ([{}])",
                quoted(missing)
            ));
        }
        let known = |name: &&str| required.contains(name) || optional.contains(name);
        match object.keys().map(String::as_str).find(|name| !known(name)) {
            Some(name) => invalid(format!(
                "object instance has properties which are not allowed by the schema: ([{}])",
                quoted(vec![&shown(name)])
            )),
            None => Ok(Self(object)),
        }
    }

    pub(super) fn optional(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// A member that was required.
    pub(super) fn get(&self, name: &str) -> &'a Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }
}

fn wrong_type<T>(value: &Value, allowed: &str) -> Parsed<T> {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    invalid(format!(
        "instance type ({found}) does not match any allowed primitive type (allowed: [\"{allowed}\"])"
    ))
}

pub(super) fn object(value: &Value) -> Parsed<&Map<String, Value>> {
    value
        .as_object()
        .map_or_else(|| wrong_type(value, "object"), Ok)
}

pub(super) fn string(value: &Value) -> Parsed<&str> {
    value
        .as_str()
        .map_or_else(|| wrong_type(value, "string"), Ok)
}

pub(super) fn array(value: &Value) -> Parsed<&Vec<Value>> {
    match value.as_array() {
        None => wrong_type(value, "array"),
        Some(list) if list.is_empty() => {
            invalid("array is too short: must have at least 1 elements but instance has 0 elements")
        }
        Some(list) => Ok(list),
    }
}

pub(super) fn strings(value: &Value) -> Parsed<BTreeSet<String>> {
    let one = |value: &Value| match string(value)? {
        "" => invalid("string \"\" is too short (length: 0, required minimum: 1)"),
        text => Ok(text.to_owned()),
    };
    array(value)?.iter().map(one).collect()
}

/// A number from 1 to the largest integer of the model.
pub(super) fn positive(value: &Value) -> Parsed<u32> {
    let Value::Number(number) = value else {
        return wrong_type(value, "integer");
    };
    match number.as_i64() {
        Some(n) if n < 1 => too_low(n, 1),
        Some(n) if i32::try_from(n).is_ok() => u32::try_from(n).or_else(|_| too_low(n, 1)),
        None if number.is_f64() => wrong_type(value, "integer"),
        _ => invalid(format!(
            "numeric instance is greater than the required maximum (maximum: {}, found: {number})",
            i32::MAX
        )),
    }
}

pub(super) fn too_low<T>(found: impl fmt::Display, minimum: i64) -> Parsed<T> {
    invalid(format!(
        "numeric instance is lower than the required minimum (minimum: {minimum}, found: {found})"
    ))
}

pub(super) fn one_of<'a>(value: &'a Value, allowed: &[&str]) -> Parsed<&'a str> {
    let text = string(value)?;
    if allowed.contains(&text) {
        return Ok(text);
    }
    let quoted: Vec<_> = allowed.iter().map(|a| format!("\"{a}\"")).collect();
    invalid(format!(
        "instance value ({}) not found in enum :(possible values: [{}])",
        shown(text),
        quoted.join(",")
    ))
}

/// As much of a text as a message may hold.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
