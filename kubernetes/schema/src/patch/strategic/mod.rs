//! Strategic merge patch: a merge patch that knows which lists are merged by a key.
//!
//! <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>
mod element_order;
mod list;
mod lookup;

use serde_json::{Map, Value};

use super::go::{shown, type_name};
use super::{MAX_DEPTH, PatchError, drop_nulls, size_within};
use crate::{Schema, Shape, TypeId};
use lookup::Merging;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const ELEMENT_ORDER: &str = "$setElementOrder";

type Object = Map<String, Value>;

/// Applies a strategic merge patch to an object of a type; an error leaves it as it was. Types that
/// have no strategic merge (custom resources) are for the caller to refuse.
pub fn strategic(
    schema: &Schema,
    id: TypeId,
    target: &mut Value,
    patch: &Value,
) -> Result<(), PatchError> {
    let (Value::Object(object), Value::Object(changes)) = (&*target, patch) else {
        return Err(PatchError::Malformed("invalid JSON document".to_owned()));
    };
    if size_within(target, MAX_DEPTH).is_none() || size_within(patch, MAX_DEPTH).is_none() {
        return Err(PatchError::Malformed("exceeded max depth".to_owned()));
    }
    let shape = Shape::Struct(id);
    let merged = Merging { schema }.objects(object.clone(), changes.clone(), &shape)?;
    *target = Value::Object(merged);
    drop_nulls(schema, id, target);
    Ok(())
}

impl Merging<'_> {
    /// Merges a patch into an object of a shape.
    fn objects(
        self,
        mut original: Object,
        mut patch: Object,
        shape: &Shape,
    ) -> Result<Object, PatchError> {
        if let Some(directive) = patch.get(DIRECTIVE) {
            return match directive.as_str() {
                Some("replace") => {
                    patch.remove(DIRECTIVE);
                    Ok(patch)
                }
                Some("delete") => Ok(Object::new()),
                _ => Err(unknown_patch_type(directive, &patch)),
            };
        }
        retain_keys(&mut original, &mut patch)?;
        self.lists_in_order(&mut original, &mut patch, shape)?;
        for (name, change) in patch {
            if name.starts_with(DELETE_FROM_LIST) {
                self.delete_from_list(&mut original, &name, change, shape)?;
            } else {
                self.field(&mut original, name, change, shape)?;
            }
        }
        Ok(original)
    }

    fn field(
        self,
        original: &mut Object,
        name: String,
        change: Value,
        shape: &Shape,
    ) -> Result<(), PatchError> {
        if change.is_null() {
            original.remove(&name);
            return Ok(());
        }
        let merged = match (original.remove(&name), change) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let place = self.object_field(shape, &name)?;
                Some(Value::Object(if place.replaced() {
                    new
                } else {
                    self.objects(old, new, &place.shape)?
                }))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                let place = self.list_field(shape, &name)?;
                Some(Value::Array(if place.merged() {
                    self.lists(old, new, &place)?
                } else {
                    new
                }))
            }
            (_, mut new) => {
                discard_nulls(&mut new);
                without_directives(new)
            }
        };
        if let Some(merged) = merged {
            original.insert(name, merged);
        }
        Ok(())
    }

    /// `$deleteFromPrimitiveList/x`, whatever strategy the list has.
    fn delete_from_list(
        self,
        original: &mut Object,
        directive: &str,
        change: Value,
        shape: &Shape,
    ) -> Result<(), PatchError> {
        let name = directive
            .split_once('/')
            .filter(|(prefix, _)| *prefix == DELETE_FROM_LIST)
            .map(|(_, name)| name)
            .ok_or_else(|| {
                PatchError::Malformed("invalid patch format of primitive list".into())
            })?;
        match (original.get_mut(name), change) {
            (_, Value::Null) => {
                original.remove(name);
            }
            (Some(Value::Array(items)), Value::Array(unwanted)) => {
                self.list_field(shape, name)?;
                list::delete_scalars(items, &unwanted)?;
            }
            // Nothing to delete from, as upstream has it.
            _ => {}
        }
        Ok(())
    }
}

/// `$retainKeys`: fields that it does not name go, and a patch sets none of those.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), PatchError> {
    let invalid = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let Some(retained) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(retained) = retained else {
        return Err(invalid());
    };
    let retained: std::collections::HashSet<&str> =
        retained.iter().filter_map(Value::as_str).collect();
    let sets_other = patch.iter().any(|(name, change)| {
        !change.is_null()
            && !name.starts_with(DELETE_FROM_LIST)
            && !name.starts_with(ELEMENT_ORDER)
            && !retained.contains(name.as_str())
    });
    if sets_other {
        return Err(invalid());
    }
    original.retain(|name, _| retained.contains(name.as_str()));
    Ok(())
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// What a patch adds, without the directives in it. `None` if it is nothing but a directive.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => Some(Value::Object(
            fields
                .into_iter()
                .filter(|(name, _)| !is_directive(name))
                .filter_map(|(name, field)| Some((name, without_directives(field)?)))
                .collect(),
        )),
        Value::Array(items) => Some(Value::Array(
            items.into_iter().filter_map(without_directives).collect(),
        )),
        scalar => Some(scalar),
    }
}

/// Directives for lists and keys that are not there have nothing to do. Upstream loses them when it
/// reads the object into its Go type.
fn is_directive(name: &str) -> bool {
    name == RETAIN_KEYS || name.starts_with(DELETE_FROM_LIST) || name.starts_with(ELEMENT_ORDER)
}

fn unknown_patch_type(directive: &Value, patch: &Object) -> PatchError {
    let patch = shown(&Value::Object(patch.clone()));
    PatchError::Failed(format!(
        "unknown patch type: {} in map: {patch}",
        shown(directive)
    ))
}

fn no_merge_key(element: &Object, key: &str) -> PatchError {
    let element = shown(&Value::Object(element.clone()));
    PatchError::Failed(format!(
        "map: {element} does not contain declared merge key: {key}"
    ))
}

fn wrong_type(expected: &str, actual: &Value) -> PatchError {
    let actual = type_name(actual);
    PatchError::Failed(format!("expected a {expected}, but received a {actual}"))
}

#[cfg(test)]
pub(crate) mod properties;
#[cfg(test)]
mod tests;
