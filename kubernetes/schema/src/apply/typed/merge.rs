//! Merging what is applied into what is there.
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::{Kind, Typed, is_empty_object, items};
use crate::apply::path::Element;
use crate::{ListKind, Shape};

impl<'a> Typed<'a> {
    /// Merges an applied object into the live one. Nothing is removed.
    pub(in crate::apply) fn merge(&self, live: Value, applied: &Value) -> Result<Value, String> {
        let merged = self.merged(self.root, live, applied)?;
        Ok(merged.unwrap_or_else(|| Value::Object(Map::new())))
    }

    fn merged(&self, shape: &'a Shape, live: Value, new: &Value) -> Result<Option<Value>, String> {
        let kind = self.kind(shape, Some(new));
        let empty = match kind {
            Kind::Scalar => true,
            Kind::List(..) => items(Some(&live)).is_empty() && items(Some(new)).is_empty(),
            Kind::Map(..) | Kind::Struct(_) => {
                is_empty_object(Some(&live)) && is_empty_object(Some(new))
            }
        };
        if empty || kind.atomic() {
            return Ok(Some(new.clone()));
        }
        if let Kind::List(shape, list) = kind {
            let live = match live {
                Value::Array(live) => live,
                _ => Vec::new(),
            };
            let merged = self.merged_items(shape, list, live, items(Some(new)))?;
            return Ok((!merged.is_empty()).then_some(Value::Array(merged)));
        }
        let mut merged = match live {
            Value::Object(live) => live,
            _ => Map::new(),
        };
        for (name, value) in new.as_object().into_iter().flatten() {
            let value = match merged.remove(name) {
                None => Some(value.clone()),
                Some(live) => self.merged(kind.field(name), live, value)?,
            };
            if let Some(value) = value {
                merged.insert(name.clone(), value);
            }
        }
        Ok(Some(Value::Object(merged)))
    }

    /// The elements in the order of the applied ones; those that only the live list has stay where
    /// they were between those that both have.
    fn merged_items(
        &self,
        shape: &'a Shape,
        kind: &ListKind,
        mut live: Vec<Value>,
        new: &[Value],
    ) -> Result<Vec<Value>, String> {
        let names = self.elements(shape, kind, new)?;
        let live_names = self.elements(shape, kind, &live)?;
        // An element that is there more than once is not merged, but replaced.
        let mut old: BTreeMap<&Element, Option<usize>> = BTreeMap::new();
        for (i, name) in live_names.iter().enumerate() {
            old.entry(name)
                .and_modify(|place| *place = None)
                .or_insert(Some(i));
        }
        let applied: BTreeSet<&Element> = names.iter().collect();
        if applied.len() < names.len() {
            return Err("duplicate entries in the applied list".to_owned());
        }
        let mut shared: VecDeque<&Element> =
            names.iter().filter(|name| old.contains_key(name)).collect();
        let mut done: BTreeSet<&Element> = BTreeSet::new();
        let mut merged = Vec::with_capacity(live.len().max(new.len()));
        let (mut l, mut r) = (0, 0);
        loop {
            let left = live_names.get(l);
            let right = names.get(r).zip(new.get(r));
            if let Some(left) = left {
                if !applied.contains(left) {
                    merged.extend(live.get_mut(l).map(Value::take));
                    l += 1;
                    continue;
                }
                let waits = shared.front().is_some_and(|next| *next != left);
                if right.is_some_and(|(right, _)| right == left) {
                    l += 1;
                } else if right.is_some() && waits {
                    l += 1;
                    continue;
                } else if done.contains(left) {
                    l += 1;
                }
            }
            let Some((right, item)) = right else {
                // All applied elements are done, so a live one was skipped above.
                if left.is_none() {
                    return Ok(merged);
                }
                continue;
            };
            done.insert(right);
            let place = old.get(right).copied().flatten();
            merged.extend(match place.and_then(|i| live.get_mut(i)) {
                Some(live) => self.merged(shape, live.take(), item)?,
                None => Some(item.clone()),
            });
            if shared.front().is_some_and(|next| *next == right) {
                shared.pop_front();
            }
            r += 1;
        }
    }
}
