//! The controller of definitions: names, resources, and the end of all objects of one that is
//! deleted.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{pending, select_all};
use serde_json::Value;

use super::DEFINITIONS;
use super::build::{Built, install, resources};
use super::names::{ESTABLISHED, TERMINATING, Taken, is_true, judge, set_condition};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, Deletion, Part, Resource};
use crate::store::{Object, Shelf};
use crate::{Status, fields};

const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// How long the controller waits after an error.
const BACK_OFF: Duration = Duration::from_millis(200);

/// Marks a definition that is to be deleted: its objects go first.
pub(crate) fn begin_deletion(definition: &mut Value, now: &str) {
    let metadata = fields::ensure(definition, "metadata");
    if let Some(metadata) = metadata {
        let mut all = fields::list(metadata, "finalizers").to_vec();
        if !all.iter().any(|one| one == FINALIZER) {
            all.push(FINALIZER.into());
        }
        fields::set(metadata, "finalizers", all);
    }
    let said = (
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    );
    set_condition(definition, TERMINATING, said, now);
}

/// Keeps the resources of a cluster what its definitions say. Works until it is closed.
pub(crate) async fn run(cluster: Cluster) {
    let Ok(shelf) = cluster.shelf(DEFINITIONS) else {
        return;
    };
    let mut controller = Controller {
        cluster,
        by: Actor::system("system:apiserver", "kube-apiserver", "apiextensions"),
        built: HashMap::new(),
    };
    let mut changes = shelf.subscribe();
    loop {
        changes.mark_unchanged();
        let round = controller.round(&shelf).await;
        // Objects of a definition that is going may have finalizers: whoever removes one is waited
        // for.
        let mut ending: Vec<_> = round.ending.iter().map(|shelf| shelf.subscribe()).collect();
        if round.ending.iter().any(|shelf| shelf.is_empty()) {
            continue;
        }
        let gone = ending.iter_mut().map(|one| one.changed().boxed());
        let gone: Vec<_> = gone.collect();
        let gone = async {
            if gone.is_empty() {
                pending::<()>().await;
            } else {
                drop(select_all(gone).await);
            }
        };
        let again = async {
            if round.failed {
                tokio::time::sleep(BACK_OFF).await;
            } else {
                pending::<()>().await;
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = gone => {}
            () = again => {}
        }
    }
}

struct Controller {
    cluster: Cluster,
    by: Actor,
    built: HashMap<String, Built>,
}

/// What a round leaves to be done.
#[derive(Default)]
struct Round {
    failed: bool,
    /// Where objects are waited for.
    ending: Vec<Arc<Shelf>>,
}

impl Controller {
    async fn round(&mut self, shelf: &Shelf) -> Round {
        let mut round = Round::default();
        let definitions = shelf.objects(None);
        self.install(&definitions);
        for definition in &definitions {
            let done = if definition.deleting {
                self.end(definition, &mut round).await
            } else {
                self.accept(definition, &definitions).await
            };
            match done {
                Ok(()) => {}
                Err(status) if status.is_not_found() => {}
                Err(status) => {
                    let name = &definition.name;
                    tracing::debug!(name, %status, "a definition is tried again");
                    round.failed = true;
                }
            }
        }
        round
    }

    /// Makes the resources of all definitions known.
    fn install(&mut self, definitions: &[Arc<Object>]) {
        let mut old = std::mem::take(&mut self.built);
        for definition in definitions {
            let mut built = old.remove(&definition.name).unwrap_or_default();
            built.refresh(self.cluster.store(), definition);
            self.built.insert(definition.name.clone(), built);
        }
        self.publish();
    }

    fn publish(&self) {
        let all = self.built.values();
        let all = all.flat_map(|built| built.resources.iter().cloned());
        install(&self.cluster, all.collect());
    }

    /// Accepts the names of a definition, if nobody else has them.
    async fn accept(
        &mut self,
        definition: &Arc<Object>,
        all: &[Arc<Object>],
    ) -> Result<(), Status> {
        let current = definition.value();
        let names = |value: &Value| (value["spec"]["names"].clone(), is_true(value, ESTABLISHED));
        let (wanted, established) = names(&current);
        if established && wanted == current["status"]["acceptedNames"] {
            return Ok(());
        }
        let mut taken = Taken::default();
        for other in all {
            // Names may have been accepted a moment ago.
            let other = self.cluster.get(DEFINITIONS, "", &other.name);
            let other = other.filter(|other| other.name != definition.name);
            if let Some(other) = other.map(|other| other.value())
                && other["spec"]["group"] == current["spec"]["group"]
            {
                taken.add(&other);
            }
        }
        let now = rfc3339(self.cluster.now());
        let mut judged = current.clone();
        judge(&mut judged, &taken, &now);
        if judged == current {
            return Ok(());
        }
        // Whoever sees that it is established finds the resource.
        let soon = is_true(&judged, ESTABLISHED);
        if soon && let Some(built) = self.built.get_mut(&definition.name) {
            built.resources = resources(self.cluster.store(), &judged, true);
            built.revision = 0;
            self.publish();
        }
        let name = &definition.name;
        let status = |object: &mut Value| {
            judge(object, &taken, &now);
            Ok(())
        };
        let done = self
            .cluster
            .modify(DEFINITIONS, "", name, Part::Status, &self.by, status);
        done.await.map(drop)
    }

    /// Deletes all objects of a definition, and then lets it go.
    async fn end(&self, definition: &Arc<Object>, round: &mut Round) -> Result<(), Status> {
        let value = definition.value();
        let finalizers = fields::list(&value["metadata"], "finalizers");
        if !finalizers.iter().any(|one| one == FINALIZER) {
            return Ok(());
        }
        let built = self.built.get(&definition.name);
        let Some(resource) = built.and_then(|built| built.resources.first()) else {
            let said = (
                "False",
                "NeverEstablished",
                "resource was never established",
            );
            return self.release(definition, said).await;
        };
        let said = (
            "True",
            "InstanceDeletionInProgress",
            "CustomResource deletion is in progress",
        );
        self.say(definition, said).await?;
        self.clear(resource).await?;
        if resource.shelf.is_empty() {
            let said = (
                "False",
                "InstanceDeletionCompleted",
                "removed all instances",
            );
            return self.release(definition, said).await;
        }
        round.ending.push(Arc::clone(&resource.shelf));
        Ok(())
    }

    async fn clear(&self, resource: &Resource) -> Result<(), Status> {
        for object in resource.shelf.objects(None) {
            if object.deleting {
                continue;
            }
            let (namespace, name) = (&object.namespace, &object.name);
            let how = Deletion::default();
            let qualified = resource.qualified();
            let done = self
                .cluster
                .delete(&qualified, namespace, name, &how, &self.by);
            match done.await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }

    async fn say(
        &self,
        definition: &Object,
        said: (&'static str, &'static str, &'static str),
    ) -> Result<(), Status> {
        let now = rfc3339(self.cluster.now());
        let status = |object: &mut Value| {
            set_condition(object, TERMINATING, said, &now);
            Ok(())
        };
        let name = &definition.name;
        let done = self
            .cluster
            .modify(DEFINITIONS, "", name, Part::Status, &self.by, status);
        done.await.map(drop)
    }

    async fn release(
        &self,
        definition: &Object,
        said: (&'static str, &'static str, &'static str),
    ) -> Result<(), Status> {
        self.say(definition, said).await?;
        let free = |object: &mut Value| {
            let Some(metadata) = fields::ensure(object, "metadata") else {
                return Ok(());
            };
            let mut all = fields::list(metadata, "finalizers").to_vec();
            all.retain(|one| one != FINALIZER);
            fields::set(metadata, "finalizers", all);
            Ok(())
        };
        let name = &definition.name;
        let done = self
            .cluster
            .modify(DEFINITIONS, "", name, Part::Main, &self.by, free);
        done.await.map(drop)
    }
}
