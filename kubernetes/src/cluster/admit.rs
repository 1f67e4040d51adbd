//! Admission: what the cluster's own rules make of a request, before and after validation.
use serde_json::Value;

use super::quotas::{self, QUOTAS};
use super::write::{Part, Write};
use super::{Cluster, token_volume};
use crate::admission::{
    claim_resize, default_ingress_class, default_storage_class, limit_ranger, pod_identity,
    priority, resource_quota,
};
use crate::controllers::volumes::{CLAIM_PROTECTION, VOLUME_PROTECTION, keep_by};
use crate::store::Pledge;
use crate::{Status, kinds};

/// Changes a new object as the cluster's rules say. Returns warnings.
pub(super) fn create(
    cluster: &Cluster,
    write: &Write<'_>,
    object: &mut Value,
) -> Result<Vec<String>, Status> {
    namespace(cluster, write)?;
    let kind = (
        write.resource.group.as_str(),
        write.resource.plural.as_str(),
    );
    match kind {
        ("", "pods") => pod(cluster, write, object)?,
        ("", "persistentvolumeclaims") => {
            let classes = values(cluster, "storageclasses.storage.k8s.io", None);
            default_storage_class::admit_claim(object, &classes);
            keep_by(object, CLAIM_PROTECTION);
        }
        ("networking.k8s.io", "ingresses") => {
            let classes = values(cluster, "ingressclasses.networking.k8s.io", None);
            default_ingress_class::admit(object, &classes);
        }
        ("", "persistentvolumes") => keep_by(object, VOLUME_PROTECTION),
        ("scheduling.k8s.io", "priorityclasses") => {
            let classes = values(cluster, "priorityclasses.scheduling.k8s.io", None);
            priority::check_class(object, &classes).map_err(|why| refused(write, object, &why))?;
        }
        ("certificates.k8s.io", "certificatesigningrequests") => {
            // Who asks is what the certificate may be for; nobody says it of himself.
            let user = write.by.user.to_json();
            for member in ["username", "uid", "groups", "extra"] {
                if !user[member].is_null() {
                    object["spec"][member] = user[member].clone();
                }
            }
        }
        _ => {}
    }
    Ok(Vec::new())
}

/// What must hold of a valid object, new or changed, before it is stored.
pub(super) fn checked(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &mut Value,
) -> Result<(), Status> {
    if !matches!(write.part, Part::Main | Part::Resize) || !write.resource.is_namespaced() {
        return Ok(());
    }
    let kind = (
        write.resource.group.as_str(),
        write.resource.plural.as_str(),
    );
    let namespace = Some(write.namespace);
    if old.is_none() {
        let ranges = || values(cluster, "limitranges", namespace);
        let checked = match kind {
            ("", "pods") => limit_ranger::check_pod(object, &ranges()),
            ("", "persistentvolumeclaims") => limit_ranger::check_claim(object, &ranges()),
            _ => Ok(()),
        };
        checked.map_err(|why| refused(write, object, &why))?;
    } else if let Some(old) = old {
        match kind {
            ("", "pods") => priority::keep_pod(object, old),
            ("", "persistentvolumeclaims") => {
                let class = kinds::claim_class(object);
                let class = cluster.get("storageclasses.storage.k8s.io", "", class);
                let class = class.map(|class| class.value());
                claim_resize::check(object, old, class.as_ref())
                    .map_err(|why| refused(write, object, why))?;
            }
            _ => {}
        }
    }
    quota(cluster, write, old, object)
}

fn quota(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &Value,
) -> Result<(), Status> {
    let quotas = values(cluster, QUOTAS, Some(write.namespace));
    if quotas.is_empty() || !quotas::counts(write) {
        return Ok(());
    }
    let (group, plural) = (&write.resource.group, &write.resource.plural);
    let charged = match old {
        None => resource_quota::charge_create(&quotas, group, plural, object, cluster.now()),
        Some(old) => {
            resource_quota::charge_update(&quotas, group, plural, object, old, cluster.now())
        }
    };
    // Whether it fits; it is charged when it is written.
    charged
        .map(drop)
        .map_err(|why| refused(write, object, &why))
}

