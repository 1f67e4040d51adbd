//! Deletion: at once, after a grace period, or when the last finalizer is gone.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Write, in_form, metadata, to_stored};
use crate::cluster::time::rfc3339;
use crate::cluster::{Cluster, Resource, addresses};
use crate::store::{Object, Op, Pledge, Refused};
use crate::{Status, crd};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// Namespaces that stay.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// How often a deletion is tried again because somebody changed the object meanwhile.
const TRIES: usize = 10;

/// `DeleteOptions`.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    pub grace_secs: Option<i64>,
    pub propagation: Option<Propagation>,
    /// Only the object of this uid.
    pub uid: Option<String>,
    /// Only in this state, as a client names it.
    pub revision: Option<String>,
}

/// What becomes of the objects that it owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They stay.
    Orphan,
    /// They go after it.
    Background,
    /// They go before it.
    Foreground,
}

/// What became of a deletion.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// The last state.
    pub object: Arc<Object>,
    /// Or it is only marked as to be deleted.
    pub gone: bool,
}

impl Cluster {
    /// Deletes an object, or marks it where something must happen first.
    pub(crate) async fn delete_object(
        &self,
        write: &Write<'_>,
        how: &Deletion,
    ) -> Result<Deleted, Status> {
        let resource = write.resource;
        let Resource { plural, group, .. } = &**resource;
        if plural == "namespaces" && group.is_empty() && IMMORTAL.contains(&write.name) {
            let why = "this namespace may not be deleted";
            return Err(Status::forbidden(plural, group, write.name, why));
        }
        for _try in 0..TRIES {
            let current = resource.shelf.get(write.namespace, write.name);
            let current = current.ok_or_else(|| Status::not_found(plural, group, write.name))?;
            preconditions(write, &current, how)?;
            let old = in_form(resource, &current);
            let op = match self.plan(write, &old, how) {
                Plan::Nothing => {
                    return Ok(Deleted {
                        object: current,
                        gone: false,
                    });
                }
                Plan::Mark(marked) => Op::Update(current.revision, to_stored(resource, marked)),
                Plan::Remove => Op::Delete(current.revision),
            };
            let gone = matches!(op, Op::Delete(_));
            if write.options.dry_run {
                return Ok(Deleted {
                    object: current,
                    gone,
                });
            }
            let released = gone
                .then(|| addresses::release(self, write, &old))
                .flatten();
            let pledges = released.map(|released| Box::new(released) as Box<dyn Pledge>);
            let (store, shelf) = (self.store(), &resource.shelf);
            let pledges = pledges.into_iter().collect();
            match store
                .commit_with(shelf, write.namespace, write.name, op, pledges)
                .await
            {
                Ok(object) => return Ok(Deleted { object, gone }),
                Err(Refused::Changed(Some(_))) => {}
                Err(refused) => return Err(Self::refused(write, write.name, refused)),
            }
        }
        Err(Status::modified(plural, group, write.name))
    }

    fn plan(&self, write: &Write<'_>, old: &Value, how: &Deletion) -> Plan {
        let mut new = old.clone();
        finalizers(write.resource, &mut new, how.propagation);
        let grace = grace(write.resource, old, how);
        let marked = &old["metadata"]["deletionTimestamp"];
        if marked.is_null() {
            if write.resource.kind == "CustomResourceDefinition" {
                crd::begin_deletion(&mut new, &rfc3339(self.now()));
            }
            if grace == 0 && !metadata::has_finalizers(&new) {
                return Plan::Remove;
            }
            let wait = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
            metadata::set(
                &mut new,
                "deletionTimestamp",
                rfc3339(self.now() + wait).into(),
            );
            metadata::set(&mut new, "deletionGracePeriodSeconds", grace.into());
            metadata::next_generation(&mut new);
            if write.resource.plural == "namespaces" && write.resource.group.is_empty() {
                new["status"]["phase"] = "Terminating".into();
            }
            return Plan::Mark(new);
        }
        // A second deletion may only shorten the wait.
        let left = old["metadata"]["deletionGracePeriodSeconds"].as_i64();
        let left = left.unwrap_or(0);
        if grace == 0 && !metadata::has_finalizers(&new) {
            return Plan::Remove;
        }
        if grace < left && how.grace_secs.is_some() {
            let wait = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
            metadata::set(
                &mut new,
                "deletionTimestamp",
                rfc3339(self.now() + wait).into(),
            );
            metadata::set(&mut new, "deletionGracePeriodSeconds", grace.into());
        }
        if new == *old {
            Plan::Nothing
        } else {
            Plan::Mark(new)
        }
    }
}

enum Plan {
    Nothing,
    Mark(Value),
    Remove,
}

fn preconditions(write: &Write<'_>, current: &Object, how: &Deletion) -> Result<(), Status> {
    let Resource { plural, group, .. } = &**write.resource;
    let conflict = |why: String| Err(Status::conflict(plural, group, write.name, &why));
    if let Some(uid) = &how.uid
        && *uid != current.uid
    {
        return conflict(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            current.uid
        ));
    }
    if let Some(revision) = &how.revision
        && *revision != current.revision.to_string()
    {
        return conflict(format!(
            "the ResourceVersion in the precondition ({revision}) does not match the ResourceVersion in record ({}). The object might have been modified",
            current.revision
        ));
    }
    Ok(())
}

/// The finalizers that stand for what becomes of the objects that it owns.
fn finalizers(resource: &Resource, object: &mut Value, propagation: Option<Propagation>) {
    // For these, clients of old expected that what they own stays.
    let orphans = matches!(
        (resource.group.as_str(), resource.plural.as_str()),
        ("batch", "jobs") | ("", "replicationcontrollers")
    );
    let wanted = match propagation {
        Some(Propagation::Orphan) => Some(ORPHAN),
        Some(Propagation::Foreground) => Some(FOREGROUND),
        None if orphans => Some(ORPHAN),
        Some(Propagation::Background) => None,
        // As it was decided before.
        None => return,
    };
    let list = object["metadata"]["finalizers"].as_array();
    let list = list.cloned().unwrap_or_default().into_iter();
    let mut list: Vec<Value> = list
        .filter(|name| *name != ORPHAN && *name != FOREGROUND)
        .collect();
    list.extend(wanted.map(Value::from));
    if list.is_empty() {
        metadata::remove(object, "finalizers");
    } else {
        metadata::set(object, "finalizers", json!(list));
    }
}

/// How long an object is left to end: only pods that run somewhere are.
fn grace(resource: &Resource, object: &Value, how: &Deletion) -> i64 {
    if resource.plural != "pods" || !resource.group.is_empty() {
        return 0;
    }
    let ended = matches!(
        object["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    let placed = object["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty());
    if ended || !placed {
        return 0;
    }
    let left = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64();
    let wanted = how.grace_secs.or(left).or(own).unwrap_or(30);
    // A negative one means: at once, but let it be told.
    if wanted < 0 { 1 } else { wanted }
}
