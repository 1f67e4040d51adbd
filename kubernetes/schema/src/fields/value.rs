//! Values of one field, and what Go calls them.
use base64::Engine as _;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, alphabet};
use serde_json::{Map, Value};

use crate::{Schema, Shape, quantity, time};

/// Go does not look at the bits that are left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

pub(super) enum Bad {
    /// The wrong kind of JSON.
    Kind,
    /// The type's own message.
    Text(String),
}

/// What replaces the value, if it is not canonical.
pub(super) fn scalar(shape: &Shape, value: &Value) -> Result<Option<Value>, Bad> {
    match (shape, value) {
        (Shape::String, Value::String(_)) | (Shape::Bool, Value::Bool(_)) => Ok(None),
        (Shape::Number, Value::Number(_)) => Ok(None),
        (Shape::Int32, Value::Number(number)) => {
            let small = number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok());
            small.map(|_| None).ok_or(Bad::Kind)
        }
        (Shape::Int64, Value::Number(number)) => number.as_i64().map(|_| None).ok_or(Bad::Kind),
        (Shape::Bytes, Value::String(text)) => bytes(text),
        (Shape::Quantity, Value::String(text)) => canonical(value, text.trim()),
        (Shape::Quantity, other) => canonical(value, &other.to_string()),
        (Shape::IntOrString, Value::String(_)) => Ok(None),
        (Shape::IntOrString, Value::Number(number)) => {
            let small = number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok());
            small
                .map(|_| None)
                .ok_or_else(|| plain(&format!("number {number}"), "int32"))
        }
        (Shape::IntOrString, other) => Err(plain(kind(other), "int32")),
        (Shape::Time | Shape::MicroTime | Shape::Duration, Value::String(text)) => {
            let new = timed(shape, text).map_err(Bad::Text)?;
            Ok(changed(value, new))
        }
        (Shape::Time | Shape::MicroTime | Shape::Duration, other) => {
            Err(plain(kind(other), "string"))
        }
        _ => Err(Bad::Kind),
    }
}

/// Types that read themselves do not know in which field they are.
fn plain(kind: &str, go: &str) -> Bad {
    Bad::Text(format!(
        "json: cannot unmarshal {kind} into Go value of type {go}"
    ))
}

fn changed(value: &Value, new: String) -> Option<Value> {
    (value.as_str() != Some(&new)).then(|| new.into())
}

fn canonical(value: &Value, text: &str) -> Result<Option<Value>, Bad> {
    let new = quantity::canonical(text).map_err(|bad| Bad::Text(bad.to_string()))?;
    Ok(changed(value, new))
}

fn timed(shape: &Shape, text: &str) -> Result<String, String> {
    let year = || "Time.MarshalJSON: year outside of range [0,9999]".to_owned();
    match shape {
        Shape::Duration => Ok(time::duration(time::parse_duration(text)?)),
        Shape::MicroTime => time::Time::parse_micros(text)?
            .rfc3339_micros()
            .ok_or_else(year),
        _ => time::Time::parse(text)?.rfc3339().ok_or_else(year),
    }
}

fn bytes(text: &str) -> Result<Option<Value>, Bad> {
    let broken = text.contains(['\r', '\n']);
    let whole = if broken {
        text.replace(['\r', '\n'], "")
    } else {
        String::new()
    };
    let text = if broken { &whole } else { text };
    let decoded = LENIENT.decode(text).map_err(|error| {
        let at = match error {
            DecodeError::InvalidByte(at, _) => at,
            _ => text.len() / 4 * 4,
        };
        Bad::Text(format!("illegal base64 data at input byte {at}"))
    })?;
    let new = LENIENT.encode(decoded);
    Ok((broken || new != *text).then(|| new.into()))
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `v1.Pod` of `io.k8s.api.core.v1.Pod`.
pub(super) fn go_name(name: &str) -> String {
    let mut parts = name.rsplit('.');
    let last = parts.next().unwrap_or_default();
    let package = parts.next().unwrap_or_default();
    format!("{package}.{last}")
}

/// The plain type of a shape.
pub(super) fn go_type(schema: &Schema, shape: &Shape) -> String {
    match shape {
        Shape::String => "string".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::Int32 => "int32".to_owned(),
        Shape::Int64 => "int64".to_owned(),
        Shape::Number => "float64".to_owned(),
        Shape::Bytes => "[]uint8".to_owned(),
        Shape::Quantity => "resource.Quantity".to_owned(),
        Shape::IntOrString => "intstr.IntOrString".to_owned(),
        Shape::Time => "v1.Time".to_owned(),
        Shape::MicroTime => "v1.MicroTime".to_owned(),
        Shape::Duration => "v1.Duration".to_owned(),
        Shape::Any => "interface {}".to_owned(),
        Shape::Struct(id) => go_name(schema.get(*id).map_or("", |found| &found.name)),
        Shape::List(element, _) => format!("[]{}", go_type(schema, element)),
        Shape::Map(element, _) => format!("map[string]{}", go_type(schema, element)),
    }
}

/// What Go has where a list or map has null; `None` is null again.
pub(crate) fn zero(shape: &Shape) -> Option<Value> {
    match shape {
        Shape::String | Shape::Bytes => Some("".into()),
        Shape::Bool => Some(false.into()),
        Shape::Int32 | Shape::Int64 | Shape::IntOrString => Some(0.into()),
        Shape::Number => Some(0.0.into()),
        Shape::Quantity => Some("0".into()),
        Shape::Duration => Some("0s".into()),
        Shape::Struct(_) => Some(Value::Object(Map::new())),
        Shape::Map(..) | Shape::List(..) | Shape::Time | Shape::MicroTime | Shape::Any => None,
    }
}
