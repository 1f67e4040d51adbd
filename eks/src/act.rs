//! What is done to the world when documents of EKS ask for it. Every function may be called twice for
//! the same document, and must then leave things as after the first time.
use crate::{
    Cx, Error, Place, capacity, clusters::Cluster, fargate::FargateProfile, interfaces, machines,
    nodegroups::Nodegroup, nodes, profiles, running, updates::Problem,
};

/// What a running control plane is reached by.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ControlPlane {
    /// Like `https://127.0.0.1:40123`.
    pub endpoint: Option<String>,
    /// The certificate of its CA: base64 of PEM.
    pub certificate_authority: Option<String>,
    /// The certificate, as PEM, of who else signs what is shown at the endpoint.
    pub base_authority: Option<String>,
    /// The URL of who issues the tokens of service accounts.
    pub oidc_issuer: Option<String>,
    /// The port of its own, which it has again after a restart if nobody else took it.
    pub port: Option<u16>,
}

/// Starts the Kubernetes API of a cluster.
pub(crate) async fn create_cluster(
    cx: &Cx,
    at: &Place,
    cluster: &Cluster,
) -> Result<ControlPlane, Error> {
    running::open(cx, at, cluster).await
}

/// Brings the Kubernetes API of a cluster to its version.
#[expect(clippy::unused_async, reason = "is one of the steps")]
pub(crate) async fn set_version(cx: &Cx, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    if let Some(running) = cx.clusters.at(at) {
        running
            .cluster()
            .change_settings(|settings| settings.version.clone_from(&cluster.version));
    }
    Ok(())
}

/// Brings what else changes of a cluster to its Kubernetes API.
pub(crate) async fn configure_cluster(cx: &Cx, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    running::access::configure_as(cx, at, cluster).await
}

/// Stops the Kubernetes API of a cluster and removes what it stored.
pub(crate) async fn delete_cluster(cx: &Cx, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    cx.clusters.close(&cluster.uid).await;
    capacity::release_all(cx, at, &cluster.uid).await?;
    interfaces::take_back(cx, at, &cluster.uid).await?;
    running::remove_files(cx, &cluster.uid).await
}

/// Makes the Auto Scaling group of a node group, whose machines join the cluster.
pub(crate) async fn create_nodegroup(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    running::access::configure(cx, at).await?;
    machines::create(cx, at, of).await?;
    nodes::joined(cx, at, of).await
}

/// Makes the machines of a node group as many as it says.
pub(crate) async fn scale_nodegroup(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    machines::scale(cx, at, of).await?;
    nodes::joined(cx, at, of).await
}

/// Brings the labels and taints of a node group to its nodes.
pub(crate) async fn configure_nodegroup(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    nodes::configure(cx, at, of).await
}

/// Replaces the machines of a node group by those of its version. The answer is why that failed.
pub(crate) async fn set_nodegroup_version(
    cx: &Cx,
    at: &Place,
    of: &Nodegroup,
    force: bool,
) -> Result<Option<Problem>, Error> {
    machines::set_version(cx, at, of).await?;
    nodes::replace(cx, at, of, force).await
}

/// From now on machines come again in the version that the node group had.
pub(crate) async fn reset_nodegroup_version(
    cx: &Cx,
    at: &Place,
    of: &Nodegroup,
) -> Result<(), Error> {
    machines::set_version(cx, at, of).await
}

/// Drains the nodes of a node group and removes its machines.
pub(crate) async fn delete_nodegroup(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    nodes::drained(cx, at, of).await?;
    machines::forget(cx, at, of).await
}

/// Lets pods that a profile selects run on Fargate.
pub(crate) async fn create_profile(cx: &Cx, at: &Place, of: &FargateProfile) -> Result<(), Error> {
    running::access::configure(cx, at).await?;
    profiles::configure(cx, at, Some(of)).await
}

/// Deletes the pods that run by a profile.
pub(crate) async fn delete_profile(cx: &Cx, at: &Place, of: &FargateProfile) -> Result<(), Error> {
    profiles::configure(cx, at, None).await?;
    profiles::empty(cx, at, of).await
}
