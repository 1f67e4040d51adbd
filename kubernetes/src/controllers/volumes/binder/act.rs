//! What was decided of claims and volumes is written.
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::Outcome;
use super::super::{CLAIMS, EBS_IN_TREE, Told, VOLUMES, forget, note, tell_claim, tell_volume};
use super::Binder;
use super::plan::{self, ForVolume};
use crate::cluster::Part;
use crate::scheduler::model::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, Claim, MIGRATED_TO, PROVISIONER, Volume,
};
use crate::store::Object;
use crate::{Status, fields};

/// The older name of [`PROVISIONER`].
const BETA_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";

impl Binder {
    /// Changes a claim as long as it is the same one.
    async fn change(
        &self,
        claim: &Object,
        part: Part,
        change: impl Fn(&mut Value) + Send + Sync,
    ) -> Result<(), Status> {
        let (namespace, name) = (&claim.namespace, &claim.name);
        let change = |value: &mut Value| {
            if value["metadata"]["uid"] == *claim.uid {
                change(value);
            }
            Ok(())
        };
        let done = self
            .cluster
            .modify(CLAIMS, namespace, name, part, &self.by, change);
        gone_is_fine(done.await.map(drop))
    }

    async fn change_volume(
        &self,
        name: &str,
        part: Part,
        change: impl Fn(&mut Value) -> Result<(), Status> + Send + Sync,
    ) -> Result<(), Status> {
        let done = self
            .cluster
            .modify(VOLUMES, "", name, part, &self.by, change);
        done.await.map(drop)
    }

    /// A claim that waits has no volume, and says so.
    pub(super) async fn wait(&self, claim: &Object) -> Result<(), Status> {
        self.change(claim, Part::Status, |claim| {
            set_status(claim, "Pending", None);
        })
        .await
    }

    pub(super) async fn lose(&self, claim: &Object, told: &Told) -> Outcome {
        if claim.value()["status"]["phase"] != "Lost" {
            self.change(claim, Part::Status, |claim| set_status(claim, "Lost", None))
                .await?;
            tell_claim(&self.cluster, &self.by, claim, told).await;
        }
        Ok(None)
    }

    pub(super) async fn set_class(&self, claim: &Object, class: &str) -> Outcome {
        self.change(claim, Part::Main, |claim| {
            if !fields::has(&claim["spec"], "storageClassName") {
                claim["spec"]["storageClassName"] = class.into();
            }
        })
        .await?;
        Ok(None)
    }

    pub(super) async fn ask(&self, claim: &Object, provisioner: &str) -> Result<(), Status> {
        self.change(claim, Part::Main, |claim| {
            for key in [BETA_PROVISIONER, PROVISIONER] {
                note(claim, key, provisioner);
            }
        })
        .await
    }

    /// Binds a volume and a claim to each other. What is so already is not written.
    pub(super) async fn bind(&self, claim: &Object, volume: &str) -> Outcome {
        self.change_volume(volume, Part::Main, |volume| reserve(volume, claim))
            .await?;
        let bound = |volume: &mut Value| {
            set_phase(volume, "Bound");
            Ok(())
        };
        self.change_volume(volume, Part::Status, bound).await?;
        self.change(claim, Part::Main, |claim| {
            if claim["spec"]["volumeName"] != volume {
                claim["spec"]["volumeName"] = volume.into();
                note(claim, BOUND_BY_CONTROLLER, "yes");
            }
            note(claim, BIND_COMPLETED, "yes");
        })
        .await?;
        let Some(found) = self.cluster.get(VOLUMES, "", volume) else {
            // It comes up again as lost.
            return Ok(None);
        };
        let found = found.value();
        self.change(claim, Part::Status, |claim| {
            set_status(claim, "Bound", Some(&found));
        })
        .await?;
        Ok(None)
    }

    pub(super) async fn volume(&self, name: &str) -> Outcome {
        let Some(object) = self.cluster.get(VOLUMES, "", name) else {
            return Ok(None);
        };
        let object = self.migrate(object).await?;
        let volume = Volume::read(&object.value());
        let named = volume.claim.as_ref();
        let claim = named.and_then(|(namespace, name)| self.cluster.get(CLAIMS, namespace, name));
        let read = claim.as_ref().map(|claim| Claim::read(&claim.value()));
        match plan::for_volume(&volume, read.as_ref()) {
            ForVolume::Nothing => {}
            ForVolume::Phase(phase) => self.phase(&object, phase).await?,
            ForVolume::Release(None) => self.phase(&object, "Released").await?,
            ForVolume::Release(Some(told)) => {
                self.phase(&object, "Failed").await?;
                tell_volume(&self.cluster, &self.by, &object, &told).await;
            }
            ForVolume::Unbind => {
                let change = |volume: &mut Value| {
                    unbind(volume);
                    Ok(())
                };
                self.change_volume(name, Part::Main, change).await?;
                self.phase(&object, "Available").await?;
            }
            ForVolume::Mismatch(own, its) => {
                tell_volume(&self.cluster, &self.by, &object, &own).await;
                if let Some(claim) = claim {
                    tell_claim(&self.cluster, &self.by, &claim, &its).await;
                }
            }
        }
        Ok(None)
    }

