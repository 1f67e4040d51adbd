//! The garbage collector: objects go with their owners, or before them, or are released.
//!
//! # Guarantees
//! * An object is deleted only if none of its owners exists at the moment of the decision, and only
//!   in the state that was decided on.
//! * An owner of a kind that the cluster does not know keeps its dependents.
mod plan;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use self::plan::{Dependent, FOREGROUND, Item, ORPHAN, Owner, OwnerState, Step, Way, plan};
use super::{Frame, Index, Key, Outcome, Seen, WORKERS, follow_everything};
use crate::cluster::{Actor, Deletion, EventType, Part, Propagation, Reference, Resource};
use crate::store::{Object, Shelf};
use crate::{Cluster, Status, fields};

/// Events have no owners, and there are many.
const IGNORED: &str = "events";

pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let clock = cluster.clone();
    let frame = Frame::new("garbage-collector", cluster.store(), move || clock.now());
    let queue = frame.queue();
    let collector = Arc::new(Collector {
        cluster: cluster.clone(),
        by: Actor::controller("generic-garbage-collector"),
        indexes: Mutex::default(),
    });
    let watching = Arc::clone(&collector);
    let follow = follow_everything(cluster.store(), move |shelf, seen| {
        if shelf.name != IGNORED {
            for key in watching.concerned(shelf, seen) {
                queue.add(key);
            }
        }
    });
    let queue = frame.queue();
    let work = frame.run(WORKERS, move |key| {
        let (collector, queue) = (Arc::clone(&collector), queue.clone());
        async move {
            let mut more = Vec::new();
            let outcome = collector.collect(&key, &mut more).await;
            for key in more {
                queue.add(key);
            }
            outcome
        }
    });
    tokio::select! {
        () = follow => {}
        () = work => {}
    }
    Ok(())
}

/// `metadata` alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    metadata: Item,
}

fn item(object: &Object) -> Item {
    let body: Body = serde_json::from_slice(&object.body()).unwrap_or_default();
    body.metadata
}

/// The resource is part of a key's name, which has no slash.
fn key(resource: &str, namespace: &str, name: &str) -> Key {
    Key::new(namespace, &format!("{resource}/{name}"))
}

#[derive(Debug)]
struct Collector {
    cluster: Cluster,
    by: Actor,
    /// The objects of each shelf by the uids of their owners.
    indexes: Mutex<HashMap<String, Arc<Index>>>,
}

impl Collector {
    fn index(&self, shelf: &Arc<Shelf>) -> Arc<Index> {
        let indexes = self.indexes.lock();
        let mut indexes = indexes.unwrap_or_else(PoisonError::into_inner);
        let made = indexes.entry(shelf.name.clone()).or_insert_with(|| {
            let store = self.cluster.store();
            let index = Index::new(store, Arc::clone(shelf), |object| object.owners.clone());
            Arc::new(index)
        });
        Arc::clone(made)
    }

    /// All that name an owner, with the names of their shelves.
    fn dependents(&self, uid: &str) -> Vec<(String, Arc<Object>)> {
        let mut found = Vec::new();
        for shelf in self.cluster.store().shelves() {
            if shelf.name == IGNORED {
                continue;
            }
            let own = self.index(&shelf).of(uid);
            found.extend(own.into_iter().map(|object| (shelf.name.clone(), object)));
        }
        found
    }

    /// Who has to be looked at after a change.
    fn concerned(&self, shelf: &Arc<Shelf>, seen: &Seen<'_>) -> Vec<Key> {
        let mut keys = Vec::new();
        if let Some(new) = seen.new
            && (new.deleting || !new.owners.is_empty())
        {
            keys.push(key(&shelf.name, &new.namespace, &new.name));
        }
        let Some(old) = seen.old else {
            return keys;
        };
        let left = seen.new.is_none_or(|new| new.owners != old.owners);
        if left && !old.owners.is_empty() {
            // Owners who wait for their dependents have one less.
            let owners = item(old).owner_references;
            keys.extend(owners.iter().filter_map(|owner| self.owner_key(owner, old)));
        }
        if seen.new.is_none_or(|new| new.uid != old.uid) {
            let orphans = self.dependents(&old.uid);
            keys.extend(
                orphans
                    .iter()
                    .map(|(shelf, object)| key(shelf, &object.namespace, &object.name)),
            );
        }
        keys
    }

    /// The resource of an owner's kind.
    fn resource(&self, owner: &Owner) -> Option<Arc<Resource>> {
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let resources = self.cluster.resources();
        let mut all = resources.all.iter();
        all.find(|r| r.kind == owner.kind && r.group == group)
            .cloned()
    }

    fn owner_key(&self, owner: &Owner, of: &Object) -> Option<Key> {
        let resource = self.resource(owner)?;
        let namespace = if resource.is_namespaced() {
            of.namespace.as_str()
        } else {
            ""
        };
        Some(key(&resource.shelf.name, namespace, &owner.name))
    }

    fn state(&self, owner: &Owner, of: &Object) -> OwnerState {
        let Some(resource) = self.resource(owner) else {
            return OwnerState::Unknown;
        };
        let namespace = match (resource.is_namespaced(), of.namespace.as_str()) {
            // An object of the cluster cannot be owned by one of a namespace.
            (true, "") => return OwnerState::Unknown,
            (true, namespace) => namespace,
            (false, _) => "",
        };
        match resource.shelf.get(namespace, &owner.name) {
            Some(found) if found.uid != owner.uid => OwnerState::Gone,
            Some(found) if found.deleting && item(&found).waits() => OwnerState::Waiting,
            Some(_) => OwnerState::Solid,
            None => OwnerState::Gone,
        }
    }

