//! What is done to the world when documents of EKS ask for it. Every function may be called twice for
//! the same document, and must then leave things as after the first time.
use crate::{
    Cx, Error, Place, certificate_authorities, clusters::Cluster, fargate::FargateProfile,
    nodegroups::Nodegroup,
};

/// What a running control plane is reached by.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ControlPlane {
    /// Like `https://127.0.0.1:40123`.
    pub endpoint: Option<String>,
    /// The certificate of its CA: base64 of PEM.
    pub certificate_authority: Option<String>,
    /// The URL of who issues the tokens of service accounts.
    pub oidc_issuer: Option<String>,
}

/// Starts the Kubernetes API of a cluster.
pub(crate) async fn create_cluster(
    cx: &Cx,
    at: &Place,
    cluster: &Cluster,
) -> Result<ControlPlane, Error> {
    tracing::debug!(name = at.name, "a cluster is created");
    let authority = certificate_authorities::first(cx, at).await?;
    Ok(ControlPlane {
        certificate_authority: Some(authority.data()),
        ..cluster.control_plane.clone()
    })
}

/// Brings the Kubernetes API of a cluster to its version.
#[expect(clippy::unused_async, reason = "there is no Kubernetes API yet")]
pub(crate) async fn set_version(_cx: &Cx, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    let version = &cluster.version;
    tracing::debug!(name = at.name, version, "a cluster is brought to a version");
    Ok(())
}

/// Brings what else changes of a cluster to its Kubernetes API.
#[expect(clippy::unused_async, reason = "there is no Kubernetes API yet")]
pub(crate) async fn configure_cluster(
    _cx: &Cx,
    at: &Place,
    _cluster: &Cluster,
) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a cluster is configured");
    Ok(())
}

/// Stops the Kubernetes API of a cluster and removes what it stored.
#[expect(clippy::unused_async, reason = "there is no Kubernetes API yet")]
pub(crate) async fn delete_cluster(_cx: &Cx, at: &Place, _cluster: &Cluster) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a cluster is deleted");
    Ok(())
}

/// Makes the Auto Scaling group of a node group, whose machines join the cluster.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn create_nodegroup(_cx: &Cx, at: &Place, _of: &Nodegroup) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a node group is created");
    Ok(())
}

/// Makes the machines of a node group as many as it says.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn scale_nodegroup(_cx: &Cx, at: &Place, _of: &Nodegroup) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a node group is scaled");
    Ok(())
}

/// Brings the labels and taints of a node group to its nodes, and its settings to its group.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn configure_nodegroup(
    _cx: &Cx,
    at: &Place,
    _of: &Nodegroup,
) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a node group is configured");
    Ok(())
}

/// Replaces the machines of a node group by those of its version.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn set_nodegroup_version(
    _cx: &Cx,
    at: &Place,
    _of: &Nodegroup,
) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a node group is brought to a version");
    Ok(())
}

/// Drains the nodes of a node group and removes its machines.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn delete_nodegroup(_cx: &Cx, at: &Place, _of: &Nodegroup) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a node group is deleted");
    Ok(())
}

/// Lets pods that a profile selects run on Fargate.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn create_profile(
    _cx: &Cx,
    at: &Place,
    _of: &FargateProfile,
) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a Fargate profile is created");
    Ok(())
}

/// Deletes the pods that run by a profile.
#[expect(clippy::unused_async, reason = "there are no machines yet")]
pub(crate) async fn delete_profile(
    _cx: &Cx,
    at: &Place,
    _of: &FargateProfile,
) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a Fargate profile is deleted");
    Ok(())
}
