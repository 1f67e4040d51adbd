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

use wharf_types::AccountId;

use crate::authz::rbac;
use crate::cluster::Cluster;

/// The certificate that a client showed, as DER: an extension of its requests.
#[derive(Clone, Debug)]
pub struct PeerCertificate(pub Vec<u8>);

/// How principals of AWS prove who they are.
#[derive(Clone)]
pub struct Access {
    pub auth: wharf_auth::Auth,
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
}

impl ApiServer {
    pub fn new(cluster: Cluster, access: Access) -> Self {
        Self(Arc::new(Inner {
            cluster,
            access,
            rbac: rbac::Cache::default(),
        }))
    }

    pub fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }
}
