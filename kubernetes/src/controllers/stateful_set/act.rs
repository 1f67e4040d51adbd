//! Doing what was planned for a stateful set.
use std::sync::Arc;

use serde_json::Value;

use super::plan::Step;
use super::{CLAIMS, Work, history, identity, retention};
use crate::Status;
use crate::cluster::{Deletion, EventType, Part};
use crate::controllers::owners::Owner;
use crate::controllers::pod_control::is_namespace_ending;
use crate::views::{ClaimView, ControllerRevisionView, Meta, PodView, StatefulSetView};

impl Work {
    pub(super) async fn act(
        &self,
        owner: &Owner,
        set: &StatefulSetView,
        steps: &[Step],
        current: &ControllerRevisionView,
        update: &ControllerRevisionView,
        pods: &[Arc<PodView>],
    ) -> Result<(), Status> {
        if !set.metadata.is_deleting() {
            for pod in pods {
                self.retain(owner, set, pod).await?;
            }
        }
        for step in steps {
            match step {
                Step::Create { ordinal, updated } => {
                    let revision = if *updated { update } else { current };
                    self.create(owner, set, revision, *ordinal).await?;
                }
                Step::Claims(pod) => {
                    if let Some(ordinal) = identity::ordinal(&pod.metadata.name) {
                        self.ensure_claims(owner, set, ordinal).await?;
                    }
                }
                Step::Repair(pod) => self.repair(owner, set, pod).await?,
                Step::Delete(pod) => self.delete(owner, pod).await?,
            }
        }
        Ok(())
    }

    async fn tell(&self, owner: &Owner, verb: &str, what: &str, done: Result<(), &Status>) {
        let mut title = verb.to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let (kind, reason, message) = match done {
            Ok(()) => {
                let reason = format!("Successful{title}");
                (EventType::Normal, reason, format!("{verb} {what}"))
            }
            Err(status) => {
                let reason = format!("Failed{title}");
                let message = format!("{verb} {what} failed error: {status}");
                (EventType::Warning, reason, message)
            }
        };
        let about = owner.reference();
        self.cluster
            .event(&self.by, &about, kind, &reason, &message)
            .await;
    }

    async fn tell_of_pod(&self, owner: &Owner, verb: &str, pod: &str, done: Result<(), &Status>) {
        let success = if done.is_ok() { " successful" } else { "" };
        let what = format!("Pod {pod} in StatefulSet {}{success}", owner.name);
        self.tell(owner, verb, &what, done).await;
    }

    async fn create(
        &self,
        owner: &Owner,
        set: &StatefulSetView,
        revision: &ControllerRevisionView,
        ordinal: i64,
    ) -> Result<(), Status> {
        let name = format!("{}-{ordinal}", owner.name);
        if self.has_stale_claim(owner, set, &name, ordinal) {
            // When it is gone we are called.
            return Ok(());
        }
        if let Err(status) = self.ensure_claims(owner, set, ordinal).await {
            self.tell_of_pod(owner, "create", &name, Err(&status)).await;
            return Err(status);
        }
        let template = history::template(revision);
        let pod = identity::pod(set, owner, &template, &revision.metadata.name, ordinal);
        match self.cluster.create("pods", pod, &self.by).await {
            Ok(pod) => {
                self.retain(owner, set, &pod.view::<PodView>()).await?;
                self.tell_of_pod(owner, "create", &name, Ok(())).await;
                Ok(())
            }
            // A pod that is not ours is in the way.
            Err(status) if status.reason == "AlreadyExists" => Err(status),
            Err(status) => {
                if !is_namespace_ending(&status) {
                    self.tell_of_pod(owner, "create", &name, Err(&status)).await;
                }
                Err(status)
            }
        }
    }

    fn has_stale_claim(
        &self,
        owner: &Owner,
        set: &StatefulSetView,
        pod: &str,
        ordinal: i64,
    ) -> bool {
        if set
            .spec
            .persistent_volume_claim_retention_policy
            .when_scaled
            != "Delete"
        {
            return false;
        }
        let mut templates = set.spec.volume_claim_templates.iter();
        templates.any(|template| {
            let name = identity::claim_name(template, &owner.name, ordinal);
            let claim = self.cluster.get(CLAIMS, &owner.namespace, &name);
            claim.is_some_and(|claim| {
                let view = claim.view::<ClaimView>();
                retention::is_stale(&view.metadata.owner_references, pod, None)
            })
        })
    }

