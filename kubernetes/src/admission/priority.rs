//! `Priority`: the class of a pod says how important it is.
use serde_json::{Value, json};

use crate::fields;

/// The classes that every cluster has.
pub fn system_classes() -> [Value; 2] {
    let class = |name: &str, value: i64, text: &str| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": { "name": name },
            "value": value,
            "description": text,
        })
    };
    [
        class(
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
        class(
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
    ]
}

/// Writes the priority of a new pod, from its class or the default one.
///
/// # Errors
/// The reason why it is forbidden: there is no such class, or the pod says something else.
pub fn admit_pod(pod: &mut Value, classes: &[Value]) -> Result<(), String> {
    let wanted = fields::text(&pod["spec"], "priorityClassName");
    let class = if wanted.is_empty() {
        default_class(classes)
    } else {
        let named = |class: &&Value| fields::text(&class["metadata"], "name") == wanted;
        let class = classes.iter().find(named);
        Some(class.ok_or_else(|| format!("no PriorityClass with name {wanted} was found"))?)
    };
    let priority = class.map_or(0, |class| fields::integer(class, "value"));
    let policy = match class {
        Some(class) => class["preemptionPolicy"].as_str(),
        None => Some("PreemptLowerPriority"),
    };
    let spec = &pod["spec"];
    if let Some(given) = fields::number(&spec["priority"])
        && given != priority
    {
        return Err(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
        ));
    }
    if let (Some(given), Some(policy)) = (spec["preemptionPolicy"].as_str(), policy)
        && given != policy
    {
        return Err(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        ));
    }
    let Some(spec) = fields::child(pod, "spec") else {
        return Ok(());
    };
    if let Some(class) = class {
        let name = fields::text(&class["metadata"], "name");
        fields::set(spec, "priorityClassName", name);
    }
    fields::set(spec, "priority", priority);
    if let Some(policy) = policy {
        fields::set(spec, "preemptionPolicy", policy);
    }
    Ok(())
}

/// Keeps what was computed where an update of a pod leaves it out.
pub fn keep_pod(new: &mut Value, old: &Value) {
    if let Some(spec) = fields::child(new, "spec") {
        for key in ["priority", "preemptionPolicy"] {
            if fields::has(&old["spec"], key) {
                fields::default_pointer(spec, key, old["spec"][key].clone());
            }
        }
    }
}

/// Whether a class, new or changed, may be the default. `classes` are all of the cluster.
///
/// # Errors
/// The reason why it is forbidden.
pub fn check_class(class: &Value, classes: &[Value]) -> Result<(), String> {
    if !fields::flag(class, "globalDefault") {
        return Ok(());
    }
    let name = |class: &Value| fields::text(&class["metadata"], "name").to_owned();
    match default_class(classes).map(name) {
        Some(other) if other != name(class) => Err(format!(
            "PriorityClass {other} is already marked as default. Only one default can exist"
        )),
        _ => Ok(()),
    }
}

/// The lowest of those that say that they are the default.
fn default_class(classes: &[Value]) -> Option<&Value> {
    classes
        .iter()
        .filter(|class| fields::flag(class, "globalDefault"))
        .min_by_key(|class| fields::integer(class, "value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_gives_a_priority() {
        let mut pod = json!({ "spec": { "priorityClassName": "system-node-critical" } });
        assert_eq!(admit_pod(&mut pod, &system_classes()), Ok(()));
        assert_eq!(pod["spec"]["priority"], 2_000_001_000);
        let mut pod = json!({ "spec": {} });
        assert_eq!(admit_pod(&mut pod, &[]), Ok(()));
        let wanted = json!({ "priority": 0, "preemptionPolicy": "PreemptLowerPriority" });
        assert_eq!(pod["spec"], wanted);
    }

    #[test]
    fn an_unknown_class_is_forbidden() {
        let mut pod = json!({ "spec": { "priorityClassName": "high" } });
        let text = "no PriorityClass with name high was found";
        assert_eq!(admit_pod(&mut pod, &[]), Err(text.to_owned()));
    }

    #[test]
    fn a_pod_does_not_choose_its_number() {
        let mut pod = json!({ "spec": { "priority": 7 } });
        assert_eq!(
            admit_pod(&mut pod, &[]),
            Err("the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name".to_owned())
        );
    }

    #[test]
    fn there_is_one_default() {
        let class = |name: &str| json!({ "metadata": { "name": name }, "globalDefault": true });
        let there = [class("a")];
        assert_eq!(check_class(&class("a"), &there), Ok(()));
        assert_eq!(
            check_class(&class("b"), &there),
            Err(
                "PriorityClass a is already marked as default. Only one default can exist"
                    .to_owned()
            )
        );
    }
}
