//! Elastic Kubernetes Service: clusters, node groups, Fargate profiles, and what joins them.
//!
//! # Guarantees
//!
//! * An operation writes what is wanted, as a document of its account and region, and returns. The
//!   worker ([`run`]) does it: load, observe, plan, act, save.
//! * Without a [`Settings::transition`] an answer waits until the worker has done what was asked for,
//!   so that the next call already sees it. The answer itself shows the beginning.
//! * A clientRequestToken is good for one request: again, it is answered the same; with other
//!   parameters it is refused.

pub mod access;
mod act;
pub mod addons;
pub mod capabilities;
mod capacity;
pub mod certificate_authorities;
mod certificates;
pub mod checks;
pub mod clusters;
mod engines;
mod error;
pub mod fargate;
pub mod identity_providers;
pub mod insights;
mod interfaces;
mod life;
mod machines;
pub mod nodegroups;
pub mod nodes;
pub mod parts;
mod pod_addresses;
pub mod pod_identity;
pub mod pods;
mod profiles;
pub mod resources;
pub mod running;
mod shape;
pub mod subscriptions;
mod tokens;
pub mod updates;
pub mod versions;
mod worker;
mod world;

use std::{sync::Arc, time::Duration};

pub use act::ControlPlane;
pub use error::{About, Error, Kind, Refusal};
pub use life::{Event, Life, Phase, Rejected};
use running::Clusters;
pub use tokens::Token;
use tokio::sync::watch;
use wharf_storage::{Owner, Store};
use wharf_types::{Registry, Timestamp};
pub use worker::{Done, Living, Step, run, settled};

/// What the operator says of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How long resources stay in states such as `CREATING`.
    pub transition: Duration,
    /// Whether what clusters store is on the disk before it is answered.
    pub durable: bool,
}

/// What every operation may use: cheap handles.
#[derive(Clone, Debug)]
pub struct Cx {
    pub store: Store,
    /// Machines, which become nodes.
    pub compute: wharf_compute::Cx,
    /// The clusters that run.
    pub clusters: Clusters,
    pub settings: Settings,
    /// Told when there is something for the worker to do. What it is, it finds in the store.
    pub work: Arc<watch::Sender<()>>,
    /// Told when the worker has done something.
    pub done: Arc<watch::Sender<()>>,
}

impl Cx {
    /// Handles on a store.
    pub fn new(
        store: Store,
        compute: wharf_compute::Cx,
        clusters: Clusters,
        settings: Settings,
    ) -> Self {
        Self {
            store,
            compute,
            clusters,
            settings,
            work: Arc::new(watch::Sender::new(())),
            done: Arc::new(watch::Sender::new(())),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.store.now()
    }
}

/// Where a document is: its account and region, and its name, such as `cluster` or
/// `cluster/nodegroup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub registry: Registry,
    pub name: String,
}

impl Place {
    /// The place of a cluster.
    pub fn of_cluster(registry: &Registry, cluster: &str) -> Self {
        Self {
            registry: registry.clone(),
            name: cluster.to_owned(),
        }
    }

    /// The place of something in a cluster.
    pub fn within(registry: &Registry, cluster: &str, name: &str) -> Self {
        Self {
            registry: registry.clone(),
            name: format!("{cluster}/{name}"),
        }
    }

    /// The cluster that it is or is in.
    pub fn cluster(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub fn owner(&self) -> Owner {
        Owner::Registry(self.registry.clone())
    }
}

/// An ARN of EKS: `arn:aws:eks:<region>:<account>:<resource>`.
pub fn arn(registry: &Registry, resource: &str) -> String {
    let Registry { account, region } = registry;
    format!("arn:aws:eks:{region}:{account}:{resource}")
}
