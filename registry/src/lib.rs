//! Repositories, images and tags: the domain, and its first door, the OCI distribution API.
//!
//! The second door is ECR's JSON API in the crate `aws`. Both call [`images`], [`repositories`] and
//! [`blobs`], so what is pushed through one is there for the other in the same transaction.

pub mod account_settings;
pub mod archive;
pub mod blobs;
mod bodies;
mod by_prefix;
pub mod catalog;
mod error;
pub mod images;
pub mod layers;
pub mod lifecycle;
pub mod oci;
pub mod policies;
pub mod pull_through;
pub mod pull_times;
pub mod replication;
pub mod repositories;
pub mod scanning;
pub mod signing;
pub mod templates;
pub mod wildcard;

use std::sync::Arc;

pub use bodies::{Bodies, Room};
pub use error::Error;
use tokio::sync::watch;
use wharf_auth::{Auth, Principal, SigningKey};
use wharf_storage::Store;
use wharf_types::Registry;

/// What `/v2/` demands of a manifest's references.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum References {
    /// Everything that a manifest names must be in its repository.
    #[default]
    Strict,
    /// Layers and children may come later or never.
    Sparse,
}

/// What every operation may use: cheap handles.
#[derive(Clone)]
pub struct Cx {
    pub store: Store,
    pub key: Arc<SigningKey>,
    /// Room in memory for the bodies of requests.
    pub bodies: Bodies,
    pub references: References,
    /// Whether a push to a repository that does not exist makes it.
    pub create_on_push: bool,
    /// Whether clients are sent to the bucket for the bytes of layers, if there is one.
    pub redirect: bool,
    /// Whether policies are enforced, and what callers' own ones are.
    pub auth: Auth,
    /// Other registries, for the pull-through cache.
    pub upstreams: pull_through::Upstreams,
    /// Told when there is something to do for those who work beside the requests: an image was
    /// pushed, a job was asked for. What it is, they find in the store.
    pub work: Arc<watch::Sender<()>>,
}

impl std::fmt::Debug for Cx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx")
            .field("references", &self.references)
            .finish_non_exhaustive()
    }
}

/// Who calls, and the registry that is meant.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub registry: Registry,
}
