//! Objects by namespace and name, which are held nowhere else.
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::Object;

/// One state of each object, ordered by namespace and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByName(BTreeSet<Named>);

/// Compared by namespace and name alone, which never change.
#[derive(Clone, Debug)]
struct Named(Arc<Object>);

/// What [`Named`] is searched by: `(namespace, name)`.
trait Place {
    fn place(&self) -> (&str, &str);
}

impl ByName {
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        let place: &dyn Place = &(namespace, name);
        self.0.get(place).map(|named| &named.0)
    }

    /// Puts a state in the place of another, which is returned.
    pub(crate) fn put(&mut self, object: Arc<Object>) -> Option<Arc<Object>> {
        self.0.replace(Named(object)).map(|named| named.0)
    }

    /// Removes an object, whatever its state.
    pub(crate) fn take(&mut self, object: &Object) -> Option<Arc<Object>> {
        let place: &dyn Place = &(object.namespace.as_str(), object.name.as_str());
        self.0.take(place).map(|named| named.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.0.iter().map(|named| &named.0)
    }

    /// Those of a namespace.
    pub(crate) fn of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        let first: &dyn Place = &(namespace, "");
        let from = (Bound::Included(first), Bound::Unbounded);
        let from = self.0.range::<dyn Place, _>(from);
        from.map(|named| &named.0)
            .take_while(move |object| object.namespace == namespace)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Place for Named {
    fn place(&self) -> (&str, &str) {
        (&self.0.namespace, &self.0.name)
    }
}

impl Place for (&str, &str) {
    fn place(&self) -> (&str, &str) {
        *self
    }
}

impl<'a> Borrow<dyn Place + 'a> for Named {
    fn borrow(&self) -> &(dyn Place + 'a) {
        self
    }
}

impl Ord for dyn Place + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for dyn Place + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Place + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn Place + '_ {}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Named {}
