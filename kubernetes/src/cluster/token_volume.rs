//! Pods get a service account, and its token as files.
use serde_json::{Value, json};

use super::write::Write;
use super::{Cluster, names};

const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How long a mounted token is good for: an hour, and a little for the clock.
const TOKEN_SECS: i64 = 3607;

/// Gives a pod its service account. The error is why it cannot have one.
pub(super) fn admit(cluster: &Cluster, write: &Write<'_>, pod: &mut Value) -> Result<(), String> {
    let named = pod["spec"]["serviceAccountName"].as_str();
    let name = match named {
        None | Some("") => "default".to_owned(),
        Some(name) => name.to_owned(),
    };
    pod["spec"]["serviceAccountName"] = name.as_str().into();
    pod["spec"]["serviceAccount"] = name.as_str().into();
    let namespace = write.namespace;
    let Some(account) = cluster.get("serviceaccounts", namespace, &name) else {
        return Err(format!(
            "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
        ));
    };
    let account = account.value();
    if pod["spec"]["imagePullSecrets"].is_null() && !account["imagePullSecrets"].is_null() {
        pod["spec"]["imagePullSecrets"] = account["imagePullSecrets"].clone();
    }
    let wanted = pod["spec"]["automountServiceAccountToken"].as_bool();
    let wanted = wanted.or_else(|| account["automountServiceAccountToken"].as_bool());
    if wanted.unwrap_or(true) {
        mount(pod);
    }
    Ok(())
}

fn mount(pod: &mut Value) {
    let volume = format!("kube-api-access-{}", names::suffix());
    let mut used = false;
    for list in ["initContainers", "containers"] {
        // Indexing would make a list that is not there null, which typed readers do not take.
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mounts = container["volumeMounts"].as_array();
            let mut mounts = mounts.cloned().unwrap_or_default();
            if mounts.iter().any(|mount| mount["mountPath"] == MOUNT) {
                continue;
            }
            mounts.push(json!({ "name": volume, "readOnly": true, "mountPath": MOUNT }));
            container["volumeMounts"] = mounts.into();
            used = true;
        }
    }
    if !used {
        return;
    }
    let volumes = pod["spec"]["volumes"].as_array();
    let mut volumes = volumes.cloned().unwrap_or_default();
    volumes.push(json!({
        "name": volume,
        "projected": {
            "defaultMode": 420,
            "sources": [
                { "serviceAccountToken": { "expirationSeconds": TOKEN_SECS, "path": "token" } },
                { "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{ "key": "ca.crt", "path": "ca.crt" }],
                } },
                { "downwardAPI": { "items": [{
                    "path": "namespace",
                    "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
                }] } },
            ],
        },
    }));
    pod["spec"]["volumes"] = volumes.into();
}