    /// Looks at an object; `more` are those to be looked at next.
    async fn collect(&self, at: &Key, more: &mut Vec<Key>) -> Outcome {
        let Some((resource, name)) = at.name.split_once('/') else {
            return Ok(None);
        };
        let Some(object) = self.cluster.get(resource, &at.namespace, name) else {
            return Ok(None);
        };
        let item = item(&object);
        let dependents = || {
            let all = self.dependents(&object.uid);
            let items = all.iter().map(|(_, dependent)| self::item(dependent));
            items
                .map(|item| Dependent {
                    blocks: item.blocks(&object.uid),
                    waits: item.waits(),
                })
                .collect()
        };
        self.warn_of_scope(resource, &object, &item).await;
        match plan(&item, |owner| self.state(owner, &object), dependents) {
            Step::Keep => {}
            Step::Delete(way) => self.delete(resource, &object, way).await?,
            Step::UnblockAndDelete => {
                let unblocked = self.change(resource, &object, unblock).await?;
                let owners = item.owner_references.iter();
                more.extend(owners.filter_map(|owner| self.owner_key(owner, &object)));
                self.delete(resource, &unblocked, Way::Foreground).await?;
            }
            Step::Forget(uids) => {
                self.change(resource, &object, |o| forget(o, &uids)).await?;
            }
            Step::Release => self.release(resource, &object).await?,
            Step::Await => self.hurry(&object, more),
            Step::Finish => {
                self.change(resource, &object, |o| drop_finalizer(o, FOREGROUND))
                    .await?;
            }
        }
        Ok(None)
    }

    /// Those who block an object that waits are looked at.
    fn hurry(&self, object: &Object, more: &mut Vec<Key>) {
        for (shelf, dependent) in self.dependents(&object.uid) {
            let item = item(&dependent);
            if item.blocks(&object.uid) && !item.waits() {
                more.push(key(&shelf, &dependent.namespace, &dependent.name));
            }
        }
    }

    async fn release(&self, resource: &str, object: &Object) -> Result<(), Status> {
        let uid = std::slice::from_ref(&object.uid);
        for (shelf, dependent) in self.dependents(&object.uid) {
            let released = self.change(&shelf, &dependent, |o| forget(o, uid)).await;
            done(released.map(drop))?;
        }
        let freed = self
            .change(resource, object, |o| drop_finalizer(o, ORPHAN))
            .await;
        done(freed.map(drop))
    }

    /// Changes an object if it is still the same one.
    async fn change(
        &self,
        resource: &str,
        object: &Object,
        change: impl Fn(&mut Value) + Send + Sync,
    ) -> Result<Arc<Object>, Status> {
        let (namespace, name, uid) = (&object.namespace, &object.name, &object.uid);
        let changed = self
            .cluster
            .modify(resource, namespace, name, Part::Main, &self.by, |new| {
                if new["metadata"]["uid"].as_str() == Some(uid) {
                    change(new);
                }
                Ok(())
            });
        changed.await
    }

    async fn delete(&self, resource: &str, object: &Object, way: Way) -> Result<(), Status> {
        let how = Deletion {
            propagation: Some(match way {
                Way::Background => Propagation::Background,
                Way::Foreground => Propagation::Foreground,
                Way::Orphan => Propagation::Orphan,
            }),
            uid: Some(object.uid.clone()),
            revision: Some(object.revision.to_string()),
            ..Deletion::default()
        };
        let (namespace, name) = (&object.namespace, &object.name);
        done(
            self.cluster
                .delete(resource, namespace, name, &how, &self.by)
                .await,
        )
    }

    /// An object of the cluster that says that it is owned by one of a namespace is told so.
    async fn warn_of_scope(&self, resource: &str, object: &Object, item: &Item) {
        if !object.namespace.is_empty() || item.owner_references.is_empty() {
            return;
        }
        for owner in &item.owner_references {
            if !self
                .resource(owner)
                .is_some_and(|resource| resource.is_namespaced())
            {
                continue;
            }
            let Ok(own) = self.cluster.resource(resource) else {
                return;
            };
            let Owner {
                api_version,
                kind,
                name,
                uid,
                ..
            } = owner;
            let text = format!(
                "ownerRef [{api_version}/{kind}, namespace: , name: {name}, uid: {uid}] does not exist in namespace \"\""
            );
            let about = Reference::of(&own, object);
            let (kind, reason) = (EventType::Warning, "OwnerRefInvalidNamespace");
            self.cluster
                .event(&self.by, &about, kind, reason, &text)
                .await;
        }
    }
}

/// What is gone needs nothing more.
fn done(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(status) if status.is_not_found() => Ok(()),
        outcome => outcome,
    }
}

fn unblock(object: &mut Value) {
    if let Some(metadata) = fields::child(object, "metadata") {
        for owner in fields::each(metadata, "ownerReferences") {
            fields::set(owner, "blockOwnerDeletion", false);
        }
    }
}

fn forget(object: &mut Value, uids: &[String]) {
    let gone = |owner: &Value| uids.iter().any(|uid| owner["uid"].as_str() == Some(uid));
    retain(object, "ownerReferences", |owner| !gone(owner));
}

/// Takes a finalizer from an object.
pub(super) fn drop_finalizer(object: &mut Value, finalizer: &str) {
    retain(object, "finalizers", |own| own != finalizer);
}

/// Keeps some elements of a list of the metadata; an empty one goes.
fn retain(object: &mut Value, list: &str, keep: impl Fn(&Value) -> bool) {
    let mut left = fields::list(&object["metadata"], list).to_vec();
    left.retain(keep);
    if let Some(metadata) = fields::child(object, "metadata") {
        if left.is_empty() {
            fields::remove(metadata, list);
        } else {
            fields::set(metadata, list, left);
        }
    }
}
