//! Policies of repositories and registries: who may do what.
use serde::{Deserialize, Serialize};
use wharf_storage::Document;

/// A repository's policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepositoryPolicy {
    /// As it was given.
    pub text: String,
}

impl Document for RepositoryPolicy {
    const KIND: &'static str = "repository-policy";
}
