//! Merging lists by a key, or as sets.
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::element_order::ordered;
use super::lookup::{Merging, Place};
use super::{
    DIRECTIVE, Object, PatchError, discard_nulls, no_merge_key, unknown_patch_type,
    without_directives, wrong_type,
};
use crate::patch::go::shown_list;

impl Merging<'_> {
    /// Merges a list of a patch into a list; both have the order that the patch gives afterwards.
    pub(super) fn lists(
        self,
        original: Vec<Value>,
        patch: Vec<Value>,
        place: &Place<'_>,
    ) -> Result<Vec<Value>, PatchError> {
        if original.is_empty() && patch.is_empty() {
            return Ok(original);
        }
        if !are_objects(&[&original, &patch])? {
            let server = original.clone();
            let mut seen = HashSet::new();
            let merged = original
                .into_iter()
                .chain(patch.iter().cloned())
                .filter(|item| seen.insert(item.to_string()))
                .collect();
            return ordered(merged, &patch, &server, place.key());
        }
        let key = place.key();
        if key.is_empty() {
            return Err(PatchError::Failed(
                "cannot merge lists without merge key for struct".to_owned(),
            ));
        }
        let (original, patch) = special_elements(original, patch, key)?;
        let server = identities(&original, key);
        let order = identities(&patch, key);
        let merged = self.elements(original, patch, place)?;
        ordered(merged, &order, &server, key)
    }

    fn elements(
        self,
        mut original: Vec<Value>,
        patch: Vec<Value>,
        place: &Place<'_>,
    ) -> Result<Vec<Value>, PatchError> {
        let key = place.key();
        let mut positions = HashMap::with_capacity(original.len());
        for (i, element) in original.iter().enumerate() {
            if let Some(value) = element.get(key) {
                positions.entry(value.to_string()).or_insert(i);
            }
        }
        for mut change in patch {
            let Value::Object(fields) = &mut change else {
                continue;
            };
            let value = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
            let value = value.to_string();
            let slot = positions.get(&value).and_then(|i| original.get_mut(*i));
            if let Some(Value::Object(element)) = slot {
                let fields = std::mem::take(fields);
                *element = self.objects(std::mem::take(element), fields, &place.shape)?;
                continue;
            }
            discard_nulls(&mut change);
            if let Some(element) = without_directives(change) {
                positions.insert(value, original.len());
                original.push(element);
            }
        }
        Ok(original)
    }
}

/// Carries out the elements of a patch that are directives: what is left of the list and of the
/// patch. After a replacement, nothing is left of the patch.
fn special_elements(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut changes = Vec::with_capacity(patch.len());
    let mut unwanted = HashSet::new();
    let mut replaced = false;
    for element in patch {
        let Value::Object(fields) = &element else {
            continue;
        };
        let Some(directive) = fields.get(DIRECTIVE) else {
            changes.push(element);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let value = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
                unwanted.insert(value.to_string());
            }
            Some("replace") => replaced = true,
            Some("merge") => {
                return Err(PatchError::Failed(
                    "merging lists cannot yet be specified in the patch".to_owned(),
                ));
            }
            _ => return Err(unknown_patch_type(directive, fields)),
        }
    }
    if replaced {
        return Ok((changes, Vec::new()));
    }
    original.retain(|element| {
        let value = element.get(key);
        value.is_none_or(|value| !unwanted.contains(&value.to_string()))
    });
    Ok((original, changes))
}

/// Deletes the scalars that `$deleteFromPrimitiveList` names.
pub(super) fn delete_scalars(items: &mut Vec<Value>, unwanted: &[Value]) -> Result<(), PatchError> {
    if items.is_empty() && unwanted.is_empty() {
        return Ok(());
    }
    if are_objects(&[items, unwanted])? {
        return Err(PatchError::Failed(
            "cannot merge lists without merge key for struct".to_owned(),
        ));
    }
    let unwanted: HashSet<String> = unwanted.iter().map(Value::to_string).collect();
    items.retain(|item| !unwanted.contains(&item.to_string()));
    Ok(())
}

/// The elements with nothing but their key: enough to tell an order.
pub(super) fn identities(items: &[Value], key: &str) -> Vec<Value> {
    items
        .iter()
        .map(|item| match (item, item.get(key)) {
            (Value::Object(_), Some(value)) => {
                let mut identity = Object::new();
                identity.insert(key.to_owned(), value.clone());
                Value::Object(identity)
            }
            _ => item.clone(),
        })
        .collect()
}

/// Whether the elements are objects. They must be of one type; lists of lists are not merged.
pub(super) fn are_objects(lists: &[&[Value]]) -> Result<bool, PatchError> {
    let mut elements = lists.iter().flat_map(|list| list.iter());
    let first = elements
        .next()
        .ok_or_else(|| PatchError::Failed("no elements in any of the given slices".to_owned()))?;
    if first.is_array() {
        return Err(PatchError::Rejected(
            "lists of lists are not supported".to_owned(),
        ));
    }
    let name = crate::patch::go::type_name;
    if first.is_null() || elements.any(|element| name(element) != name(first)) {
        let lists: Vec<String> = lists.iter().map(|list| shown_list(list)).collect();
        return Err(PatchError::Failed(format!(
            "list element types are not identical: [{}]",
            lists.join(" ")
        )));
    }
    Ok(first.is_object())
}

/// What identifies an element: the value of its merge key, or the scalar itself.
pub(super) fn identity(item: &Value, key: &str) -> Result<String, PatchError> {
    if key.is_empty() {
        return Ok(item.to_string());
    }
    let Value::Object(fields) = item else {
        return Err(wrong_type("map[string]interface {}", item));
    };
    let value = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
    Ok(value.to_string())
}
