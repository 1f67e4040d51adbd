//! What lives in a cluster beside its objects: system objects, controllers, schedulers.
use serde_json::json;
use tokio::task::JoinHandle;
use wharf_kubernetes::{Cluster, cluster::Actor};

use crate::{Cx, Error, Place};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Makes what every cluster has, and starts what works in it.
pub(crate) async fn start(
    _cx: &Cx,
    _at: &Place,
    cluster: &Cluster,
) -> Result<Vec<JoinHandle<()>>, Error> {
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
    Ok(Vec::new())
}