    /// Makes the claims of an ordinal that are missing.
    async fn ensure_claims(
        &self,
        owner: &Owner,
        set: &StatefulSetView,
        ordinal: i64,
    ) -> Result<(), Status> {
        for claim in identity::claims(set, ordinal) {
            let name = claim["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let there = self.cluster.get(CLAIMS, &owner.namespace, &name);
            if let Some(there) = there {
                if there.deleting {
                    let why = format!("pvc {name} is being deleted");
                    return Err(Status::conflict(CLAIMS, "", &name, &why));
                }
                continue;
            }
            let created = self.cluster.create(CLAIMS, claim, &self.by).await;
            let what = |pod: &str| {
                format!(
                    "Claim {name} {pod}{}-{ordinal} in StatefulSet {}",
                    owner.name, owner.name
                )
            };
            match created {
                Ok(_claim) => {
                    let what = format!("{} success", what("Pod "));
                    self.tell(owner, "create", &what, Ok(())).await;
                }
                Err(status) if status.reason == "AlreadyExists" => {}
                Err(status) => {
                    self.tell(owner, "create", &what("for Pod "), Err(&status))
                        .await;
                    return Err(status);
                }
            }
        }
        Ok(())
    }

    /// Gives the claims of a pod the owners that the retention policy wants.
    async fn retain(
        &self,
        owner: &Owner,
        set: &StatefulSetView,
        pod: &PodView,
    ) -> Result<(), Status> {
        let Some(ordinal) = identity::ordinal(&pod.metadata.name) else {
            return Ok(());
        };
        let start = set.spec.ordinals.start;
        let in_range = (start..start + set.spec.replicas).contains(&ordinal);
        for template in &set.spec.volume_claim_templates {
            let name = identity::claim_name(template, &owner.name, ordinal);
            let Some(claim) = self.cluster.get(CLAIMS, &owner.namespace, &name) else {
                continue;
            };
            let view = claim.view::<ClaimView>();
            let had = &view.metadata.owner_references;
            let Some(owners) = retention::owners(had, set, pod, in_range) else {
                continue;
            };
            let owners = serde_json::to_value(owners).map_err(Status::internal)?;
            let change = |value: &mut Value| {
                value["metadata"]["resourceVersion"] =
                    view.metadata.resource_version.as_str().into();
                value["metadata"]["ownerReferences"] = owners.clone();
                Ok(())
            };
            let namespace = &owner.namespace;
            let part = Part::Main;
            let changed = self
                .cluster
                .modify(CLAIMS, namespace, &name, part, &self.by, change);
            match changed.await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives a pod the labels and volumes of its name again. Volumes of a pod that is there cannot be
    /// changed, and then that is what the event says.
    async fn repair(
        &self,
        owner: &Owner,
        set: &StatefulSetView,
        pod: &PodView,
    ) -> Result<(), Status> {
        let Meta { name, .. } = &pod.metadata;
        let Some(ordinal) = identity::ordinal(name) else {
            return Ok(());
        };
        let change = |value: &mut Value| {
            identity::identify(value, name, ordinal);
            if !identity::is_stored(set, pod, ordinal) {
                identity::store(value, set, ordinal);
            }
            Ok(())
        };
        let (namespace, by) = (&owner.namespace, &self.by);
        let repaired = self
            .cluster
            .modify("pods", namespace, name, Part::Main, by, change)
            .await;
        let done = repaired.as_ref().map(drop);
        self.tell_of_pod(owner, "update", name, done).await;
        repaired.map(drop)
    }

    async fn delete(&self, owner: &Owner, pod: &PodView) -> Result<(), Status> {
        let how = Deletion {
            uid: Some(pod.metadata.uid.clone()),
            ..Deletion::default()
        };
        let name = &pod.metadata.name;
        let deleted = self
            .cluster
            .delete("pods", &owner.namespace, name, &how, &self.by)
            .await;
        match deleted {
            Err(status) if status.is_not_found() || status.reason == "Conflict" => Ok(()),
            deleted => {
                self.tell_of_pod(owner, "delete", name, deleted.as_ref().copied())
                    .await;
                deleted
            }
        }
    }
}