/// Charges a checked object to the quotas of its namespace. What comes back belongs to its write.
pub(super) async fn charge(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &Value,
) -> Result<Vec<Box<dyn Pledge>>, Status> {
    if !quotas::counts(write) {
        return Ok(Vec::new());
    }
    let flight = cluster.0.quotas.begin(write.namespace);
    if cluster.list(QUOTAS, Some(write.namespace)).is_empty() {
        return Ok(Vec::new());
    }
    let flight = quotas::charge(cluster, write, old, object, flight).await?;
    Ok(vec![Box::new(flight)])
}

fn pod(cluster: &Cluster, write: &Write<'_>, pod: &mut Value) -> Result<(), Status> {
    crate::fargate::mutate(pod, write.namespace, &cluster.settings().fargate);
    let ranges = values(cluster, "limitranges", Some(write.namespace));
    limit_ranger::default_pod(pod, &ranges);
    let classes = values(cluster, "priorityclasses.scheduling.k8s.io", None);
    priority::admit_pod(pod, &classes).map_err(|why| refused(write, pod, &why))?;
    token_volume::admit(cluster, write, pod).map_err(|why| refused(write, pod, &why))?;
    tolerations(pod);
    identity(cluster, write, pod);
    Ok(())
}

/// Pods of service accounts with a role of AWS can act as it.
fn identity(cluster: &Cluster, write: &Write<'_>, pod: &mut Value) {
    let name = pod["spec"]["serviceAccountName"].as_str();
    let name = name.unwrap_or_default().to_owned();
    let Some(account) = cluster.get("serviceaccounts", write.namespace, &name) else {
        return;
    };
    let settings = cluster.settings();
    let associated = (write.namespace.to_owned(), name);
    let associated = settings.pod_identities.contains(&associated);
    pod_identity::admit(pod, &account.value(), associated, &settings.region);
}

/// Pods stay for five minutes on a node that is lost, unless they say something else.
fn tolerations(pod: &mut Value) {
    const SECS: i64 = 300;
    let given = pod["spec"]["tolerations"].as_array();
    let mut all = given.cloned().unwrap_or_default();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let known = all.iter().any(|toleration| {
            let effect = toleration["effect"].as_str().unwrap_or_default();
            let own = toleration["key"].as_str().unwrap_or_default();
            (own == key || own.is_empty()) && (effect.is_empty() || effect == "NoExecute")
        });
        if !known {
            all.push(serde_json::json!({
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": SECS,
            }));
        }
    }
    pod["spec"]["tolerations"] = all.into();
}

/// Nothing is made in a namespace that is not there, or not for long.
fn namespace(cluster: &Cluster, write: &Write<'_>) -> Result<(), Status> {
    if !write.resource.is_namespaced() {
        return Ok(());
    }
    let namespace = write.namespace;
    let Some(found) = cluster.get("namespaces", "", namespace) else {
        return Err(Status::not_found("namespaces", "", namespace));
    };
    if !found.deleting {
        return Ok(());
    }
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let (plural, group) = (&write.resource.plural, &write.resource.group);
    let mut status = Status::forbidden(plural, group, write.name, &why);
    status.details["causes"] = serde_json::json!([{
        "reason": "NamespaceTerminating",
        "message": format!("namespace {namespace} is being terminated"),
        "field": "metadata.namespace",
    }]);
    Err(status)
}

pub(super) fn values(cluster: &Cluster, resource: &str, namespace: Option<&str>) -> Vec<Value> {
    let objects = cluster.list(resource, namespace);
    objects.iter().map(|object| object.value()).collect()
}

pub(super) fn refused(write: &Write<'_>, object: &Value, why: &str) -> Status {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Status::forbidden(&write.resource.plural, &write.resource.group, name, why)
}
