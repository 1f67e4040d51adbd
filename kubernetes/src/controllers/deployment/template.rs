//! Templates of deployments and the replica sets made of them.
use serde_json::{Value, json};

use super::plan::NewSet;
use super::revisions::{self, Limits};
use crate::controllers::hash::short_hash;
use crate::views::{DeploymentView, Meta, OwnerReference, ReplicaSetView};

pub(super) const HASH: &str = "pod-template-hash";

/// The longest name of an object.
const NAME_MAX: usize = 253;

/// Whether two templates make the same pods; the hash label is no part of that.
pub(super) fn equal_templates(a: &Value, b: &Value) -> bool {
    plain(a) == plain(b)
}

/// A template without the hash label, and without what is empty.
fn plain(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels") {
        crate::fields::remove(labels, HASH);
    }
    without_empty(&mut template);
    template
}

fn without_empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(without_empty);
            members.retain(|name, value| match value {
                Value::Null => false,
                // An empty source of a volume, such as `emptyDir: {}`, says something.
                Value::Object(members) => !members.is_empty() || name != "metadata",
                Value::Array(values) => !values.is_empty(),
                _ => true,
            });
        }
        Value::Array(values) => values.iter_mut().for_each(without_empty),
        _ => {}
    }
}

/// The replica set of a deployment's template, to be planned with and to be created.
pub(super) fn new_set(
    deployment: &DeploymentView,
    replicas: i64,
    revision: i64,
    limits: &Limits,
) -> (ReplicaSetView, NewSet) {
    let hash = short_hash(
        &plain(&deployment.spec.template),
        deployment.status.collision_count,
    );
    let meta = &deployment.metadata;
    let name = name(&meta.name, &hash);
    let mut view = ReplicaSetView {
        metadata: Meta {
            name: name.clone(),
            namespace: meta.namespace.clone(),
            ..Meta::default()
        },
        ..ReplicaSetView::default()
    };
    view.spec.replicas = replicas;
    view.spec.min_ready_seconds = deployment.spec.min_ready_seconds;
    revisions::annotate(&mut view, deployment, revision);
    revisions::note_sizes(&mut view, limits);
    let mut template = deployment.spec.template.clone();
    template["metadata"]["labels"][HASH] = hash.as_str().into();
    let mut selector = deployment.spec.selector.clone();
    selector["matchLabels"][HASH] = hash.as_str().into();
    let owner = OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let value = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            "labels": template["metadata"]["labels"],
            "annotations": view.metadata.annotations,
            "ownerReferences": [owner],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": deployment.spec.min_ready_seconds,
            "selector": selector,
            "template": template,
        },
    });
    let new = NewSet {
        name,
        value,
        replicas,
    };
    (view, new)
}

fn name(deployment: &str, hash: &str) -> String {
    let room = NAME_MAX.saturating_sub(hash.len() + 1);
    let start: String = deployment.chars().take(room).collect();
    format!("{start}-{hash}")
}
