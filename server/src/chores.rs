//! What runs beside the requests.
use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use wharf_auth::Secret;
use wharf_registry::{
    Cx, lifecycle,
    replication::{self, CrossAccount},
    scanning,
};
use wharf_storage::{Leases, Store};

use crate::{
    config::{Auth, Config, Endpoint},
    telemetry::Metrics,
};

/// How long after the start the first collection runs.
const FIRST_COLLECTION: Duration = Duration::from_mins(1);

/// How often a few blobs are verified.
const SCRUB_TICK: Duration = Duration::from_mins(1);

/// How long a chore that panicked is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts all of it. It ends when the server stops.
pub(crate) fn start(
    cx: &Cx,
    compute: &wharf_compute::Cx,
    eks: &wharf_eks::Cx,
    config: &Config,
    metrics: Metrics,
) -> Vec<JoinHandle<()>> {
    let (store, gc, round) = (cx.store.clone(), config.gc_interval, config.scrub_interval);
    let scrubbed = store.clone();
    let (applied, interval) = (cx.clone(), config.lifecycle_interval);
    let (scanned, database) = (cx.clone(), config.vulnerability_db.clone());
    let (replicated, settings) = (cx.clone(), replicating(config));
    let (compute, eks, nodes) = (compute.clone(), eks.clone(), eks.clone());
    vec![
        tokio::spawn(lasting("nodes", move || {
            wharf_eks::nodes::run(nodes.clone())
        })),
        tokio::spawn(lasting("eks", move || wharf_eks::run(eks.clone()))),
        tokio::spawn(lasting("gc", move || collect(store.clone(), gc))),
        tokio::spawn(lasting("scrub", move || scrub(scrubbed.clone(), round))),
        tokio::spawn(lasting("lifecycle", move || {
            lifecycle::run(applied.clone(), interval)
        })),
        tokio::spawn(lasting("scanning", move || {
            scanning::run(scanned.clone(), database.clone())
        })),
        tokio::spawn(lasting("replication", move || {
            replication::run(replicated.clone(), settings.clone())
        })),
        tokio::spawn(lasting("compute", move || {
            wharf_compute::chore::run(compute.clone())
        })),
        tokio::spawn(async move { metrics.upkeep().await }),
    ]
}

/// Begins a chore anew when it panics: what there is to do, it finds in the store.
async fn lasting<F: Future<Output = ()>>(name: &'static str, begin: impl Fn() -> F) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!(name, "a chore panicked and is begun anew");
        tokio::time::sleep(PAUSE).await;
    }
}

fn replicating(config: &Config) -> replication::Settings {
    let endpoint = |endpoint: &Endpoint| replication::Endpoint {
        account: endpoint.account.clone(),
        region: endpoint.region.clone(),
        origin: endpoint.origin.clone(),
        ca_pem: endpoint.ca_pem.clone(),
        access_key: endpoint.access_key_id.clone(),
        secret: Secret::new(endpoint.secret_access_key.reveal()),
    };
    replication::Settings {
        endpoints: config.replication.iter().map(endpoint).collect(),
        cross_account: match config.auth {
            Auth::Local => CrossAccount::Allowed,
            Auth::Strict { .. } => CrossAccount::ByPolicy,
        },
    }
}

#[expect(clippy::infinite_loop, reason = "ends with its task")]
async fn collect(collector: Store, every: Duration) {
    tokio::time::sleep(FIRST_COLLECTION.min(every)).await;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match collector.collect(Leases::Respect).await {
            Ok(done) => {
                let wharf_storage::Collected {
                    links,
                    blobs,
                    uploads,
                    orphans,
                    bytes,
                    postponed,
                    ..
                } = done;
                tracing::info!(
                    links,
                    blobs,
                    uploads,
                    orphans,
                    bytes,
                    postponed,
                    "collected what nobody needs"
                );
            }
            Err(error) => warn(&error, "garbage was not collected"),
        }
    }
}

#[expect(clippy::infinite_loop, reason = "ends with its task")]
async fn scrub(scrubber: Store, round: Duration) {
    let mut ticks = tokio::time::interval(SCRUB_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = scrubber.scrub(round).await {
            warn(&error, "stored bytes could not be verified");
        }
    }
}

fn warn(error: &wharf_storage::Error, what: &str) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "{what}");
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chore_that_panics_is_begun_anew() {
        let begun = Cell::new(0);
        lasting("test", || async {
            begun.set(begun.get() + 1);
            assert_eq!(begun.get(), 3, "not yet");
        })
        .await;
        assert_eq!(begun.get(), 3);
    }
}
