//! Who a pod of a stateful set is: its name, its labels, its volumes.
use serde_json::{Value, json};

use crate::controllers::owners::Owner;
use crate::controllers::pod_control as pods;
use crate::views::{PodView, StatefulSetView};

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// The name of a pod's revision.
pub(super) const REVISION: &str = "controller-revision-hash";

/// The set and the ordinal of a pod's name, such as `web-0`.
pub(super) fn parse(name: &str) -> Option<(&str, i64)> {
    let (parent, digits) = name.rsplit_once('-')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let ordinal: i32 = digits.parse().ok().filter(|_| plain)?;
    Some((parent, i64::from(ordinal)))
}

pub(super) fn ordinal(name: &str) -> Option<i64> {
    parse(name).map(|(_, ordinal)| ordinal)
}

pub(super) fn revision(pod: &PodView) -> &str {
    pod.metadata.labels.get(REVISION).map_or("", String::as_str)
}

pub(super) fn claim_name(template: &Value, set: &str, ordinal: i64) -> String {
    let name = template["metadata"]["name"].as_str().unwrap_or_default();
    format!("{name}-{set}-{ordinal}")
}

/// The claims of an ordinal.
pub(super) fn claims(set: &StatefulSetView, ordinal: i64) -> Vec<Value> {
    let meta = &set.metadata;
    let templates = set.spec.volume_claim_templates.iter();
    let claims = templates.map(|template| {
        let mut claim = template.clone();
        claim["apiVersion"] = "v1".into();
        claim["kind"] = "PersistentVolumeClaim".into();
        claim["metadata"]["name"] = claim_name(template, &meta.name, ordinal).into();
        claim["metadata"]["namespace"] = meta.namespace.as_str().into();
        let labels = set.spec.selector["matchLabels"].as_object();
        for (key, value) in labels.into_iter().flatten() {
            claim["metadata"]["labels"][key] = value.clone();
        }
        crate::fields::remove(&mut claim, "status");
        claim
    });
    claims.collect()
}

/// Whether a pod has the labels and the volumes of its ordinal.
pub(super) fn matches(set: &StatefulSetView, pod: &PodView) -> bool {
    let name = &pod.metadata.name;
    let stored = ordinal(name).is_some_and(|ordinal| is_stored(set, pod, ordinal));
    stored && pod.metadata.labels.get(POD_NAME) == Some(name)
}

/// Whether a pod has the volumes of its claims.
pub(super) fn is_stored(set: &StatefulSetView, pod: &PodView, ordinal: i64) -> bool {
    let mut templates = set.spec.volume_claim_templates.iter();
    templates.all(|template| {
        let wanted = claim_name(template, &set.metadata.name, ordinal);
        let mut volumes = pod.spec.volumes.iter();
        let volume = volumes.find(|volume| template["metadata"]["name"] == volume.name);
        let claim = volume.and_then(|volume| volume.persistent_volume_claim.as_ref());
        claim.is_some_and(|claim| claim.claim_name == wanted)
    })
}

/// Gives a pod its labels.
pub(super) fn identify(pod: &mut Value, name: &str, ordinal: i64) {
    let labels = &mut pod["metadata"]["labels"];
    labels[POD_NAME] = name.into();
    labels[POD_INDEX] = ordinal.to_string().into();
}

/// The pod of an ordinal.
pub(super) fn pod(
    set: &StatefulSetView,
    owner: &Owner,
    template: &Value,
    revision: &str,
    ordinal: i64,
) -> Value {
    let name = format!("{}-{ordinal}", owner.name);
    let mut pod = pods::of_template(template, owner);
    crate::fields::remove(&mut pod["metadata"], "generateName");
    pod["metadata"]["name"] = name.as_str().into();
    identify(&mut pod, &name, ordinal);
    pod["metadata"]["labels"][REVISION] = revision.into();
    pod["spec"]["hostname"] = name.into();
    if !set.spec.service_name.is_empty() {
        pod["spec"]["subdomain"] = set.spec.service_name.as_str().into();
    }
    store(&mut pod, set, ordinal);
    pod
}

/// Gives a pod the volumes of its claims, in place of others of their names.
pub(super) fn store(pod: &mut Value, set: &StatefulSetView, ordinal: i64) {
    let claimed = |volume: &Value| {
        let mut templates = set.spec.volume_claim_templates.iter();
        templates.any(|template| template["metadata"]["name"] == volume["name"])
    };
    let templates = set.spec.volume_claim_templates.iter();
    let mut volumes: Vec<Value> = templates
        .map(|template| {
            let claim = claim_name(template, &set.metadata.name, ordinal);
            let name = &template["metadata"]["name"];
            json!({ "name": name, "persistentVolumeClaim": { "claimName": claim } })
        })
        .collect();
    let others = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.extend(others.filter(|volume| !claimed(volume)).cloned());
    if !volumes.is_empty() {
        pod["spec"]["volumes"] = volumes.into();
    }
}
