//! Whether an object has the fields of its type, and what Kubernetes keeps of it.
//!
//! # Guarantees
//! * Messages are those of Kubernetes' own decoder, so that clients can show them as they are.
//! * Normalising is what a round trip through Go's types does: unknown fields, nulls and zero
//!   values without a pointer are gone, quantities and times are in their canonical text. Doing it
//!   again changes nothing.
//! * Objects of custom resources lose only unknown fields; their values are checked by
//!   `structural::validate`.
mod read;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashSet;

use serde_json::{Map, Value};

pub use self::read::{DuplicateField, ReadError, read_json, read_yaml};
pub(crate) use self::value::zero;
use crate::path::Path;
use crate::{Schema, Shape, TypeId};

/// A field that the type does not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("unknown field \"{0}\"")]
pub struct UnknownField(pub String);

/// A value that is not of its field's type, in the words of Go's decoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongType(pub String);

/// Checks and prunes in one pass; the unknown fields are returned, but they are gone in any case.
pub fn normalize(
    schema: &Schema,
    id: TypeId,
    object: &mut Value,
) -> Result<Vec<UnknownField>, WrongType> {
    let (unknown, wrong) = walk(schema, id, object);
    wrong.map_or(Ok(unknown), Err)
}

/// The fields that the type does not have. Callers that also prune use [`normalize`].
pub fn check(schema: &Schema, id: TypeId, object: &Value) -> Result<Vec<UnknownField>, WrongType> {
    normalize(schema, id, &mut object.clone())
}

/// Drops what Kubernetes would not keep, and also values of the wrong type.
pub fn prune(schema: &Schema, id: TypeId, object: &mut Value) {
    walk(schema, id, object);
}

fn walk(schema: &Schema, id: TypeId, object: &mut Value) -> (Vec<UnknownField>, Option<WrongType>) {
    let mut walk = Walk {
        schema,
        unknown: Vec::new(),
        seen: HashSet::new(),
        wrong: None,
    };
    match object {
        Value::Object(map) => walk.object(id, map, &Path::Root, Named::Root),
        other => {
            let kind = value::kind(other);
            let name = schema.get(id).map_or("", |found| found.name.as_str());
            walk.refuse(format!(
                "json: cannot unmarshal {kind} into Go value of type {}",
                value::go_name(name)
            ));
        }
    }
    (walk.unknown, walk.wrong)
}

struct Walk<'a> {
    schema: &'a Schema,
    unknown: Vec<UnknownField>,
    seen: HashSet<String>,
    /// The first; Go goes on reading too.
    wrong: Option<WrongType>,
}

/// The fields on the way, as Go names them: without indices and the keys of maps.
#[derive(Clone, Copy)]
enum Named<'a> {
    Root,
    Field(&'a Self, &'a str),
}

impl Named<'_> {
    fn join(self) -> String {
        match self {
            Named::Root => String::new(),
            Named::Field(Named::Root, name) => name.to_owned(),
            Named::Field(parent, name) => format!("{}.{name}", parent.join()),
        }
    }
}

/// Where a value stands, for the messages about it.
#[derive(Clone, Copy)]
struct At<'a> {
    path: &'a Path<'a>,
    named: Named<'a>,
    owner: TypeId,
    /// The field's type in Go, if it is not the plain one.
    go: Option<&'a str>,
    custom: bool,
}

impl Walk<'_> {
    fn refuse(&mut self, message: String) {
        self.wrong.get_or_insert(WrongType(message));
    }

    fn report(&mut self, path: &Path<'_>, key: &str) {
        if self.unknown.len() < read::MAX_REPORTED {
            let path = path.key(key).to_string();
            if self.seen.insert(path.clone()) {
                self.unknown.push(UnknownField(path));
            }
        }
    }

    fn object(
        &mut self,
        id: TypeId,
        map: &mut Map<String, Value>,
        path: &Path<'_>,
        named: Named<'_>,
    ) {
        let schema = self.schema;
        let Some(found) = schema.get(id) else {
            return;
        };
        let custom = schema.is_custom(id);
        map.retain(|key, value| {
            let Some(field) = found.field(key) else {
                if !found.open {
                    self.report(path, key);
                }
                return found.open;
            };
            if value.is_null() && !custom {
                return field.nullable;
            }
            let here = path.key(key);
            let at = At {
                path: &here,
                named: Named::Field(&named, key),
                owner: id,
                go: schema.facts(id, key).and_then(|facts| facts.go.as_deref()),
                custom,
            };
            let right = self.value(&field.shape, value, at);
            custom || (right && crate::proto::keeps(field, value))
        });
    }

    /// Whether the value stays.
    fn value(&mut self, shape: &Shape, value: &mut Value, at: At<'_>) -> bool {
        match (shape, &mut *value) {
            (Shape::Any, _) => true,
            (Shape::Struct(id), Value::Object(map)) => {
                self.object(*id, map, at.path, at.named);
                true
            }
            (Shape::List(element, _), Value::Array(list)) => {
                self.list(element, list, at);
                true
            }
            (Shape::Map(element, _), Value::Object(map)) => {
                self.map(element, map, at);
                true
            }
            _ if at.custom => true,
            _ => match value::scalar(shape, value) {
                Ok(Some(new)) => {
                    *value = new;
                    true
                }
                Ok(None) => true,
                Err(value::Bad::Text(text)) => {
                    self.refuse(text);
                    false
                }
                Err(value::Bad::Kind) => {
                    self.mismatch(shape, value, at);
                    false
                }
            },
        }
    }

    fn list(&mut self, element: &Shape, list: &mut Vec<Value>, at: At<'_>) {
        let go = at.go.and_then(|go| go.strip_prefix("[]"));
        let mut index = 0;
        list.retain_mut(|value| {
            let path = at.path.index(index);
            index += 1;
            if value.is_null() && !at.custom {
                *value = zero(element).unwrap_or(Value::Null);
                return true;
            }
            let at = At {
                path: &path,
                go,
                ..at
            };
            self.value(element, value, at)
        });
    }

    fn map(&mut self, element: &Shape, map: &mut Map<String, Value>, at: At<'_>) {
        let go = at.go.and_then(|go| go.strip_prefix("map[string]"));
        map.retain(|key, value| {
            if value.is_null() && !at.custom {
                *value = zero(element).unwrap_or(Value::Null);
                return true;
            }
            let path = at.path.key(key);
            let at = At {
                path: &path,
                go,
                ..at
            };
            self.value(element, value, at)
        });
    }

    fn mismatch(&mut self, shape: &Shape, value: &Value, at: At<'_>) {
        if self.wrong.is_some() {
            return;
        }
        let owner = self.schema.get(at.owner);
        let owner = owner.map_or("", |owner| owner.name.rsplit('.').next().unwrap_or(""));
        let kind = match (shape, value) {
            (Shape::Int32 | Shape::Int64 | Shape::Number, Value::Number(number)) => {
                format!("number {number}")
            }
            _ => value::kind(value).to_owned(),
        };
        let go = match at.go {
            Some(go) => go.to_owned(),
            None => value::go_type(self.schema, shape),
        };
        let path = at.named.join();
        self.refuse(format!(
            "json: cannot unmarshal {kind} into Go struct field {owner}.{path} of type {go}"
        ));
    }
}
