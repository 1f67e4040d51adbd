//! The templates that a stateful set or daemon set had: its controller revisions.
use std::sync::Arc;

use serde_json::{Value, json};

use super::Index;
use super::hash::short_hash;
use super::owners::{Claim, Owner, claim, orphans, owner_term, selects, settle};
use crate::Status;
use crate::cluster::{Actor, Cluster, Deletion, Part};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{ControllerRevisionView, Meta};

const REVISIONS: &str = "controllerrevisions.apps";

/// How many revisions are kept where nothing is said.
const DEFAULT_LIMIT: i64 = 10;

/// How often another name is tried because one is taken.
const TRIES: usize = 16;

/// Revisions by their owner.
#[derive(Debug)]
pub(crate) struct History {
    cluster: Cluster,
    by: Actor,
    index: Index,
    /// The label that has the hash.
    hash_label: &'static str,
}

/// The latest revision of an owner.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    pub revision: Arc<ControllerRevisionView>,
    /// How often a hash was taken already.
    pub collisions: i64,
}

/// What makes a revision the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// It is that already.
    Keep(usize),
    /// An earlier one gets a new number.
    Renumber(usize, i64),
    Create(i64),
}

/// The patch that brings an object back to a template.
pub(crate) fn patch(template: &Value) -> Value {
    let mut template = template.clone();
    template["$patch"] = "replace".into();
    json!({ "spec": { "template": template } })
}

/// The template that a revision brings.
pub(crate) fn template(revision: &ControllerRevisionView) -> Value {
    let mut template = revision.data["spec"]["template"].clone();
    crate::fields::remove(&mut template, "$patch");
    template
}

/// `revisions` are in their order.
fn step(revisions: &[Arc<ControllerRevisionView>], data: &Value) -> Step {
    let next = revisions
        .last()
        .map_or(1, |last| last.revision.saturating_add(1));
    match revisions
        .iter()
        .rposition(|revision| revision.data == *data)
    {
        Some(at) if at + 1 == revisions.len() => Step::Keep(at),
        Some(at) => Step::Renumber(at, next),
        None => Step::Create(next),
    }
}

/// The oldest of the revisions that nobody needs, above a limit.
fn surplus(unused: &[Arc<ControllerRevisionView>], limit: i64) -> &[Arc<ControllerRevisionView>] {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    unused
        .get(..unused.len().saturating_sub(limit))
        .unwrap_or_default()
}

impl History {
    pub(crate) fn new(
        cluster: &Cluster,
        by: &Actor,
        hash_label: &'static str,
    ) -> Result<Self, Status> {
        let shelf = cluster.shelf(REVISIONS)?;
        Ok(Self {
            cluster: cluster.clone(),
            by: by.clone(),
            index: Index::new(cluster.store(), shelf, |object| {
                let view = object.view::<ControllerRevisionView>();
                owner_term(&object.namespace, view.metadata.controller())
            }),
            hash_label,
        })
    }

    /// The revisions of an owner in their order; those that nobody has and that fit are adopted.
    pub(crate) async fn of(
        &self,
        owner: &Owner,
        selector: Selector<'_>,
    ) -> Result<Vec<Arc<ControllerRevisionView>>, Status> {
        let mut candidates = self.index.of(&owner.uid);
        candidates.extend(self.index.of(&orphans(&owner.namespace)));
        let mut owned: Vec<Arc<ControllerRevisionView>> = Vec::new();
        for object in candidates {
            let view = object.view::<ControllerRevisionView>();
            let claim = claim(owner, &view.metadata, selects(selector, &object));
            if claim == Claim::Keep {
                owned.push(view);
                continue;
            }
            let settled = settle(&self.cluster, &self.by, owner, REVISIONS, object, claim);
            owned.extend(settled.await?.map(|object| object.view()));
        }
        owned.sort_by_key(|view| {
            let Meta { name, .. } = &view.metadata;
            (view.revision, view.metadata.created(), name.clone())
        });
        Ok(owned)
    }

