//! What lives in a cluster beside its objects: controllers, schedulers, the kubelets of its nodes.
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinHandle;
use wharf_kubernetes::{
    Cluster,
    cluster::Actor,
    controllers, fargate,
    kubelet::{Kubelet, PodAddresses},
};
use wharf_runtime::{Pace, Simulated};

use crate::{Cx, Error, Place, capacity::Machines, pod_addresses::Addresses};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// What works in a cluster. Ends with its tasks.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kubelet: Kubelet,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// Makes what every cluster has, and starts what works in it.
pub(crate) async fn start(cx: &Cx, at: &Place, cluster: &Cluster) -> Result<World, Error> {
    bootstrap(cluster).await?;
    let mut tasks = controllers::start(cluster);
    let machines = Machines {
        cx: cx.clone(),
        at: at.clone(),
        cluster: cluster.clone(),
    };
    let scheduled = cluster.clone();
    tasks.push(tokio::spawn(async move {
        if let Err(status) = fargate::run(scheduled, Arc::new(machines)).await {
            let error: &dyn std::error::Error = &status;
            tracing::error!(error, "the scheduler of Fargate cannot run");
        }
    }));
    let addresses: Arc<dyn PodAddresses> = Arc::new(Addresses {
        pools: cx.clusters.pools().clone(),
        at: at.clone(),
        vpc: cx.compute.settings.vpc,
        cluster: cluster.clone(),
    });
    let engine = Simulated::new(cx.store.clock().clone(), Pace::default());
    let (kubelet, mut kubelets) = Kubelet::start(cluster.clone(), Arc::new(engine), addresses);
    // They end when the set is dropped, which is with this task.
    tasks.push(tokio::spawn(async move {
        while kubelets.join_next().await.is_some() {}
    }));
    Ok(World { kubelet, tasks })
}

/// Makes the objects that every cluster has, unless they are there.
async fn bootstrap(cluster: &Cluster) -> Result<(), Error> {
    let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
    for name in NAMESPACES {
        if cluster.get("namespaces", "", name).is_some() {
            continue;
        }
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name },
        });
        let made = cluster.create("namespaces", namespace, &by).await;
        made.map_err(Error::running)?;
    }
    Ok(())
}
