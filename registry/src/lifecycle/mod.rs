//! Lifecycle policies: which images go, and when.
mod grammar;
mod plan;

pub use grammar::{Action, Count, Days, InvalidPolicy, Policy, Rule, Selection, StorageClass};
pub use plan::{Image, Taken, plan};
use serde::{Deserialize, Serialize};
use wharf_storage::Document;
use wharf_types::Timestamp;

/// A repository's lifecycle policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LifecyclePolicy {
    /// As it was given.
    pub text: String,
    /// When it was last applied, in milliseconds.
    #[serde(default)]
    pub evaluated_ms: Option<i64>,
}

impl Document for LifecyclePolicy {
    const KIND: &'static str = "lifecycle-policy";
}

impl LifecyclePolicy {
    /// When it was last applied.
    pub fn evaluated(&self) -> Option<Timestamp> {
        self.evaluated_ms.map(Timestamp::from_ms)
    }
}
