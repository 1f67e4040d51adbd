//! Sets of objects by namespace and name, which hold neither a second time.
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::Object;

/// An object, ordered by its namespace and name. Those of two states are the same in a set.
#[derive(Clone, Debug)]
pub(crate) struct Named(pub(crate) Arc<Object>);

/// What a set of [`Named`] is searched by: `(namespace, name)`.
pub(crate) trait Place {
    fn place(&self) -> (&str, &str);
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
