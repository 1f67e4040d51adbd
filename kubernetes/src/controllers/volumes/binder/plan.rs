//! What becomes of a claim and of a volume, as functions of what there is.
use super::super::{EBS_IN_TREE, Told, driver_of};
use crate::scheduler::model::{Claim, StorageClass, Volume, choose};

const IN_TREE: &str = "kubernetes.io/";

/// What there is around a claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) class: Option<&'a StorageClass>,
    /// The name of the class that claims without one get.
    pub(super) default_class: Option<&'a str>,
    /// The volumes that it could get, or those that name it.
    pub(super) volumes: &'a [Volume],
    /// The volume that it names.
    pub(super) named: Option<&'a Volume>,
    /// The names of the pods that name it and have no node.
    pub(super) pods: &'a [String],
}

/// What is done with a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ForClaim {
    /// It stays pending.
    Wait(Option<Told>),
    /// It gets a class.
    SetClass(String),
    /// Somebody is asked to make its volume.
    Ask(String, Told),
    /// It gets the volume of this name.
    Bind(String),
    /// It had a volume.
    Lose(Told),
}

/// What is done with a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ForVolume {
    Nothing,
    Phase(&'static str),
    /// Its claim is gone; what else there is to say if nobody takes it away.
    Release(Option<Told>),
    /// Its claim has another one.
    Unbind,
    /// It can never be bound to the claim that it names: what the volume and the claim are told.
    Mismatch(Told, Told),
}

pub(super) fn for_claim(claim: &Claim, around: &Around<'_>) -> ForClaim {
    if claim.bind_completed {
        return for_bound(claim, around.named);
    }
    if !claim.volume.is_empty() {
        return for_naming(claim, around.named);
    }
    let delayed = around.class.is_some_and(|class| class.delayed);
    // A class that waits for a pod leaves the choice to the scheduler.
    let mine = |volume: &&Volume| !delayed || volume.is_for(claim);
    if let Some(volume) = choose(claim, around.volumes.iter().filter(mine)) {
        return ForClaim::Bind(volume.name.clone());
    }
    if !claim.has_class
        && let Some(class) = around.default_class
    {
        return ForClaim::SetClass(class.to_owned());
    }
    if delayed && claim.selected_node.is_empty() {
        return ForClaim::Wait(Some(consumer(around.pods)));
    }
    if claim.class.is_empty() {
        let why = "no persistent volumes available for this claim and no storage class is set";
        return ForClaim::Wait(Some(Told::normal("FailedBinding", why)));
    }
    provision(claim, around.class)
}

/// A claim that was bound once.
fn for_bound(claim: &Claim, named: Option<&Volume>) -> ForClaim {
    let lost = |reason, message: &str| ForClaim::Lose(Told::warning(reason, message));
    if claim.volume.is_empty() {
        let why = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
        return lost("ClaimLost", why);
    }
    let Some(volume) = named else {
        let why = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
        return lost("ClaimLost", why);
    };
    if volume.claim.is_none() || volume.claim_uid == claim.uid {
        return ForClaim::Bind(volume.name.clone());
    }
    let why = "Two claims are bound to the same volume, this one is bound incorrectly";
    lost("ClaimMisbound", why)
}

/// A claim whose user chose the volume.
fn for_naming(claim: &Claim, named: Option<&Volume>) -> ForClaim {
    let Some(volume) = named else {
        return ForClaim::Wait(None);
    };
    let name = &volume.name;
    if volume.claim.is_some() {
        if volume.is_for(claim) {
            return ForClaim::Bind(name.clone());
        }
        let why = format!("volume {name:?} already bound to a different claim.");
        return ForClaim::Wait(Some(Told::warning("FailedBinding", why)));
    }
    match mismatch(claim, volume) {
        None => ForClaim::Bind(name.clone()),
        Some(why) => {
            let why = format!("Cannot bind to requested volume {name:?}: {why}");
            ForClaim::Wait(Some(Told::warning("VolumeMismatch", why)))
        }
    }
}

