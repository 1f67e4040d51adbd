//! Which engine runs the pods of which cluster.
use std::fmt;
use std::future::ready;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::Later;
use crate::engine::Engine;

/// The network that the pods of a cluster are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodNetwork {
    /// Where pods send what is for elsewhere.
    pub gateway: Ipv4Addr,
    /// How many of its bits all addresses have in common.
    pub prefix: u8,
}

/// Gives each cluster an engine of its own: what one has, no other sees.
pub trait Engines: Send + Sync + fmt::Debug {
    /// The engine of a cluster, by an id that never changes. None: its pods are simulated.
    fn open<'a>(
        &'a self,
        cluster: &'a str,
        network: PodNetwork,
    ) -> Later<'a, Option<Arc<dyn Engine>>>;

    /// Removes all that the engine of a cluster has.
    fn remove<'a>(&'a self, cluster: &'a str) -> Later<'a, ()>;
}

/// All pods are simulated.
#[derive(Clone, Copy, Debug)]
pub struct NoEngines;

impl Engines for NoEngines {
    fn open<'a>(&'a self, _: &'a str, _: PodNetwork) -> Later<'a, Option<Arc<dyn Engine>>> {
        Box::pin(ready(Ok(None)))
    }

    fn remove<'a>(&'a self, _: &'a str) -> Later<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}
