//! Which fields differ between two objects.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Kind, Typed, is_empty_object, items};
use crate::apply::path::{Element, compare};
use crate::apply::set::{Node, Set};
use crate::{ListKind, Shape};

/// What an object has otherwise than an older one.
#[derive(Default)]
pub(in crate::apply) struct Comparison {
    pub(in crate::apply) removed: Set,
    pub(in crate::apply) modified: Set,
    pub(in crate::apply) added: Set,
}

#[derive(Default)]
struct Change {
    removed: Node,
    modified: Node,
    added: Node,
}

/// What changed below a value, in no order.
#[derive(Default)]
struct Below {
    removed: Vec<(Arc<Element>, Node)>,
    modified: Vec<(Arc<Element>, Node)>,
    added: Vec<(Arc<Element>, Node)>,
}

impl Below {
    fn put(&mut self, element: impl FnOnce() -> Element, change: Change) {
        let sides = [
            (&mut self.removed, change.removed),
            (&mut self.modified, change.modified),
            (&mut self.added, change.added),
        ];
        let sides = sides.into_iter().filter(|(_, node)| !node.is_empty());
        let mut sides = sides.peekable();
        if sides.peek().is_none() {
            return;
        }
        let element = Arc::new(element());
        for (nodes, node) in sides {
            nodes.push((Arc::clone(&element), node));
        }
    }
}

impl Change {
    fn put(&mut self, below: Below) {
        for (node, nodes) in [
            (&mut self.removed, below.removed),
            (&mut self.modified, below.modified),
            (&mut self.added, below.added),
        ] {
            if !nodes.is_empty() {
                node.children =
                    std::mem::take(&mut node.children).union(&nodes.into_iter().collect());
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, _) => self.added.member = true,
            (_, None) => self.removed.member = true,
            (Some(old), Some(new)) => self.modified.member = compare(old, new).is_ne(),
        }
    }
}

impl<'a> Typed<'a> {
    /// Compares two objects.
    pub(in crate::apply) fn compare(&self, old: &Value, new: &Value) -> Result<Comparison, String> {
        let change = self.change(self.root, Some(old), Some(new))?;
        Ok(Comparison {
            removed: change.removed.children,
            modified: change.modified.children,
            added: change.added.children,
        })
    }

    fn change(
        &self,
        shape: &'a Shape,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Result<Change, String> {
        let mut change = Change::default();
        if let (Some(old), Some(new)) = (old, new)
            && old == new
        {
            return Ok(change);
        }
        let old_kind = self.kind(shape, old);
        let kind = match new {
            None => old_kind,
            Some(_) => self.kind(shape, new),
        };
        // A deduced value that became something else: what it was goes, what it is comes.
        if old.is_some() && !old_kind.is_like(&kind) {
            self.change_as(old_kind, old, new, &mut change)?;
        }
        let leaf = self.change_as(kind, old, new, &mut change)?;
        if !leaf {
            change.added.member |= old.is_none();
            change.removed.member |= new.is_none();
        }
        Ok(change)
    }

    /// Whether the value is owned as a whole.
    fn change_as<'b>(
        &self,
        kind: Kind<'a>,
        old: Option<&'b Value>,
        new: Option<&'b Value>,
        change: &mut Change,
    ) -> Result<bool, String> {
        let empty = match kind {
            Kind::Scalar => true,
            Kind::List(..) => items(old).is_empty() && items(new).is_empty(),
            Kind::Map(..) | Kind::Struct(_) => is_empty_object(old) && is_empty_object(new),
        };
        if empty || kind.atomic() {
            change.leaf(old, new);
            return Ok(true);
        }
        if let Kind::List(shape, list) = kind {
            self.change_items(shape, list, items(old), items(new), change)?;
            return Ok(false);
        }
        let old = old.and_then(Value::as_object);
        let new = new.and_then(Value::as_object);
        let side = |object: Option<&'b Map<String, Value>>, name: &str| {
            let object = object?;
            object.get(name).or_else(|| self.zero(kind, name))
        };
        let added = new.into_iter().flat_map(Map::keys);
        let names = old.into_iter().flat_map(Map::keys);
        let mut below = Below::default();
        for name in names.chain(added.filter(|name| old.is_none_or(|old| !old.contains_key(*name))))
        {
            let field = self.change(kind.field(name), side(old, name), side(new, name))?;
            below.put(|| Element::Field(name.clone()), field);
        }
        change.put(below);
        Ok(false)
    }

    /// Elements that are there more than once are compared, and owned, together.
    fn change_items(
        &self,
        shape: &'a Shape,
        kind: &ListKind,
        old: &[Value],
        new: &[Value],
        change: &mut Change,
    ) -> Result<(), String> {
        let mut elements: BTreeMap<Element, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for (element, item) in self.elements(shape, kind, old)?.into_iter().zip(old) {
            elements.entry(element).or_default().0.push(item);
        }
        for (element, item) in self.elements(shape, kind, new)?.into_iter().zip(new) {
            elements.entry(element).or_default().1.push(item);
        }
        let mut all = Below::default();
        for (element, (old, new)) in elements {
            let (a, b) = (old.first().copied(), new.first().copied());
            let mut below = Change::default();
            match (old.len(), new.len()) {
                (..=1, ..=1) => below = self.change(shape, a, b)?,
                (2.., 2..) => {
                    let same = old.len() == new.len()
                        && old.iter().zip(&new).all(|(a, b)| compare(a, b).is_eq());
                    below.modified.member = !same;
                }
                (2.., _) => {
                    if b.is_some() {
                        below = self.change(shape, None, b)?;
                    }
                    below.removed.member = true;
                }
                (_, 2..) => {
                    if a.is_some() {
                        below = self.change(shape, a, None)?;
                    }
                    below.added.member = true;
                }
            }
            all.put(|| element, below);
        }
        change.put(all);
        Ok(())
    }
}