fn mismatch(claim: &Claim, volume: &Volume) -> Option<String> {
    let why = if volume.deleting {
        return Some(format!(
            "the volume is marked for deletion {:?}",
            volume.name
        ));
    } else if volume.size < claim.size {
        "requested PV is too small"
    } else if volume.class != claim.class {
        "storageClassName does not match"
    } else if volume.attributes_class != claim.attributes_class {
        "volumeAttributesClassName does not match"
    } else if volume.volume_mode != claim.volume_mode {
        "incompatible volumeMode"
    } else if !claim.has_modes_of(volume) {
        "incompatible accessMode"
    } else {
        return None;
    };
    Some(why.to_owned())
}

fn consumer(pods: &[String]) -> Told {
    match pods {
        [] => Told::normal(
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
        ),
        [pod] => Told::normal(
            "WaitForPodScheduled",
            format!("waiting for pod {pod} to be scheduled"),
        ),
        pods => {
            let pods = pods.join(",");
            Told::normal(
                "WaitForPodScheduled",
                format!("waiting for pods {pods} to be scheduled"),
            )
        }
    }
}

fn provision(claim: &Claim, class: Option<&StorageClass>) -> ForClaim {
    let failed = |why: String| ForClaim::Wait(Some(Told::warning("ProvisioningFailed", why)));
    let Some(class) = class else {
        let class = &claim.class;
        return failed(format!("storageclass.storage.k8s.io {class:?} not found"));
    };
    let provisioner = driver_of(&class.provisioner);
    if provisioner.starts_with(IN_TREE) {
        return failed(format!("no volume plugin matched name: {provisioner}"));
    }
    let message = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    );
    ForClaim::Ask(
        provisioner.to_owned(),
        Told::normal("ExternalProvisioning", message),
    )
}

/// `claim` is what a volume's claim is by name, whatever its uid.
pub(super) fn for_volume(volume: &Volume, claim: Option<&Claim>) -> ForVolume {
    if volume.claim.is_none() || volume.claim_uid.is_empty() {
        return phase(volume, "Available");
    }
    let Some(claim) = claim.filter(|claim| claim.uid == volume.claim_uid) else {
        return release(volume);
    };
    if claim.volume == volume.name {
        return phase(volume, "Bound");
    }
    if claim.volume.is_empty() {
        if claim.volume_mode == volume.volume_mode {
            // The claim itself is looked at, too, and gets it.
            return ForVolume::Nothing;
        }
        let (own, its) = (&volume.name, &claim.name);
        return ForVolume::Mismatch(
            Told::warning(
                "VolumeMismatch",
                format!(
                    "Cannot bind PersistentVolume to requested PersistentVolumeClaim {its:?} due to incompatible volumeMode."
                ),
            ),
            Told::warning(
                "VolumeMismatch",
                format!(
                    "Cannot bind PersistentVolume {own:?} to requested PersistentVolumeClaim due to incompatible volumeMode."
                ),
            ),
        );
    }
    if !volume.provisioned_by.is_empty() && volume.policy == "Delete" {
        return release(volume);
    }
    ForVolume::Unbind
}

fn phase(volume: &Volume, wanted: &'static str) -> ForVolume {
    if volume.phase == wanted {
        ForVolume::Nothing
    } else {
        ForVolume::Phase(wanted)
    }
}

fn release(volume: &Volume) -> ForVolume {
    let failed = reclaim(volume);
    match volume.phase.as_str() {
        "Failed" => ForVolume::Nothing,
        "Released" if failed.is_none() => ForVolume::Nothing,
        _ => ForVolume::Release(failed),
    }
}

/// Why nobody can do with a released volume what its policy says; none if somebody can, or if nothing
/// is to be done.
fn reclaim(volume: &Volume) -> Option<Told> {
    let by = &volume.provisioned_by;
    let external = !volume.migrated_to.is_empty()
        || by == EBS_IN_TREE
        || (!by.is_empty() && !by.starts_with(IN_TREE));
    match volume.policy.as_str() {
        "Delete" if !external => {
            let why = format!(
                "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
                volume.name
            );
            Some(Told::warning("VolumeFailedDelete", why))
        }
        "Recycle" => {
            let why = "No recycler plugin found for the volume!";
            Some(Told::warning("VolumeFailedRecycle", why))
        }
        _ => None,
    }
}
