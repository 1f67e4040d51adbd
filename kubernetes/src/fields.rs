//! Reading and filling in untrusted JSON. Null counts as absent, as it does in Go.
use serde_json::{Map, Value};

/// A text, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A whole number, 0 where there is none.
pub(crate) fn integer(value: &Value, key: &str) -> i64 {
    number(&value[key]).unwrap_or_default()
}

/// A whole number if there is one.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| n.as_u64().map(|_| i64::MAX)),
        _ => None,
    }
}

/// A flag, `false` where there is none.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap_or_default()
}

/// Whether a field is there.
pub(crate) fn has(value: &Value, key: &str) -> bool {
    !value[key].is_null()
}

/// The elements of a list, none where there is none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entries of a map, none where there is none.
pub(crate) fn entries<'a>(
    value: &'a Value,
    key: &str,
) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    let map = value[key].as_object();
    map.into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| (key.as_str(), value))
}

/// The number of entries of a map or elements of a list.
pub(crate) fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    }
}

/// Whether a value is there and is not empty.
pub(crate) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => count(value) > 0,
        Value::Bool(flag) => *flag,
        Value::Number(n) => n.as_f64() != Some(0.0),
    }
}

/// Sets a field of a structure; anything else is left as it is.
pub(crate) fn set(value: &mut Value, key: &str, new: impl Into<Value>) {
    if let Some(map) = value.as_object_mut() {
        map.insert(key.to_owned(), new.into());
    }
}

/// Takes a field away.
pub(crate) fn remove(value: &mut Value, key: &str) -> Option<Value> {
    value.as_object_mut()?.remove(key)
}

/// Fills in a pointer of Go: only where there is nothing.
pub(crate) fn default_pointer(value: &mut Value, key: &str, new: impl Into<Value>) {
    if !has(value, key) {
        set(value, key, new);
    }
}

/// Fills in a plain field of Go, whose zero value is the same as none.
pub(crate) fn default_plain(value: &mut Value, key: &str, new: impl Into<Value>) {
    let zero = match &value[key] {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Number(n) => n.as_f64() == Some(0.0),
        _ => false,
    };
    if zero {
        set(value, key, new);
    }
}

/// A field that is a structure.
pub(crate) fn child<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    let child = value.as_object_mut()?.get_mut(key)?;
    child.is_object().then_some(child)
}

/// A field that is a structure, made where there is nothing.
pub(crate) fn ensure<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    default_pointer(value, key, Map::new());
    child(value, key)
}

/// The elements of a list that are structures.
pub(crate) fn each<'a>(
    value: &'a mut Value,
    key: &str,
) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    let list = value
        .as_object_mut()
        .and_then(|map| map.get_mut(key))
        .and_then(Value::as_array_mut);
    list.into_iter()
        .flatten()
        .filter(|element| element.is_object())
}

/// Whether two values mean the same: empty lists and maps are as none, as in Go's semantic equality.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    fn nothing(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.values().all(nothing),
            _ => false,
        }
    }
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(key, value)| match b.get(key) {
                Some(there) => same(value, there),
                None => nothing(value),
            }) && b
                .iter()
                .all(|(key, value)| a.contains_key(key) || nothing(value))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => one == other || (nothing(one) && nothing(other)),
    }
}
