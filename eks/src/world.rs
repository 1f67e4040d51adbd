//! What lives in a cluster beside its objects: controllers, schedulers, the kubelets of its nodes.
use std::{net::SocketAddr, sync::Arc};

use tokio::task::JoinHandle;
use wharf_kubernetes::{
    Cluster, certificates, controllers, fargate,
    kubelet::{Kubelet, PodAddresses},
    system,
};

use crate::{
    Cx, Error, Place, capacity::Machines, certificates::ClusterSigner, engines,
    pod_addresses::Addresses,
};

/// What works in a cluster. Ends with its tasks.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kubelet: Kubelet,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// Makes what every cluster has, and starts what works in it.
pub(crate) async fn start(
    cx: &Cx,
    at: &Place,
    cluster: &Cluster,
    api: SocketAddr,
) -> Result<World, Error> {
    system::bootstrap(cluster).await.map_err(Error::running)?;
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
    let signer = ClusterSigner {
        cx: cx.clone(),
        at: at.clone(),
    };
    let asked = cluster.clone();
    tasks.push(tokio::spawn(async move {
        if let Err(status) = certificates::run(asked, Arc::new(signer)).await {
            let error: &dyn std::error::Error = &status;
            tracing::error!(error, "certificates cannot be signed");
        }
    }));
    let addresses: Arc<dyn PodAddresses> = Arc::new(Addresses {
        pools: cx.clusters.pools().clone(),
        at: at.clone(),
        vpc: cx.compute.settings.vpc,
        cluster: cluster.clone(),
    });
    let (runtime, needed) = engines::start(cx, cluster, api).await?;
    tasks.extend(needed);
    let (kubelet, mut kubelets) = Kubelet::start(cluster.clone(), runtime, addresses);
    // They end when the set is dropped, which is with this task.
    tasks.push(tokio::spawn(async move {
        while kubelets.join_next().await.is_some() {}
    }));
    Ok(World { kubelet, tasks })
}
