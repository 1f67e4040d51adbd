//! What runs pods: one task set that is the kubelet of every node.
//!
//! # Guarantees
//! * A pod of which the translation refuses anything is not given to the engine, whoever made it and
//!   however it came to say so; its container says which field it was.
//! * Every step may be done twice. After a restart of the server the pods that ran are adopted.
//!
//! # Assumptions
//! * An engine is of one cluster. Pods of a node that is not there belong to the pod collector.
mod addresses;
mod events;
mod links;
pub mod network;
mod nodes;
mod notices;
mod queue;
mod state;
mod status;
mod streams;
#[cfg(test)]
mod tests;
mod tokens;
pub mod translate;
mod usage;
mod virtuals;
mod work;
mod worker;

use std::sync::Arc;

pub use addresses::{MemoryAddresses, PodAddresses};
use events::Events;
use links::Links;
use state::State;
pub(crate) use streams::Started;
pub use streams::{Door, Refusal};
use tokens::Tokens;
use tokio::sync::watch;
use tokio::task::JoinSet;
use usage::Figures;
use wharf_runtime::{Pace, PodRuntime, Simulated};

use crate::Cluster;

/// The kubelets of a cluster. A cheap handle.
#[derive(Clone, Debug)]
pub struct Kubelet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    engine: Arc<dyn PodRuntime>,
    /// Whether the engine says itself what happens to its pods.
    tells: bool,
    /// Has the pods of the system of which nothing is run.
    virtuals: Simulated,
    addresses: Arc<dyn PodAddresses>,
    events: Events,
    links: Links,
    state: State,
    tokens: Tokens,
    /// Ends with the tasks.
    life: watch::Receiver<()>,
}

impl Kubelet {
    /// Starts to run the pods of a cluster. The tasks end when the second part is dropped.
    pub fn start(
        cluster: Cluster,
        engine: Arc<dyn PodRuntime>,
        addresses: Arc<dyn PodAddresses>,
    ) -> (Self, JoinSet<()>) {
        let (events, written) = Events::new(cluster.clone());
        let (alive, life) = watch::channel(());
        let kubelet = Self(Arc::new(Inner {
            virtuals: Simulated::new(cluster.clock().clone(), Pace::default()),
            cluster,
            // Of pods of before: nobody knows them yet.
            tells: engine.notices().is_some(),
            engine,
            addresses,
            events,
            links: Links::default(),
            state: State::default(),
            tokens: Tokens::default(),
            life,
        }));
        let mut tasks = JoinSet::new();
        tasks.spawn(written);
        tasks.spawn(async move { alive.closed().await });
        tasks.spawn(kubelet.clone().run_pods());
        tasks.spawn(kubelet.clone().run_nodes());
        tasks.spawn(kubelet.clone().remove_strangers());
        // What runs nothing uses nothing, and nobody is told figures.
        if kubelet.0.tells {
            let figures = Arc::new(Figures::default());
            kubelet
                .0
                .cluster
                .set_metrics(Arc::<Figures>::clone(&figures));
            tasks.spawn(kubelet.clone().measure(figures));
        }
        (kubelet, tasks)
    }

    /// The engine of a pod.
    fn engine(&self, is_virtual: bool) -> &dyn PodRuntime {
        if is_virtual {
            &self.0.virtuals
        } else {
            &*self.0.engine
        }
    }
}
