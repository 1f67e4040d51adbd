//! What is done to the world when documents of EKS ask for it. Every function may be called twice for
//! the same document, and must then leave things as after the first time.
use crate::{
    Cx, Error, Place, certificate_authorities,
    clusters::{Change, Cluster},
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

/// Brings what changes of a cluster to its Kubernetes API.
#[expect(clippy::unused_async, reason = "there is no Kubernetes API yet")]
pub(crate) async fn update_cluster(
    _cx: &Cx,
    at: &Place,
    _cluster: &Cluster,
    change: &Change,
) -> Result<(), Error> {
    tracing::debug!(
        name = at.name,
        change = change.kind(),
        "a cluster is updated"
    );
    Ok(())
}

/// Stops the Kubernetes API of a cluster and removes what it stored.
#[expect(clippy::unused_async, reason = "there is no Kubernetes API yet")]
pub(crate) async fn delete_cluster(_cx: &Cx, at: &Place, _cluster: &Cluster) -> Result<(), Error> {
    tracing::debug!(name = at.name, "a cluster is deleted");
    Ok(())
}
