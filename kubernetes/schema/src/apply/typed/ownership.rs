//! The fields that an object mentions.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Kind, Typed, items};
use crate::apply::path::Element;
use crate::apply::set::{Node, Set};
use crate::{ListKind, Shape};

impl<'a> Typed<'a> {
    /// Every leaf and every element that an object mentions.
    pub(in crate::apply) fn fields(&self, value: &Value) -> Result<Set, String> {
        Ok(self.node(self.root, value)?.children)
    }

    fn node(&self, shape: &'a Shape, value: &Value) -> Result<Node, String> {
        let kind = self.kind(shape, Some(value));
        if kind.atomic() {
            return Ok(Node::MEMBER);
        }
        let children = if let Kind::List(shape, list) = kind {
            self.element_fields(shape, list, items(Some(value)))?
        } else {
            let fields = value.as_object().into_iter().flatten();
            let node = |(name, value): (&String, &Value)| {
                let element = Element::Field(name.clone());
                let mut below = self.node(kind.field(name), value)?;
                let empty =
                    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                below.member |= empty || kind.declared(&element).is_none();
                Ok::<_, String>((Arc::new(element), below))
            };
            fields.map(node).collect::<Result<_, _>>()?
        };
        Ok(Node {
            member: false,
            children,
        })
    }

    fn element_fields(
        &self,
        shape: &'a Shape,
        kind: &ListKind,
        items: &[Value],
    ) -> Result<Set, String> {
        let mut elements: BTreeMap<Element, (usize, &Value)> = BTreeMap::new();
        for (element, item) in self.elements(shape, kind, items)?.into_iter().zip(items) {
            elements.entry(element).or_insert((0, item)).0 += 1;
        }
        let node = |(element, (count, item))| {
            let below = if count > 1 {
                Node::MEMBER
            } else {
                Node {
                    member: true,
                    ..self.node(shape, item)?
                }
            };
            Ok((Arc::new(element), below))
        };
        elements.into_iter().map(node).collect()
    }

    /// The set, and the declared fields above its members too.
    pub(in crate::apply) fn with_named_fields(&self, set: &Set) -> Set {
        self.named_below(self.root, set)
    }

    fn named_below(&self, shape: &'a Shape, set: &Set) -> Set {
        let kind = self.kind(shape, None);
        set.combined(|element, node| {
            let named = !node.children.is_empty() && kind.declared(element).is_some();
            Node {
                member: node.member || named,
                children: self.named_below(kind.below(element), &node.children),
            }
        })
    }

    /// Makes the set what it is with the schema of now: what became atomic is owned as a whole.
    pub(in crate::apply) fn reconcile(&self, set: &mut Set) {
        self.reconcile_below(self.root, set);
    }

    fn reconcile_below(&self, shape: &'a Shape, set: &mut Set) {
        let kind = self.kind(shape, None);
        for (element, node) in set
            .nodes_mut()
            .filter(|(_, node)| !node.children.is_empty())
        {
            let shape = kind.below(element);
            let structured = !matches!(shape, Shape::Any);
            let below = self.kind(shape, None);
            let scalar = matches!(below, Kind::Scalar);
            if structured && !scalar && below.atomic() {
                *node = Node::MEMBER;
            } else {
                self.reconcile_below(shape, &mut node.children);
            }
        }
    }
}