    /// Makes the revision of a template the latest one.
    pub(crate) async fn latest(
        &self,
        owner: &Owner,
        meta: &Meta,
        template: &Value,
        collisions: Option<i64>,
        revisions: &[Arc<ControllerRevisionView>],
    ) -> Result<Latest, Status> {
        let data = patch(template);
        let known = collisions.unwrap_or(0);
        let found = |at: usize| revisions.get(at).cloned().unwrap_or_default();
        match step(revisions, &data) {
            Step::Keep(at) => Ok(Latest {
                revision: found(at),
                collisions: known,
            }),
            Step::Renumber(at, number) => {
                let Meta { name, .. } = &found(at).metadata;
                let change = |value: &mut Value| {
                    value["revision"] = number.into();
                    Ok(())
                };
                let (namespace, by) = (&owner.namespace, &self.by);
                let part = Part::Main;
                let changed = self
                    .cluster
                    .modify(REVISIONS, namespace, name, part, by, change);
                Ok(Latest {
                    revision: changed.await?.view(),
                    collisions: known,
                })
            }
            Step::Create(number) => self.create(owner, meta, &data, known, number).await,
        }
    }

    async fn create(
        &self,
        owner: &Owner,
        meta: &Meta,
        data: &Value,
        mut collisions: i64,
        number: i64,
    ) -> Result<Latest, Status> {
        for _try in 0..TRIES {
            let hash = short_hash(data, Some(collisions));
            let name = format!("{}-{hash}", shortened(&owner.name));
            let mut labels = data["spec"]["template"]["metadata"]["labels"].clone();
            labels[self.hash_label] = hash.into();
            let value = json!({
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": name,
                    "namespace": owner.namespace,
                    "labels": labels,
                    "annotations": meta.annotations,
                    "ownerReferences": [owner.to_json()],
                },
                "data": data,
                "revision": number,
            });
            match self.cluster.create(REVISIONS, value, &self.by).await {
                Ok(object) => {
                    let revision = object.view();
                    return Ok(Latest {
                        revision,
                        collisions,
                    });
                }
                Err(status) if status.reason == "AlreadyExists" => {
                    if let Some(revision) = self.same(owner, &name, data) {
                        return Ok(Latest {
                            revision,
                            collisions,
                        });
                    }
                    collisions += 1;
                }
                Err(status) => return Err(status),
            }
        }
        let why = "all names of the next revision are taken";
        Err(Status::conflict(
            "controllerrevisions",
            "apps",
            &owner.name,
            why,
        ))
    }

    fn same(&self, owner: &Owner, name: &str, data: &Value) -> Option<Arc<ControllerRevisionView>> {
        let object: Arc<Object> = self.cluster.get(REVISIONS, &owner.namespace, name)?;
        let view = object.view::<ControllerRevisionView>();
        let ours = view
            .metadata
            .controller()
            .is_some_and(|other| other.uid == owner.uid);
        (ours && view.data == *data).then_some(view)
    }

    /// Deletes the oldest revisions above the limit. `is_live` are those that pods still have.
    pub(crate) async fn trim(
        &self,
        owner: &Owner,
        revisions: &[Arc<ControllerRevisionView>],
        is_live: impl Fn(&ControllerRevisionView) -> bool,
        limit: Option<i64>,
    ) -> Result<(), Status> {
        let unused = revisions.iter().filter(|revision| !is_live(revision));
        let unused: Vec<_> = unused.cloned().collect();
        for revision in surplus(&unused, limit.unwrap_or(DEFAULT_LIMIT)) {
            let (namespace, name) = (&owner.namespace, &revision.metadata.name);
            let how = Deletion::default();
            let deleted = self
                .cluster
                .delete(REVISIONS, namespace, name, &how, &self.by);
            match deleted.await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Leaves room for a hash in a name.
fn shortened(name: &str) -> String {
    const ROOM: usize = 223;
    name.chars().take(ROOM).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64, image: &str) -> Arc<ControllerRevisionView> {
        Arc::new(ControllerRevisionView {
            revision: number,
            data: patch(&json!({ "image": image })),
            ..ControllerRevisionView::default()
        })
    }

    #[test]
    fn a_template_is_new_or_the_latest_or_becomes_it_again() {
        let all = [revision(1, "a"), revision(3, "b")];
        let find = |image: &str| step(&all, &patch(&json!({ "image": image })));
        assert_eq!(find("b"), Step::Keep(1));
        assert_eq!(find("a"), Step::Renumber(0, 4));
        assert_eq!(find("c"), Step::Create(4));
        assert_eq!(step(&[], &patch(&json!({}))), Step::Create(1));
        assert_eq!(template(&all[0]), json!({ "image": "a" }));
    }

    #[test]
    fn only_the_oldest_above_the_limit_go() {
        let all = [revision(1, "a"), revision(2, "b"), revision(3, "c")];
        assert_eq!(surplus(&all, 2).len(), 1);
        assert_eq!(surplus(&all, 0).len(), 3);
        assert_eq!(surplus(&all, 5).len(), 0);
    }
}
