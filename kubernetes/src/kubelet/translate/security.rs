//! With which rights a container runs.
use serde_json::Value;
use wharf_runtime::{Capability, Security};

use super::Refusal;
use crate::fields;

/// Reads what the pod and the container say; the container wins.
pub(super) fn security(pod: &Value, container: &Value) -> Result<Security, Refusal> {
    let (of_pod, own) = (
        &pod["spec"]["securityContext"],
        &container["securityContext"],
    );
    let number = |value: &Value| u32::try_from(fields::number(value)?).ok();
    let id = |key: &str| number(&own[key]).or_else(|| number(&of_pod[key]));
    let groups = fields::list(of_pod, "supplementalGroups").iter();
    let names = |key: &str| {
        let list = fields::list(&own["capabilities"], key).iter();
        list.filter_map(Value::as_str)
    };
    let add: Vec<Capability> = names("add").filter_map(Capability::find).collect();
    let must_not_be_root = own["runAsNonRoot"].as_bool();
    let must_not_be_root = must_not_be_root.unwrap_or_else(|| fields::flag(of_pod, "runAsNonRoot"));
    let user = id("runAsUser");
    if must_not_be_root && user == Some(0) {
        let (name, metadata) = (fields::text(container, "name"), &pod["metadata"]);
        let message = format!(
            "container's runAsUser breaks non-root policy (pod: \"{}_{}({})\", container: {name})",
            fields::text(metadata, "name"),
            fields::text(metadata, "namespace"),
            fields::text(metadata, "uid"),
        );
        return Err(Refusal::config(name, message));
    }
    Ok(Security {
        user,
        group: id("runAsGroup"),
        other_groups: groups.filter_map(number).collect(),
        volume_group: number(&of_pod["fsGroup"]),
        must_not_be_root,
        read_only_root: fields::flag(own, "readOnlyRootFilesystem"),
        no_new_privileges: own["allowPrivilegeEscalation"] == false,
        capabilities: Capability::left(names("drop"), &add),
    })
}
