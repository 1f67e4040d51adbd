//! Services as the user's machine reaches them: load balancers and node ports at 127.0.0.1.
//!
//! A port there leads to the ready endpoints of a service, by the links to their pods. Only TCP does.
//!
//! # Guarantees
//! * Nothing listens for a service that is gone, or while no engine runs the pods.
//! * A load balancer has the address again that it had before a restart, if that is free.
mod balancer;
mod node_ports;
mod places;
mod plan;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use places::Place;
use telling::About;
use wharf_balancer::Listener;
use wharf_runtime::network::Reach;

use crate::controllers::{Frame, Key, Outcome};
use crate::kubelet::network::{SLICES, Slices, owner};
use crate::store::Object;
use crate::{Cluster, Status};

/// Works until it is dropped. Without `pods`, those of the cluster are simulated and nobody answers.
pub async fn run(cluster: Cluster, pods: Option<Arc<dyn Reach>>) -> Result<(), Status> {
    let mut frame = Frame::of("service", &cluster);
    for resource in ["services", "endpoints"] {
        frame.on(cluster.shelf(resource)?, |seen| seen.keys());
    }
    frame.on(cluster.shelf(SLICES)?, |seen| {
        seen.states().filter_map(|slice| owner(slice)).collect()
    });
    let balancers = Balancers {
        slices: Slices::new(&cluster)?,
        cluster,
        pods,
        live: Mutex::default(),
    };
    frame
        .run_on(balancers, |all, key| async move { all.sync(&key).await })
        .await;
    Ok(())
}

#[derive(Debug)]
struct Balancers {
    cluster: Cluster,
    slices: Slices,
    pods: Option<Arc<dyn Reach>>,
    /// What is open. Who works on a service has it in hands.
    live: Mutex<HashMap<Key, Live>>,
}

/// What is open for a service.
#[derive(Debug, Default)]
struct Live {
    uid: String,
    node_ports: BTreeMap<u16, Listener>,
    balancer: Option<Place>,
    /// What was said once.
    said: HashSet<String>,
}

impl Live {
    async fn close(self) {
        for listener in self.node_ports.into_values() {
            listener.close().await;
        }
        if let Some(place) = self.balancer {
            place.close().await;
        }
    }
}

impl Balancers {
    // Nothing panics while it holds the lock.
    fn live(&self) -> MutexGuard<'_, HashMap<Key, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sync(&self, key: &Key) -> Outcome {
        let mut live = self.live().remove(key).unwrap_or_default();
        let Some(service) = self.cluster.get("services", &key.namespace, &key.name) else {
            live.close().await;
            return Ok(None);
        };
        if live.uid != service.uid {
            let uid = service.uid.clone();
            let new = Live {
                uid,
                ..Live::default()
            };
            std::mem::replace(&mut live, new).close().await;
        }
        let outcome = self.keep(key, &service, &mut live).await;
        self.live().insert(key.clone(), live);
        outcome
    }

    async fn keep(&self, key: &Key, object: &Object, live: &mut Live) -> Outcome {
        let service = object.value();
        let wanted = plan::plan(&service, &self.slices.of(key, &service));
        let about = About::new(&self.cluster, object);
        let again = self.keep_node_ports(&about, &wanted, live).await;
        self.keep_balancer(&about, &service, &wanted, live).await?;
        Ok(again)
    }
}
