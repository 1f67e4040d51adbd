//! The objects of a cluster: in memory to be read, on the disk to last.
//!
//! # Guarantees
//! * Readers and watchers see a change only after it is on the disk.
//! * Revisions are one counter a cluster; changes of a resource are seen in their order.
//! * A change states what it was decided on, and is refused if that is no longer so.

mod body;
mod by_name;
mod committer;
mod object;
mod pledge;
mod shelf;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use by_name::ByName;
use committer::{Committer, Job};
pub use object::{Identity, Object};
pub use pledge::Pledge;
use serde_json::Value;
pub use shelf::{Change, Listed, Shelf, TooOld};
pub use texts::Texts;
use tokio::sync::{mpsc, oneshot, watch};
use wharf_storage::Objects;

/// How many changes may wait for the disk; further callers wait for a place.
const QUEUE: usize = 1024;

/// A cluster's objects. A cheap handle.
#[derive(Clone, Debug)]
pub struct Store {
    shelves: Arc<RwLock<HashMap<String, Arc<Shelf>>>>,
    /// How many there are.
    count: watch::Sender<usize>,
    jobs: mpsc::Sender<Job>,
    applied: Arc<AtomicU64>,
    start: u64,
}

/// What a resource needs of a shelf.
#[derive(Clone, Debug)]
pub struct ShelfSpec {
    pub name: String,
    pub durable: bool,
    /// Selectable fields, and how their value is found in an object.
    pub paths: Vec<String>,
    pub fields: fn(&Value, &str) -> String,
}

/// A change of one object, and what it was decided on.
#[derive(Debug)]
pub enum Op {
    /// There must be none of this name.
    Create(Value),
    /// It must be at this revision.
    Update(u64, Value),
    /// It must be at this revision.
    Delete(u64),
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("it exists")]
    Exists(Arc<Object>),
    /// It is no longer as it was; none if it is gone.
    #[error("it was changed meanwhile")]
    Changed(Option<Arc<Object>>),
    #[error("the objects could not be stored")]
    Storage(#[source] Arc<wharf_storage::Error>),
    #[error("the cluster is closed")]
    Closed,
}

impl Store {
    /// Reads all objects and begins to accept changes. Blocks.
    pub fn open(objects: Objects, shelves: &[ShelfSpec]) -> Result<Self, wharf_storage::Error> {
        let start = objects.next_revision();
        let applied = Arc::new(AtomicU64::new(start));
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let store = Self {
            shelves: Arc::default(),
            count: watch::Sender::new(0),
            jobs,
            applied: Arc::clone(&applied),
            start,
        };
        for spec in shelves {
            store.shelf(spec);
        }
        objects.load(|row| {
            // Custom resources get their shelf before their definition is read.
            let spec = ShelfSpec {
                name: row.resource,
                durable: true,
                paths: Vec::new(),
                fields: |_, _| String::new(),
            };
            store.shelf(&spec).restore(row.body);
        })?;
        let committer = Committer::new(objects, applied, start);
        std::thread::Builder::new()
            .name("objects".to_owned())
            .spawn(move || committer.run(waiting))
            .map_err(wharf_storage::Error::from)?;
        Ok(store)
    }

    /// The shelf of a resource, made if there is none.
    pub fn shelf(&self, spec: &ShelfSpec) -> Arc<Shelf> {
        if let Some(shelf) = self.find(&spec.name) {
            return shelf;
        }
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        let made = shelves.entry(spec.name.clone()).or_insert_with(|| {
            let paths = spec.paths.clone();
            let shelf = Shelf::new(&spec.name, spec.durable, paths, spec.fields, self.start);
            Arc::new(shelf)
        });
        let made = Arc::clone(made);
        self.count.send_replace(shelves.len());
        made
    }

    /// All shelves there are. More come when custom resources are defined; none goes.
    pub fn shelves(&self) -> Vec<Arc<Shelf>> {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        shelves.values().cloned().collect()
    }

    /// Tells of every new shelf.
    pub fn watch_shelves(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// The shelf of a name such as `deployments.apps` or `pods`.
    pub fn find(&self, name: &str) -> Option<Arc<Shelf>> {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        shelves.get(name).cloned()
    }

    /// The revision up to which everything can be seen.
    pub fn revision(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// All objects of a shelf and the revision of which they are the state.
    pub fn list(&self, shelf: &Shelf, namespace: Option<&str>) -> Listed {
        shelf.list(namespace, || self.revision())
    }

    /// Makes a change; the answer is what can be seen from now on, a deleted object in its last
    /// state. A caller that goes away does not stop it.
    pub async fn commit(
        &self,
        shelf: &Arc<Shelf>,
        namespace: &str,
        name: &str,
        op: Op,
    ) -> Result<Arc<Object>, Refused> {
        self.commit_with(shelf, namespace, name, op, Vec::new())
            .await
    }

    /// The same with what hangs on the change: it goes where the change goes, so it is settled even
    /// if the caller goes away.
    pub async fn commit_with(
        &self,
        shelf: &Arc<Shelf>,
        namespace: &str,
        name: &str,
        op: Op,
        pledges: Vec<Box<dyn Pledge>>,
    ) -> Result<Arc<Object>, Refused> {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            shelf: Arc::clone(shelf),
            key: (namespace.to_owned(), name.to_owned()),
            op,
            reply,
            pledges,
        };
        self.jobs
            .send(job)
            .await
            .map_err(|_closed| Refused::Closed)?;
        answer.await.map_err(|_closed| Refused::Closed)?
    }
}
