//! Custom resources: what their `openAPIV3Schema` means.
//!
//! [`convert`] makes types of it for pruning and server-side apply, [`validate`] and [`default`]
//! read the schema itself, [`check_definition`] says what is wrong with it. Rules in CEL
//! (`x-kubernetes-validations`) are kept and not evaluated; [`has_rules`] tells.
mod convert;
mod definition;
mod format;
mod junctors;
mod problem;
#[cfg(test)]
mod tests;
mod validate;

use serde_json::{Map, Value};

pub use self::convert::convert;
pub use self::definition::check_definition;
pub use self::problem::{Problem, ProblemKind};
pub use self::validate::validate;

/// Schemas within each other.
const MAX_DEPTH: usize = 64;

/// Fills in the schema's defaults; a null that may not be one counts as absent if there is a
/// default for it. Doing it again changes nothing.
pub fn default(schema: &Value, object: &mut Value) {
    default_at(schema, object, 0);
}

fn default_at(schema: &Value, value: &mut Value, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (name, property) in properties.into_iter().flatten() {
                default_property(name, property, map);
            }
            let additional = schema.get("additionalProperties");
            for (name, value) in map.iter_mut() {
                let own = properties.and_then(|properties| properties.get(name));
                if let Some(inner) = own.or(additional) {
                    default_null(inner, value);
                    default_at(inner, value, depth + 1);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.get("items") {
                for value in list {
                    default_null(items, value);
                    default_at(items, value, depth + 1);
                }
            }
        }
        _ => {}
    }
}

fn default_property(name: &str, property: &Value, map: &mut Map<String, Value>) {
    let Some(default) = property.get("default") else {
        return;
    };
    if !map.contains_key(name) {
        map.insert(name.to_owned(), default.clone());
    }
}

fn default_null(schema: &Value, value: &mut Value) {
    if value.is_null()
        && !flag(schema, "nullable")
        && let Some(default) = schema.get("default")
    {
        *value = default.clone();
    }
}

/// Whether there are rules in CEL, which nobody evaluates.
pub fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(key, value)| {
            (key == "x-kubernetes-validations" && value.is_array()) || has_rules(value)
        }),
        Value::Array(list) => list.iter().any(has_rules),
        _ => false,
    }
}

fn flag(schema: &Value, name: &str) -> bool {
    schema.get(name) == Some(&Value::Bool(true))
}

fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or("")
}

fn texts(schema: &Value, name: &str) -> Vec<String> {
    let list = schema.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
