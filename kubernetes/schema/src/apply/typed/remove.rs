//! Removing fields from an object.
use serde_json::{Map, Value};

use super::{Kind, Typed};
use crate::Shape;
use crate::apply::path::Element;
use crate::apply::set::Set;

impl<'a> Typed<'a> {
    /// The object without the fields of a set. What gets empty becomes null.
    pub(in crate::apply) fn without(&self, value: &Value, set: &Set) -> Value {
        match self.rest(self.root, value, set) {
            Value::Null => Value::Object(Map::new()),
            rest => rest,
        }
    }

    fn rest(&self, shape: &'a Shape, value: &Value, set: &Set) -> Value {
        let kind = self.kind(shape, Some(value));
        let keep = |element: &Element, value: &Value| match set.node(element) {
            None => Some(value.clone()),
            Some(node) if node.member => None,
            Some(node) => Some(self.rest(kind.below(element), value, &node.children)),
        };
        match (kind, value) {
            (Kind::Scalar, _) => value.clone(),
            _ if kind.atomic() => Value::Null,
            (Kind::List(shape, list), Value::Array(items)) => {
                let left: Vec<Value> = items
                    .iter()
                    .filter_map(|item| match self.element(shape, list, item) {
                        Ok(element) => keep(&element, item),
                        Err(_) => Some(item.clone()),
                    })
                    .collect();
                if left.is_empty() {
                    Value::Null
                } else {
                    Value::Array(left)
                }
            }
            (Kind::Map(..) | Kind::Struct(_), Value::Object(fields)) => {
                let left: Map<String, Value> = fields
                    .iter()
                    .filter_map(|(name, value)| {
                        let kept = keep(&Element::Field(name.clone()), value)?;
                        Some((name.clone(), kept))
                    })
                    .collect();
                if left.is_empty() {
                    Value::Null
                } else {
                    Value::Object(left)
                }
            }
            _ => Value::Null,
        }
    }
}
