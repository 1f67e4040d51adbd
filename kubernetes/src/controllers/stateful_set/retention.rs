//! Whether claims outlive the pods and the set that they were made for.
use crate::views::{OwnerReference, PodView, StatefulSetView};

/// The owners that a claim should have, if others than it has.
pub(super) fn owners(
    claim: &[OwnerReference],
    set: &StatefulSetView,
    pod: &PodView,
    in_range: bool,
) -> Option<Vec<OwnerReference>> {
    let set_ref = reference("apps/v1", "StatefulSet", &set.metadata);
    let pod_ref = reference("v1", "Pod", &pod.metadata);
    let same = |a: &OwnerReference, b: &OwnerReference| {
        a.api_version == b.api_version && a.kind == b.kind && a.name == b.name
    };
    let stale = |owner: &OwnerReference| {
        (same(owner, &set_ref) && owner.uid != set_ref.uid)
            || (same(owner, &pod_ref) && owner.uid != pod_ref.uid)
    };
    if claim.iter().any(stale) {
        // It goes with the object of that name that is gone already.
        return None;
    }
    let ours = |owner: &OwnerReference| same(owner, &set_ref) || same(owner, &pod_ref);
    let policy = &set.spec.persistent_volume_claim_retention_policy;
    let when_deleted = policy.when_deleted == "Delete";
    let when_scaled = policy.when_scaled == "Delete";
    let foreign = claim
        .iter()
        .any(|owner| owner.controller == Some(true) && !ours(owner));
    let others = claim.iter().filter(|owner| !ours(owner));
    let mut wanted: Vec<OwnerReference> = others.cloned().collect();
    if !(foreign && (when_deleted || when_scaled)) {
        if when_scaled && !in_range {
            wanted.push(pod_ref);
        } else if when_deleted {
            wanted.push(set_ref);
        }
    }
    (wanted != claim).then_some(wanted)
}

/// Whether a claim belongs to an earlier pod of the same name, and goes with it.
pub(super) fn is_stale(claim: &[OwnerReference], pod_name: &str, pod_uid: Option<&str>) -> bool {
    claim.iter().any(|owner| {
        owner.kind == "Pod" && owner.name == pod_name && Some(owner.uid.as_str()) != pod_uid
    })
}

fn reference(api_version: &str, kind: &str, meta: &crate::views::Meta) -> OwnerReference {
    OwnerReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
