//! Lifecycle policies: which images go, and when.
//!
//! [`Policy`] is the text with its meaning, [`plan`] says what it takes from a repository, and
//! [`evaluate`] takes it. [`run`] does so for all repositories every so often.
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Repository};
use wharf_types::{Registry, RepoName, Timestamp};

use crate::{Cx, Error, repositories};

mod apply;
mod grammar;
mod plan;
pub mod preview;
mod sweep;

pub use apply::{Evaluation, evaluate};
pub use grammar::{Action, Count, Days, InvalidPolicy, Policy, Rule, Selection, StorageClass};
pub use plan::{Image, Taken, plan};
pub use sweep::{Mode, Swept, sweep};

/// How few characters a policy has.
pub const MIN_TEXT: usize = 100;

/// How many characters a policy has at the most.
pub const MAX_TEXT: usize = 30_720;

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

/// Works beside the requests: applies all policies once in an interval, and completes previews.
pub async fn run(cx: Cx, interval: Duration) {
    tokio::join!(sweep::every(&cx.store, interval), preview::work(&cx));
}

/// Finds a repository's policy.
pub fn find(tx: &Read<'_>, repository: &Repository) -> Result<LifecyclePolicy, Error> {
    apply::stored(tx, repository.id)?.ok_or_else(|| Error::LifecyclePolicyNotFound {
        registry: repository.registry.clone(),
        name: repository.name.clone(),
    })
}

/// Finds a repository's policy by the repository's name.
pub async fn get(cx: &Cx, registry: &Registry, name: &RepoName) -> Result<LifecyclePolicy, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    let found = cx
        .store
        .meta()
        .read(move |tx| find(tx, &repositories::find(tx, &registry, &name)?));
    found.await
}

/// Gives a repository a policy, instead of the one it has. Images go at the next run.
pub async fn put(cx: &Cx, registry: &Registry, name: &RepoName, text: &str) -> Result<(), Error> {
    Policy::parse(text)?;
    let (registry, name, text) = (registry.clone(), name.clone(), text.to_owned());
    let now = cx.store.now();
    let stored = cx.store.meta().write(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let before = apply::stored(tx, repository.id)?;
        let same = before.filter(|before| before.text == text);
        let policy = LifecyclePolicy {
            text: text.clone(),
            evaluated_ms: same.and_then(|same| same.evaluated_ms),
        };
        Ok(tx.put_document(&Owner::Repository(repository.id), "", &policy, now)?)
    });
    stored.await
}

/// Takes a repository's policy away.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
) -> Result<LifecyclePolicy, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    let deleted = cx.store.meta().write(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let policy = find(tx, &repository)?;
        tx.delete_document::<LifecyclePolicy>(&Owner::Repository(repository.id), "")?;
        Ok(policy)
    });
    deleted.await
}
