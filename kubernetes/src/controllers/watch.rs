//! Following the changes of a shelf.
use std::sync::Arc;

use super::Key;
use crate::store::{ByName, Object, Shelf, Store};

/// How many changes are read at a time.
const BATCH: usize = 1024;

/// An object before and after a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// None if it was not known before.
    pub old: Option<&'a Arc<Object>>,
    /// None if it is gone.
    pub new: Option<&'a Arc<Object>>,
}

impl<'a> Seen<'a> {
    /// Its states, the old one first.
    pub(crate) fn states(&self) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        self.old.into_iter().chain(self.new)
    }

    /// Its latest state, which is the old one if it is gone.
    pub(crate) fn latest(&self) -> Option<&'a Arc<Object>> {
        self.new.or(self.old)
    }

    /// The key of the object itself.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let key = self.latest().map(|object| Key::of(object));
        key.into_iter().collect()
    }
}

/// Tells of every object there is, then of every change, for ever. One that falls so far behind that
/// changes are forgotten is told the difference.
pub(crate) async fn follow(store: &Store, shelf: &Shelf, mut tell: impl FnMut(&Seen<'_>)) {
    let mut latest = shelf.subscribe();
    let mut known = ByName::default();
    let mut at = relist(store, shelf, &mut known, &mut tell);
    loop {
        latest.mark_unchanged();
        match shelf.changes(at, BATCH) {
            Err(_too_old) => at = relist(store, shelf, &mut known, &mut tell),
            Ok(changes) if changes.is_empty() => {
                if latest.changed().await.is_err() {
                    // The shelf is held by our caller, so this does not happen; if it did,
                    // nothing would ever change again.
                    return std::future::pending().await;
                }
            }
            Ok(changes) => {
                for change in changes {
                    at = change.revision;
                    let old = if change.deleted {
                        known.take(&change.object)
                    } else {
                        known.put(Arc::clone(&change.object))
                    };
                    let new = (!change.deleted).then_some(&change.object);
                    let old = old.as_ref().or(change.previous.as_ref());
                    tell(&Seen { old, new });
                }
                // A burst of changes lets others work.
                tokio::task::yield_now().await;
            }
        }
    }
}

fn relist(
    store: &Store,
    shelf: &Shelf,
    known: &mut ByName,
    tell: &mut impl FnMut(&Seen<'_>),
) -> u64 {
    let listed = store.list(shelf, None);
    let mut gone = std::mem::take(known);
    for new in listed.objects {
        let old = gone.take(&new);
        if old.as_ref().is_none_or(|old| old.revision != new.revision) {
            tell(&Seen {
                old: old.as_ref(),
                new: Some(&new),
            });
        }
        known.put(new);
    }
    for object in gone.iter() {
        tell(&Seen {
            old: Some(object),
            new: None,
        });
    }
    listed.revision
}
