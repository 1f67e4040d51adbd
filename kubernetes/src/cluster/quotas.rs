//! Charging quotas: before an object is written, what it uses is added to `status.used`.
//!
//! # Guarantees
//! * Two writes at the same time are not both admitted for what is left for one: a charge is an update
//!   of the quota as it was checked.
//! * While a write is between its charge and its end, it is in flight, and nobody counts its namespace
//!   anew: a count would miss it. Whoever wants to count is told when the last one has landed.
//! * A write that fails, or whose caller goes away, leaves a charge behind; that is told too, and the
//!   controller counts anew.
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use super::write::{Part, Write};
use super::{Actor, Cluster, admit};
use crate::Status;
use crate::admission::resource_quota;
use crate::store::Pledge;

pub(crate) const QUOTAS: &str = "resourcequotas";

/// How often a charge is tried again because another write was charged meanwhile. Of those that try at
/// the same time one gets through each time.
const TRIES: usize = 200;

/// Writes in flight, by namespace. A cheap handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    landed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How many there are; none are not kept.
    flying: HashMap<String, usize>,
    /// Namespaces that are to be counted when nothing flies.
    waiting: HashSet<String>,
    /// Those that are to be counted now.
    due: HashSet<String>,
}

impl Flights {
    // Nothing panics while it holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        let locked = self.0.state.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a write. To be done before the quotas are read.
    pub(super) fn begin(&self, namespace: &str) -> Flight {
        *self.state().flying.entry(namespace.to_owned()).or_default() += 1;
        Flight {
            flights: self.clone(),
            namespace: namespace.to_owned(),
            charged: false,
        }
    }

    /// Whether a namespace can be counted. To be asked after its quota was read, and before its
    /// objects are; if it cannot, [`landed`](Self::landed) tells of it.
    pub(crate) fn is_quiet(&self, namespace: &str) -> bool {
        let mut state = self.state();
        let quiet = !state.flying.contains_key(namespace);
        if !quiet {
            state.waiting.insert(namespace.to_owned());
        }
        quiet
    }

    /// Waits for namespaces that are to be counted.
    pub(crate) async fn landed(&self) -> HashSet<String> {
        loop {
            let landed = self.0.landed.notified();
            let due = std::mem::take(&mut self.state().due);
            if !due.is_empty() {
                return due;
            }
            landed.await;
        }
    }

    fn end(&self, namespace: &str, is_lost: bool) {
        let mut state = self.state();
        if is_lost {
            state.waiting.insert(namespace.to_owned());
        }
        let left = state.flying.get_mut(namespace).map(|count| {
            *count -= 1;
            *count
        });
        if left.unwrap_or(0) > 0 {
            return;
        }
        state.flying.remove(namespace);
        if let Some(namespace) = state.waiting.take(namespace) {
            state.due.insert(namespace);
            drop(state);
            self.0.landed.notify_one();
        }
    }
}

/// A write between its charge and its end.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Flights,
    namespace: String,
    /// Whether something was charged that is lost if the write is.
    charged: bool,
}

impl Pledge for Flight {
    fn keep(mut self: Box<Self>) {
        self.charged = false;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.end(&self.namespace, self.charged);
    }
}

/// Whether quotas are about a write at all. Events are never counted.
pub(super) fn counts(write: &Write<'_>) -> bool {
    let resource = write.resource;
    matches!(write.part, Part::Main | Part::Resize)
        && resource.is_namespaced()
        && resource.plural != "events"
}

/// Charges every quota of the namespace that counts the object.
pub(super) async fn charge(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &Value,
    mut flight: Flight,
) -> Result<Flight, Status> {
    let quotas = admit::values(cluster, QUOTAS, Some(write.namespace));
    for quota in quotas {
        if charged(cluster, write, old, object, &quota)?.is_some() {
            flight.charged = true;
            let name = quota["metadata"]["name"].as_str().unwrap_or_default();
            charge_one(cluster, write, old, object, name).await?;
        }
    }
    Ok(flight)
}

/// A quota with what the object uses; none if it does not change.
fn charged(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &Value,
    quota: &Value,
) -> Result<Option<Value>, Status> {
    let (group, plural) = (&write.resource.group, &write.resource.plural);
    let (quotas, now) = (std::slice::from_ref(quota), cluster.now());
    let charged = match old {
        None => resource_quota::charge_create(quotas, group, plural, object, now),
        Some(old) => resource_quota::charge_update(quotas, group, plural, object, old, now),
    };
    let charged = charged.map_err(|why| admit::refused(write, object, &why))?;
    Ok(charged.into_iter().next())
}

async fn charge_one(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &Value,
    name: &str,
) -> Result<(), Status> {
    let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
    let change = |quota: &mut Value| {
        if let Some(more) = charged(cluster, write, old, object, quota)? {
            *quota = more;
        }
        Ok(())
    };
    let (namespace, part) = (write.namespace, Part::Status);
    for _try in 0..TRIES {
        // The write of a quota is charged to no quota in turn, but the compiler cannot know that.
        let done = Box::pin(cluster.modify(QUOTAS, namespace, name, part, &by, change));
        match done.await {
            Err(status) if status.is_conflict() => tokio::task::yield_now().await,
            Err(status) if status.is_not_found() => return Ok(()),
            done => return done.map(drop),
        }
    }
    Err(Status::modified(QUOTAS, "", name))
}
