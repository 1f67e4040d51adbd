//! What runs beside the requests.
use std::time::Duration;

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

/// Starts all of it. It ends when the server stops.
pub(crate) fn start(cx: &Cx, config: &Config, metrics: Metrics) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(collect(cx.store.clone(), config.gc_interval)),
        tokio::spawn(lifecycle::run(cx.clone(), config.lifecycle_interval)),
        tokio::spawn(scrub(cx.store.clone(), config.scrub_interval)),
        tokio::spawn(scanning::run(cx.clone(), config.vulnerability_db.clone())),
        tokio::spawn(async move { metrics.upkeep().await }),
        tokio::spawn(replication::run(cx.clone(), replicating(config))),
    ]
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
