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
mod queue;
mod state;
mod status;
mod streams;
#[cfg(test)]
mod tests;
pub mod translate;
mod virtuals;
mod work;
mod worker;

use std::sync::Arc;

pub use addresses::{MemoryAddresses, PodAddresses};
use events::Events;
use links::Links;
use state::State;
use tokio::task::JoinSet;
use wharf_runtime::{Pace, PodRuntime, Simulated};

use crate::Cluster;

/// The kubelets of a cluster. A cheap handle.
#[derive(Clone, Debug)]
pub struct Kubelet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    engine: Arc<dyn PodRuntime>,
    /// Has the pods of the system of which nothing is run.
    virtuals: Simulated,
    addresses: Arc<dyn PodAddresses>,
    events: Events,
    links: Links,
    state: State,
}

impl Kubelet {
    /// Starts to run the pods of a cluster. The tasks end when the second part is dropped.
    pub fn start(
        cluster: Cluster,
        engine: Arc<dyn PodRuntime>,
        addresses: Arc<dyn PodAddresses>,
    ) -> (Self, JoinSet<()>) {
        let (events, written) = Events::new(cluster.clone());
        let kubelet = Self(Arc::new(Inner {
            virtuals: Simulated::new(cluster.clock().clone(), Pace::default()),
            cluster,
            engine,
            addresses,
            events,
            links: Links::default(),
            state: State::default(),
        }));
        let mut tasks = JoinSet::new();
        tasks.spawn(written);
        tasks.spawn(kubelet.clone().run_pods());
        tasks.spawn(kubelet.clone().run_nodes());
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