    /// Says of a volume that was made by what was built in that the driver has it now.
    async fn migrate(&self, volume: Arc<Object>) -> Result<Arc<Object>, Status> {
        let read = Volume::read(&volume.value());
        if read.provisioned_by != EBS_IN_TREE || !read.migrated_to.is_empty() {
            return Ok(volume);
        }
        let change = |volume: &mut Value| {
            note(volume, MIGRATED_TO, super::super::EBS);
            Ok(())
        };
        let (cluster, by) = (&self.cluster, &self.by);
        cluster
            .modify(VOLUMES, "", &volume.name, Part::Main, by, change)
            .await
    }

    async fn phase(&self, volume: &Object, phase: &str) -> Result<(), Status> {
        let change = |value: &mut Value| {
            if value["metadata"]["uid"] == *volume.uid {
                set_phase(value, phase);
            }
            Ok(())
        };
        let done = self.change_volume(&volume.name, Part::Status, change);
        gone_is_fine(done.await)
    }
}

fn gone_is_fine(done: Result<(), Status>) -> Result<(), Status> {
    match done {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

/// Makes a volume be for a claim, unless it is for another one.
pub(crate) fn reserve(volume: &mut Value, claim: &Object) -> Result<(), Status> {
    let known = &volume["spec"]["claimRef"];
    let named = known.is_object();
    let uid = fields::text(known, "uid");
    let other = named && (known["namespace"] != *claim.namespace || known["name"] != *claim.name);
    if other || (!uid.is_empty() && uid != claim.uid) {
        let name = fields::text(&volume["metadata"], "name");
        let why = "it is for another claim";
        return Err(Status::conflict("persistentvolumes", "", name, why));
    }
    if uid == claim.uid {
        return Ok(());
    }
    if !named {
        note(volume, BOUND_BY_CONTROLLER, "yes");
    }
    volume["spec"]["claimRef"] = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": claim.namespace,
        "name": claim.name,
        "uid": claim.uid,
        "resourceVersion": claim.revision.to_string(),
    });
    Ok(())
}

fn unbind(volume: &mut Value) {
    if Volume::read(volume).bound_by_controller {
        forget(volume, BOUND_BY_CONTROLLER);
        if let Some(spec) = fields::child(volume, "spec") {
            fields::remove(spec, "claimRef");
        }
    } else if let Some(spec) = fields::child(volume, "spec")
        && let Some(claim) = fields::child(spec, "claimRef")
    {
        // The user wants it for a claim of that name.
        fields::remove(claim, "uid");
        fields::remove(claim, "resourceVersion");
    }
}

fn set_phase(volume: &mut Value, phase: &str) {
    if volume["status"]["phase"] != phase
        && let Some(status) = fields::ensure(volume, "status")
    {
        fields::set(status, "phase", phase);
        fields::remove(status, "message");
        fields::remove(status, "reason");
    }
}

/// What a claim says of itself. Its capacity is its volume's when it is bound; later it may be less,
/// while a file system has not grown yet.
fn set_status(claim: &mut Value, phase: &str, volume: Option<&Value>) {
    let Some(status) = fields::ensure(claim, "status") else {
        return;
    };
    let becomes = status["phase"] != phase;
    fields::set(status, "phase", phase);
    let Some(volume) = volume else {
        for key in [
            "accessModes",
            "capacity",
            "currentVolumeAttributesClassName",
        ] {
            fields::remove(status, key);
        }
        return;
    };
    let spec = &volume["spec"];
    fields::set(status, "accessModes", spec["accessModes"].clone());
    if becomes {
        fields::set(status, "capacity", spec["capacity"].clone());
        let attributes = &spec["volumeAttributesClassName"];
        if !attributes.is_null() {
            fields::set(
                status,
                "currentVolumeAttributesClassName",
                attributes.clone(),
            );
        }
    }
}
