//! The document of OpenAPI 2: the schemas of version 3, in the words of the older one.
//!
//! It has the built-in kinds and what they refer to. There are no custom resources, whose schemas
//! say more than version 2 can, and no paths: clients take both from version 3.
use serde_json::{Map, Value, json};

use super::schemas;
use crate::Schema;

const V3: &str = "#/components/schemas/";
const V2: &str = "#/definitions/";

/// The document of all kinds of a table.
pub fn document(schema: &Schema) -> Value {
    let mut components = schemas::Components::new(schema);
    components.add_kinds();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {},
        "definitions": each(&components.finish()),
    })
}

fn each(schemas: &Map<String, Value>) -> Map<String, Value> {
    let older = schemas.iter().map(|(name, new)| (name.clone(), older(new)));
    older.collect()
}

/// A schema in the words of version 2, without defaults, as Kubernetes prints it.
fn older(new: &Value) -> Value {
    let mut old = Map::new();
    for (key, value) in new.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("default" | "nullable", _) => {}
            ("$ref", Value::String(to)) => {
                let name = to.strip_prefix(V3).unwrap_or(to);
                old.insert(key.clone(), format!("{V2}{name}").into());
            }
            // A reference may have extensions beside it.
            ("allOf", Value::Array(one)) => {
                let inner = one.iter().map(older);
                old.extend(
                    inner
                        .filter_map(|inner| inner.as_object().cloned())
                        .flatten(),
                );
            }
            // Numbers are good where texts are wanted, not the other way round.
            ("oneOf", _) => {
                old.insert("type".to_owned(), "string".into());
            }
            // Without fields it is a map of anything; clients would allow nothing in no fields.
            ("properties", Value::Object(fields)) => {
                if !fields.is_empty() {
                    old.insert(key.clone(), each(fields).into());
                }
            }
            ("items" | "additionalProperties", _) => {
                old.insert(key.clone(), older(value));
            }
            _ => {
                old.insert(key.clone(), value.clone());
            }
        }
    }
    old.into()
}
