//! What is to be done about an object whose owners may be gone, or who is gone himself.
use serde::Deserialize;

pub(super) const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";

/// `metadata` of an object, as much as the collector needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) deletion_timestamp: Option<String>,
    pub(super) finalizers: Vec<String>,
    pub(super) owner_references: Vec<Owner>,
}

/// An owner reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) block_owner_deletion: Option<bool>,
}

/// What an owner reference points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerState {
    /// There is such an object.
    Solid,
    /// There is, and it waits until its dependents are gone.
    Waiting,
    /// There is not.
    Gone,
    /// Nobody knows: its kind is not one of the cluster, or it cannot be one's owner.
    Unknown,
}

/// How an object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Background,
    Foreground,
    Orphan,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is to be done.
    Keep,
    /// The object is deleted.
    Delete(Way),
    /// It is deleted in the foreground, and no longer blocks its owners: they wait for each other.
    UnblockAndDelete,
    /// References to these owners are removed.
    Forget(Vec<String>),
    /// The dependents lose their references to the object, which then loses its finalizer.
    Release,
    /// The object waits for these of its dependents.
    Await,
    /// Nothing blocks it: it loses its finalizer.
    Finish,
}

/// One who depends on the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dependent {
    pub(super) blocks: bool,
    /// Whether it waits for its own dependents.
    pub(super) waits: bool,
}

impl Item {
    fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|own| own == finalizer)
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether it is deleted once its dependents are.
    pub(super) fn waits(&self) -> bool {
        self.is_deleting() && self.has(FOREGROUND)
    }

    pub(super) fn blocks(&self, uid: &str) -> bool {
        let mut owners = self.owner_references.iter();
        owners.any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true))
    }
}

/// `dependents` is asked only where it matters.
pub(super) fn plan(
    item: &Item,
    state: impl Fn(&Owner) -> OwnerState,
    dependents: impl Fn() -> Vec<Dependent>,
) -> Step {
    if item.is_deleting() && item.has(ORPHAN) {
        return Step::Release;
    }
    if item.waits() {
        let blocked = dependents().iter().any(|dependent| dependent.blocks);
        return if blocked { Step::Await } else { Step::Finish };
    }
    // It is on its way; its dependents' turn comes when it is gone.
    if item.is_deleting() || item.owner_references.is_empty() {
        return Step::Keep;
    }
    let (mut solid, mut gone, mut waiting) = (false, Vec::new(), Vec::new());
    for owner in &item.owner_references {
        match state(owner) {
            OwnerState::Solid => solid = true,
            OwnerState::Gone => gone.push(owner.uid.clone()),
            OwnerState::Waiting => waiting.push(owner.uid.clone()),
            OwnerState::Unknown => return Step::Keep,
        }
    }
    if solid {
        gone.append(&mut waiting);
        return if gone.is_empty() {
            Step::Keep
        } else {
            Step::Forget(gone)
        };
    }
    if !waiting.is_empty() {
        let dependents = dependents();
        if dependents.iter().any(|dependent| dependent.waits) {
            return Step::UnblockAndDelete;
        }
        if !dependents.is_empty() {
            return Step::Delete(Way::Foreground);
        }
    }
    Step::Delete(if item.has(ORPHAN) {
        Way::Orphan
    } else if item.has(FOREGROUND) {
        Way::Foreground
    } else {
        Way::Background
    })
}

#[cfg(test)]
mod tests;
