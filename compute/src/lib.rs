//! Virtual EC2 instances, auto-scaling groups, Fargate capacity and addresses: one truth that EKS,
//! ECS and Auto Scaling all show. Knows no Kubernetes.
//!
//! # Guarantees
//!
//! * Everything is a document of its account and region; a change and what follows from it are one
//!   transaction, so that a stop halfway leaves nothing half done.
//! * Time is the store's clock: [`chore::tick`] does what is due, and doing it twice is harmless.
//! * Whoever watches [`Cx::changed`] and then asks misses nothing: it is told after the commit.

pub mod addresses;
pub mod chore;
pub mod configurations;
mod error;
pub mod fargate;
pub mod groups;
mod ids;
pub mod images;
pub mod instance_types;
pub mod instances;
pub mod launch;
pub mod network;
pub mod tags;
pub mod templates;
pub mod user_data;

use std::{sync::Arc, time::Duration};

pub use error::{Code, Error};
pub use ids::digits;
use tokio::sync::watch;
use wharf_storage::{Owner, Read, Store, Write};
use wharf_types::{Registry, Timestamp};

/// How things go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an instance is pending, stopping or shutting down.
    pub transition: Duration,
    /// How long a terminated instance can still be seen.
    pub remembered: Duration,
    /// The network of the default VPC: a /16.
    pub vpc: network::Cidr,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transition: Duration::from_secs(1),
            remembered: Duration::from_hours(1),
            vpc: network::Cidr::new(std::net::Ipv4Addr::new(192, 168, 0, 0), 16),
        }
    }
}

/// What every operation may use: cheap handles.
#[derive(Clone)]
pub struct Cx {
    pub store: Store,
    /// Wakes the chore: something was asked for.
    pub work: Arc<watch::Sender<()>>,
    /// Tells observers that instances or groups changed. What, they find by asking.
    pub changed: Arc<watch::Sender<()>>,
    pub settings: Settings,
}

impl std::fmt::Debug for Cx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Cx {
    pub fn new(store: Store, settings: Settings) -> Self {
        Self {
            store,
            work: Arc::new(watch::Sender::new(())),
            changed: Arc::new(watch::Sender::new(())),
            settings,
        }
    }

    /// Runs a change, then wakes who works and who watches.
    pub(crate) async fn change<T, F>(&self, place: &Registry, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (here, now) = (self.here(place), self.store.now());
        let done = self.store.meta().write(move |tx| {
            change(&Tx {
                tx,
                here: &here,
                now,
            })
        });
        let done = done.await?;
        self.work.send_replace(());
        self.changed.send_replace(());
        Ok(done)
    }

    /// Runs a query.
    pub(crate) async fn ask<T, F>(&self, place: &Registry, query: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Read<'_>, &Here) -> Result<T, Error> + Send + 'static,
    {
        let here = self.here(place);
        let asked = self.store.meta().read(move |tx| query(tx, &here));
        asked.await
    }

    pub(crate) fn here(&self, place: &Registry) -> Here {
        Here {
            place: place.clone(),
            owner: Owner::Registry(place.clone()),
            settings: self.settings.clone(),
        }
    }
}

/// The account and region of a call.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) place: Registry,
    pub(crate) owner: Owner,
    pub(crate) settings: Settings,
}

impl Here {
    pub(crate) fn network(&self) -> network::Network {
        network::Network::new(self.place.clone(), self.settings.vpc)
    }
}

/// A change in an account and region at a time.
pub(crate) struct Tx<'a> {
    pub(crate) tx: &'a Write<'a>,
    pub(crate) here: &'a Here,
    pub(crate) now: Timestamp,
}
