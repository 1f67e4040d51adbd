//! The Kubernetes API over HTTP.
//!
//! A request is routed, its user is found, asked whether it may, and answered; all errors are
//! `Status` objects.
mod body;
mod delete;
#[cfg(test)]
mod delete_tests;
mod identify;
mod list;
mod list_options;
mod log;
mod mint;
mod patch;
mod path;
mod permit;
#[cfg(test)]
mod property;
mod query;
mod reply;
mod review;
mod route;
mod serve;
mod show;
mod stream;
mod subresource;
#[cfg(test)]
mod tests;
mod unread;
mod watch;
#[cfg(test)]
mod watch_tests;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wharf_types::AccountId;

use crate::Status;
use crate::authz::rbac;
use crate::cluster::Cluster;
use crate::kubelet::Kubelet;

/// The certificate that a client showed, as DER: an extension of its requests.
#[derive(Clone, Debug)]
pub struct PeerCertificate(pub Vec<u8>);

/// Lets a peer be slow in reading: an extension of requests that holds for their whole connection.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From now on the peer may take as long as it wants.
    pub fn grant(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_granted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How principals of AWS prove who they are.
#[derive(Clone)]
pub struct Access {
    pub auth: wharf_auth::Auth,
    /// What sessions of roles are made with.
    pub key: Arc<wharf_auth::SigningKey>,
    pub default_account: AccountId,
    /// Whether a host, with its port, is this server.
    pub is_ours: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = &self.default_account;
        write!(f, "Access({account}, {:?})", self.auth)
    }
}

/// The API of one cluster. A cheap handle.
#[derive(Clone, Debug)]
pub struct ApiServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    access: Access,
    rbac: rbac::Cache,
    /// What runs the pods.
    kubelet: Option<Kubelet>,
    /// For connections to pods.
    room: stream::Room,
}

impl ApiServer {
    /// An API whose pods are only objects: nobody can be connected to them.
    pub fn new(cluster: Cluster, access: Access) -> Self {
        Self::over(cluster, access, None)
    }

    /// An API whose pods are run by a kubelet of the same cluster.
    pub fn with_kubelet(cluster: Cluster, access: Access, kubelet: Kubelet) -> Self {
        Self::over(cluster, access, Some(kubelet))
    }

    fn over(cluster: Cluster, access: Access, kubelet: Option<Kubelet>) -> Self {
        Self(Arc::new(Inner {
            cluster,
            access,
            rbac: rbac::Cache::default(),
            kubelet,
            room: stream::Room::default(),
        }))
    }

    fn kubelet(&self) -> Result<&Kubelet, Status> {
        let kubelet = self.0.kubelet.as_ref();
        kubelet.ok_or_else(|| Status::not_implemented("no kubelet runs the pods of this cluster"))
    }

    pub fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }
}
