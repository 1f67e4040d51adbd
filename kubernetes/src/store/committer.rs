//! The one thread that changes the objects of a cluster.
//!
//! Whatever waits is decided in order, stored in one transaction, then shown and answered: one fsync
//! serves many callers.
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use wharf_storage::{ObjectChange, Objects};

use super::{Change, Object, Op, Pledge, Refused, Shelf};

/// The most changes that share a transaction.
const BATCH: usize = 256;

type Key = (String, String);

type Answer = oneshot::Sender<Result<Arc<Object>, Refused>>;

pub(super) struct Job {
    pub(super) shelf: Arc<Shelf>,
    pub(super) key: Key,
    pub(super) op: Op,
    pub(super) reply: Answer,
    pub(super) pledges: Vec<Box<dyn Pledge>>,
}

pub(super) struct Committer {
    objects: Objects,
    applied: Arc<AtomicU64>,
    next: u64,
}

/// An answer that waits for the transaction, and what is settled with it.
type Reply = (Answer, Arc<Object>, Vec<Box<dyn Pledge>>);

/// What was decided of a batch and is not stored yet.
#[derive(Default)]
struct Decided {
    changes: Vec<(Arc<Shelf>, Change)>,
    /// The latest states, which later jobs of the batch build on.
    states: HashMap<(String, Key), Option<Arc<Object>>>,
    replies: Vec<Reply>,
}

impl Committer {
    pub(super) const fn new(objects: Objects, applied: Arc<AtomicU64>, start: u64) -> Self {
        Self {
            objects,
            applied,
            next: start + 1,
        }
    }

    /// Works until every handle is gone.
    pub(super) fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(job) = waiting.try_recv()
            {
                batch.push(job);
            }
            self.commit(batch);
        }
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let before = self.next;
        let mut decided = Decided::default();
        for job in batch {
            self.decide(job, &mut decided);
        }
        let stored = decided.changes.iter().filter(|(shelf, _)| shelf.durable);
        let stored: Vec<_> = stored
            .map(|(shelf, change)| {
                let body = (!change.deleted).then(|| change.object.body());
                (shelf, change, body)
            })
            .collect();
        let rows: Vec<ObjectChange<'_>> = stored
            .iter()
            .map(|(shelf, change, body)| ObjectChange {
                resource: &shelf.name,
                namespace: &change.object.namespace,
                name: &change.object.name,
                body: body.as_deref(),
            })
            .collect();
        if let Err(error) = self.objects.commit(&rows, self.next) {
            // Nothing was seen of these revisions.
            self.next = before;
            let error = Arc::new(error);
            for (reply, _, pledges) in decided.replies {
                drop(pledges);
                drop(reply.send(Err(Refused::Storage(Arc::clone(&error)))));
            }
            return;
        }
        let mut shown: Vec<(Arc<Shelf>, Vec<Change>)> = Vec::new();
        for (shelf, change) in decided.changes {
            match shown.iter_mut().find(|(own, _)| Arc::ptr_eq(own, &shelf)) {
                Some((_, changes)) => changes.push(change),
                None => shown.push((shelf, vec![change])),
            }
        }
        for (shelf, changes) in shown {
            shelf.apply(changes);
        }
        self.applied.store(self.next - 1, Ordering::Release);
        for (reply, object, pledges) in decided.replies {
            pledges.into_iter().for_each(Pledge::keep);
            // The caller may have gone away; the change stands either way.
            drop(reply.send(Ok(object)));
        }
    }

    fn decide(&mut self, job: Job, decided: &mut Decided) {
        let Job {
            shelf,
            key,
            op,
            reply,
            pledges,
        } = job;
        let place = (shelf.name.clone(), key);
        let current = match decided.states.get(&place) {
            Some(state) => state.clone(),
            None => shelf.get(&place.1.0, &place.1.1),
        };
        let revision = self.next;
        let (object, deleted) = match (op, &current) {
            (Op::Create(mut value), None) => (shelf.object(&mut value, revision, None), false),
            (Op::Create(_), Some(there)) => {
                drop(pledges);
                drop(reply.send(Err(Refused::Exists(Arc::clone(there)))));
                return;
            }
            (Op::Update(at, mut value), Some(there)) if there.revision == at => {
                (shelf.object(&mut value, revision, Some(there)), false)
            }
            (Op::Delete(at), Some(there)) if there.revision == at => (
                shelf.object(&mut there.value(), revision, Some(there)),
                true,
            ),
            (Op::Update(..) | Op::Delete(_), _) => {
                drop(pledges);
                drop(reply.send(Err(Refused::Changed(current))));
                return;
            }
        };
        self.next += 1;
        let object = Arc::new(object);
        let state = (!deleted).then(|| Arc::clone(&object));
        decided.states.insert(place, state);
        let change = Change {
            revision,
            object: Arc::clone(&object),
            previous: current,
            deleted,
        };
        decided.changes.push((shelf, change));
        decided.replies.push((reply, object, pledges));
    }
}
