//! All objects of one resource, and their latest changes.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::Object;
use super::body::Packer;
use super::by_name::ByName;

/// How many changes of a resource are remembered for watchers and for the pages of a list.
const HISTORY: usize = 20_000;

/// How many bytes of states, before they are packed, the changes of a resource may hold.
const HISTORY_BYTES: usize = 32 * 1024 * 1024;

/// How many changes ago an object is packed, and a superseded one keeps what was read of it: who
/// follows a shelf has looked at it by then.
const VIEWED: usize = 128;

/// What happened to an object.
#[derive(Clone, Debug)]
pub struct Change {
    pub revision: u64,
    /// As it is now; a deleted one in its last state, with the revision of its deletion.
    pub object: Arc<Object>,
    /// As it was; none if it is new.
    pub previous: Option<Arc<Object>>,
    pub deleted: bool,
}

/// Why a watch cannot go on from where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOld {
    /// The oldest revision from which one can.
    pub oldest: u64,
}

/// The objects of one resource.
#[derive(Debug)]
pub struct Shelf {
    /// Plural and group, as `deployments.apps`: what it is called on the disk.
    pub name: String,
    /// Whether its objects are on the disk.
    pub durable: bool,
    fields: fn(&Value, &str) -> String,
    paths: Vec<String>,
    inner: RwLock<Inner>,
    /// Of the one thread that changes objects.
    packer: Mutex<Packer>,
    latest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    objects: ByName,
    history: VecDeque<Change>,
    history_bytes: usize,
    /// Changes up to here are forgotten.
    forgotten: u64,
    last: u64,
}

/// A consistent look at a shelf.
#[derive(Clone, Debug)]
pub struct Listed {
    pub objects: Vec<Arc<Object>>,
    pub revision: u64,
}

impl Shelf {
    pub(super) fn new(
        name: &str,
        durable: bool,
        paths: Vec<String>,
        fields: fn(&Value, &str) -> String,
        start: u64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            durable,
            fields,
            paths,
            inner: RwLock::new(Inner {
                objects: ByName::default(),
                history: VecDeque::new(),
                history_bytes: 0,
                forgotten: start,
                last: 0,
            }),
            packer: Mutex::default(),
            latest: watch::Sender::new(0),
        }
    }

    // Nothing panics while it holds the lock; if it did, the data would still be whole.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object as it is now.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.read().objects.get(namespace, name).cloned()
    }

    /// The objects of a namespace, or of all if it is none, by namespace and name.
    pub fn objects(&self, namespace: Option<&str>) -> Vec<Arc<Object>> {
        Self::select(&self.read(), namespace)
    }

    fn select(inner: &Inner, namespace: Option<&str>) -> Vec<Arc<Object>> {
        match namespace {
            None => inner.objects.iter().cloned().collect(),
            Some(namespace) => inner.objects.of(namespace).cloned().collect(),
        }
    }

    /// The revision of the last change.
    pub fn last(&self) -> u64 {
        self.read().last
    }

    pub fn len(&self) -> usize {
        self.read().objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The objects with the revision of which they are the state. `applied` is read first: every
    /// change up to it is in.
    pub(super) fn list(&self, namespace: Option<&str>, applied: impl Fn() -> u64) -> Listed {
        let inner = self.read();
        Listed {
            revision: applied().max(inner.last),
            objects: Self::select(&inner, namespace),
        }
    }

    /// The objects as they were at a revision that is still remembered.
    pub fn list_at(&self, namespace: Option<&str>, revision: u64) -> Result<Listed, TooOld> {
        let inner = self.read();
        if revision < inner.forgotten {
            return Err(TooOld {
                oldest: inner.forgotten,
            });
        }
        let mut objects = ByName::default();
        for object in Self::select(&inner, namespace) {
            objects.put(object);
        }
        let undone = inner.history.iter().rev();
        for change in undone.take_while(|change| change.revision > revision) {
            let object = &change.object;
            if namespace.is_some_and(|namespace| namespace != object.namespace) {
                continue;
            }
            match &change.previous {
                Some(previous) => objects.put(Arc::clone(previous)),
                None => objects.take(object),
            };
        }
        Ok(Listed {
            objects: objects.iter().cloned().collect(),
            revision,
        })
    }

    /// Up to `max` changes after a revision, in order.
    pub fn changes(&self, after: u64, max: usize) -> Result<Vec<Change>, TooOld> {
        let inner = self.read();
        if after < inner.forgotten {
            return Err(TooOld {
                oldest: inner.forgotten,
            });
        }
        let from = inner
            .history
            .partition_point(|change| change.revision <= after);
        Ok(inner.history.range(from..).take(max).cloned().collect())
    }

    /// Tells of every change; the value is the revision of the last one.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The object of a value that gets a revision now.
    pub(super) fn object(
        &self,
        value: &mut Value,
        revision: u64,
        earlier: Option<&Object>,
    ) -> Object {
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        }
        // Copied, because the text has room to grow, which would be kept with it.
        let body = Bytes::copy_from_slice(value.to_string().as_bytes());
        self.known(value, revision, body, earlier)
    }

    /// An object as it would be.
    pub(crate) fn unsaved(&self, mut value: Value, revision: u64) -> Object {
        self.object(&mut value, revision, None)
    }

    /// An object that is made to be shown and has no revision.
    pub(crate) fn measured(&self, value: &Value) -> Object {
        self.known(value, 0, value.to_string().into(), None)
    }

    fn known(&self, value: &Value, revision: u64, body: Bytes, earlier: Option<&Object>) -> Object {
        let fields = self.paths.iter().map(|path| (self.fields)(value, path));
        Object::new(value, revision, fields.collect(), body, earlier)
    }

    /// Puts what was read from the disk.
    pub(super) fn restore(&self, body: Vec<u8>) {
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        let revision = value["metadata"]["resourceVersion"].as_str();
        let revision = revision.and_then(|text| text.parse().ok()).unwrap_or(0);
        let object = self.known(&value, revision, body.into(), None);
        self.pack(std::iter::once(&object));
        let mut inner = self.write();
        inner.last = inner.last.max(revision);
        inner.objects.put(Arc::new(object));
    }

    /// Shows changes that are on the disk.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        let mut seen = Vec::new();
        let mut inner = self.write();
        for change in changes {
            let object = &change.object;
            if change.deleted {
                inner.objects.take(object);
            } else {
                inner.objects.put(Arc::clone(object));
            }
            inner.last = change.revision;
            inner.history_bytes += object.size;
            inner.history.push_back(change);
            let at = inner.history.len().checked_sub(VIEWED);
            seen.extend(at.and_then(|at| inner.history.get(at)).cloned());
        }
        while inner.history.len() > HISTORY || inner.history_bytes > HISTORY_BYTES {
            let Some(oldest) = inner.history.pop_front() else {
                break;
            };
            inner.history_bytes -= oldest.object.size;
            inner.forgotten = oldest.revision;
            seen.push(oldest);
        }
        let last = inner.last;
        drop(inner);
        self.latest.send_replace(last);
        for superseded in seen.iter().filter_map(|change| change.previous.as_ref()) {
            superseded.drop_view();
        }
        self.pack(seen.iter().map(|change| &*change.object));
    }

    fn pack<'a>(&self, objects: impl Iterator<Item = &'a Object>) {
        let mut packer = self.packer.lock().unwrap_or_else(PoisonError::into_inner);
        objects.for_each(|object| object.pack(&mut packer));
    }

    /// The place of a selectable field in [`Object::fields`].
    pub fn field(&self, path: &str) -> Option<usize> {
        self.paths.iter().position(|own| own == path)
    }
}
