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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use super::write::{Part, Write};
use super::{Cluster, admit};
use crate::Status;
use crate::admission::resource_quota;
use crate::store::{Op, Pledge, Refused};

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
        Flight(Arc::new(Flying {
            flights: self.clone(),
            namespace: namespace.to_owned(),
            is_lost: AtomicBool::new(false),
        }))
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

/// A write between its charge and its end. It ends when its charges and itself are settled.
#[derive(Clone, Debug)]
pub(crate) struct Flight(Arc<Flying>);

#[derive(Debug)]
struct Flying {
    flights: Flights,
    namespace: String,
    /// Whether something is charged for nothing if it ends now.
    is_lost: AtomicBool,
}

impl Pledge for Flight {
    fn keep(self: Box<Self>) {
        self.0.is_lost.store(false, Ordering::Release);
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        let is_lost = self.is_lost.load(Ordering::Acquire);
        self.flights.end(&self.namespace, is_lost);
    }
}

/// A charge that is on its way: the flight lasts at least as long.
#[derive(Debug)]
struct Charge(#[expect(dead_code, reason = "it is held")] Flight);

impl Pledge for Charge {
    fn keep(self: Box<Self>) {}
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
    flight: Flight,
) -> Result<Flight, Status> {
    let quotas = admit::values(cluster, QUOTAS, Some(write.namespace));
    for quota in quotas {
        if charged(cluster, write, old, object, &quota)?.is_some() {
            flight.0.is_lost.store(true, Ordering::Release);
            let name = quota["metadata"]["name"].as_str().unwrap_or_default();
            charge_one(cluster, write, old, object, (name, &flight)).await?;
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
    (name, flight): (&str, &Flight),
) -> Result<(), Status> {
    let (shelf, namespace) = (cluster.shelf(QUOTAS)?, write.namespace);
    for _try in 0..TRIES {
        let Some(quota) = shelf.get(namespace, name) else {
            return Ok(());
        };
        let Some(more) = charged(cluster, write, old, object, &quota.value())? else {
            return Ok(());
        };
        let op = Op::Update(quota.revision, more);
        let pledge: Box<dyn Pledge> = Box::new(Charge(flight.clone()));
        let store = cluster.store();
        match store
            .commit_with(&shelf, namespace, name, op, vec![pledge])
            .await
        {
            Ok(_charged) => return Ok(()),
            Err(Refused::Changed(_)) => {}
            Err(refused) => return Err(Status::internal(refused)),
        }
    }
    Err(Status::modified(QUOTAS, "", name))
}
