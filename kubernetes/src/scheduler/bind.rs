//! A pod gets its node: what the scheduler does and the `binding` subresource.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, Options, Part, Write};
use crate::{Status, fields};

/// Where a pod goes.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// Only the pod of this uid; any if empty.
    pub uid: String,
    pub node: String,
    /// To be added to the pod.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// Assigns a pod to a node, once.
pub async fn bind(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    binding: &Binding,
    by: &Actor,
) -> Result<(), Status> {
    let resource = cluster.resource("pods")?;
    let write = Write {
        resource: &resource,
        namespace,
        name,
        part: Part::Binding,
        by,
        options: Options::default(),
    };
    bind_as(cluster, &write, binding).await
}

/// The same as a request asks for it.
pub(crate) async fn bind_as(
    cluster: &Cluster,
    write: &Write<'_>,
    binding: &Binding,
) -> Result<(), Status> {
    let name = write.name;
    let now = rfc3339(cluster.now());
    let change = |old: &Value| {
        check(old, name, binding).map_err(|why| refused(name, &why))?;
        let mut pod = old.clone();
        for (key, wanted) in [
            ("labels", &binding.labels),
            ("annotations", &binding.annotations),
        ] {
            for (name, value) in wanted {
                if pod["metadata"][key].is_null() {
                    pod["metadata"][key] = json!({});
                }
                pod["metadata"][key][name.as_str()] = value.as_str().into();
            }
        }
        pod["spec"]["nodeName"] = binding.node.as_str().into();
        let condition = json!({
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": null,
            "lastTransitionTime": now,
        });
        set_condition(&mut pod, condition);
        Ok(pod)
    };
    cluster.update_object(write, change).await.map(drop)
}

fn refused(name: &str, why: &str) -> Status {
    Status::conflict("pods/binding", "", name, why)
}

fn check(pod: &Value, name: &str, binding: &Binding) -> Result<(), String> {
    let uid = fields::text(&pod["metadata"], "uid");
    if !binding.uid.is_empty() && binding.uid != uid {
        let wanted = &binding.uid;
        return Err(format!(
            "Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
        ));
    }
    if fields::is_set(&pod["metadata"]["deletionTimestamp"]) {
        return Err(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    let node = fields::text(&pod["spec"], "nodeName");
    if !node.is_empty() {
        return Err(format!("pod {name} is already assigned to node \"{node}\""));
    }
    if !fields::list(&pod["spec"], "schedulingGates").is_empty() {
        return Err(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    Ok(())
}

/// Puts a condition into the status of a pod or a node; its time stays while its status does.
pub(crate) fn set_condition(object: &mut Value, mut condition: Value) {
    if object["status"].is_null() {
        object["status"] = json!({});
    }
    let known = &mut object["status"]["conditions"];
    if !known.is_array() {
        *known = json!([]);
    }
    let Some(all) = known.as_array_mut() else {
        return;
    };
    match all.iter_mut().find(|one| one["type"] == condition["type"]) {
        None => all.push(condition),
        Some(there) => {
            if there["status"] == condition["status"] && !there["lastTransitionTime"].is_null() {
                condition["lastTransitionTime"] = there["lastTransitionTime"].clone();
            }
            *there = condition;
        }
    }
}
