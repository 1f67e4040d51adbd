//! The order of merged lists: that of the patch, and in between what only the server has.
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::list::{are_objects, identities, identity};
use super::lookup::Merging;
use super::{
    DIRECTIVE, ELEMENT_ORDER, Object, PatchError, no_merge_key, without_directives, wrong_type,
};
use crate::Shape;
use crate::patch::go::shown_list;

const LIST: &str = "[]interface {}";

impl Merging<'_> {
    /// Merges the lists that `$setElementOrder/x` orders, and takes them out of the patch.
    pub(super) fn lists_in_order(
        self,
        original: &mut Object,
        patch: &mut Object,
        shape: &Shape,
    ) -> Result<(), PatchError> {
        let directives: Vec<String> = patch
            .keys()
            .filter(|name| name.starts_with(ELEMENT_ORDER))
            .cloned()
            .collect();
        for directive in directives {
            let Some(order) = patch.remove(&directive) else {
                continue;
            };
            let Value::Array(order) = order else {
                return Err(wrong_type(LIST, &order));
            };
            let name = directive
                .split_once('/')
                .filter(|(prefix, _)| *prefix == ELEMENT_ORDER)
                .map(|(_, name)| name)
                .ok_or_else(invalid)?;
            let change = patch.remove(name).map(list).transpose()?;
            let old = original.remove(name).map(list).transpose()?;
            if let Some(merged) = self.list_in_order(old, change, &order, shape, name)? {
                original.insert(name.to_owned(), Value::Array(merged));
            }
        }
        Ok(())
    }

    fn list_in_order(
        self,
        old: Option<Vec<Value>>,
        change: Option<Vec<Value>>,
        order: &[Value],
        shape: &Shape,
        name: &str,
    ) -> Result<Option<Vec<Value>>, PatchError> {
        let place = self.list_field(shape, name)?;
        let key = place.key();
        check_order(change.as_deref().unwrap_or_default(), order, key)?;
        let mut server = identities(old.as_deref().unwrap_or_default(), key);
        are_objects_or_absent(old.as_deref(), change.as_deref())?;
        let merged = match (old, change) {
            (Some(old), None) => old,
            (None, Some(change)) => change.into_iter().filter_map(without_directives).collect(),
            (Some(old), Some(change)) if place.merged() => {
                let added = identities(&change, key);
                let merged = self.lists(old, change, &place)?;
                server = server_order(server, added, &merged, key);
                merged
            }
            (Some(_), Some(change)) => change,
            (None, None) => return Ok(None),
        };
        ordered(merged, order, &server, key).map(Some)
    }
}

/// The server's order after a merge: added elements take the places of deleted ones at its end, as
/// upstream has it.
fn server_order(
    mut server: Vec<Value>,
    mut added: Vec<Value>,
    merged: &[Value],
    key: &str,
) -> Vec<Value> {
    let ids = |items: &[Value]| -> HashSet<String> {
        let ids = items.iter().filter_map(|item| element_id(item, key).ok());
        ids.collect()
    };
    let (before, after) = (ids(&server), ids(merged));
    let places = server.len();
    let is_in = |ids: &HashSet<String>, item: &Value| {
        element_id(item, key).is_ok_and(|id| ids.contains(&id))
    };
    server.retain(|item| is_in(&after, item));
    added.retain(|item| is_in(&after, item) && !is_in(&before, item));
    let free = places - server.len();
    server.extend(added.into_iter().take(free));
    server
}

fn list(value: Value) -> Result<Vec<Value>, PatchError> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(wrong_type(LIST, &other)),
    }
}

fn invalid() -> PatchError {
    PatchError::Malformed("invalid patch format of setElementOrder list".to_owned())
}

fn are_objects_or_absent(
    old: Option<&[Value]>,
    change: Option<&[Value]>,
) -> Result<(), PatchError> {
    if old.is_some() || change.is_some() {
        are_objects(&[old.unwrap_or_default(), change.unwrap_or_default()])?;
    }
    Ok(())
}

/// The elements of a patch are in the order that the patch wants, and none is missing there.
fn check_order(patch: &[Value], order: &[Value], key: &str) -> Result<(), PatchError> {
    if order.is_empty() {
        return Ok(());
    }
    let mismatch = || {
        PatchError::Failed(format!(
            "The order in patch list:\n{}\n doesn't match {ELEMENT_ORDER} list:\n{}\n",
            shown_list(patch),
            shown_list(order),
        ))
    };
    let mut wanted = order.iter().peekable();
    for element in patch {
        if !key.is_empty() && !element.is_object() {
            return Err(wrong_type("map[string]interface {}", element));
        }
        let directive = element.get(DIRECTIVE);
        if directive.is_some_and(|directive| directive == "delete") {
            continue;
        }
        wanted.peek().ok_or_else(mismatch)?;
        if directive.is_some() {
            continue;
        }
        let element = identity(element, key)?;
        loop {
            let next = wanted.next().ok_or_else(mismatch)?;
            if identity(next, key)? == element {
                break;
            }
        }
    }
    Ok(())
}

/// Puts elements into an order: those of `order` as there; each other one before the first of those
/// that it preceded on the server.
pub(super) fn ordered(
    merged: Vec<Value>,
    order: &[Value],
    server: &[Value],
    key: &str,
) -> Result<Vec<Value>, PatchError> {
    let wanted = positions(order, key)?;
    let before = positions(server, key)?;
    let mut patched = Vec::new();
    let mut others = Vec::new();
    for element in merged {
        let id = element_id(&element, key)?;
        let was = before.get(&id).copied();
        match wanted.get(&id) {
            Some(position) => patched.push((*position, was, element)),
            None => others.push((was.unwrap_or(usize::MAX), was, element)),
        }
    }
    patched.sort_by_key(|(position, ..)| *position);
    others.sort_by_key(|(position, ..)| *position);
    let mut result = Vec::with_capacity(patched.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, was, element) in patched {
        while let Some((_, _, other)) =
            others.next_if(|(_, other, _)| matches!((other, was), (Some(o), Some(w)) if *o < w))
        {
            result.push(other);
        }
        result.push(element);
    }
    result.extend(others.map(|(_, _, other)| other));
    Ok(result)
}

fn element_id(element: &Value, key: &str) -> Result<String, PatchError> {
    if let (Value::Object(fields), false) = (element, key.is_empty()) {
        let value = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
        return Ok(value.to_string());
    }
    Ok(element.to_string())
}

fn positions(items: &[Value], key: &str) -> Result<HashMap<String, usize>, PatchError> {
    let mut positions = HashMap::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        positions.entry(element_id(item, key)?).or_insert(i);
    }
    Ok(positions)
}
