//! `LimitRanger`: limit ranges give pods defaults and bounds.
use serde_json::{Map, Value};

use super::amounts::{self, Amounts};
use crate::{fields, validation::Quantity};

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Fills in the requests and limits of a new pod from the limit ranges of its namespace.
pub fn default_pod(pod: &mut Value, ranges: &[Value]) {
    for range in ranges {
        let limits = fields::list(&range["spec"], "limits").iter();
        let mut requests = Map::new();
        let mut bounds = Map::new();
        for limit in limits.filter(|limit| fields::text(limit, "type") == "Container") {
            for (key, to) in [("defaultRequest", &mut requests), ("default", &mut bounds)] {
                let entries = fields::entries(limit, key);
                to.extend(entries.map(|(name, amount)| (name.to_owned(), amount.clone())));
            }
        }
        default_containers(pod, &requests, &bounds);
    }
}

fn default_containers(pod: &mut Value, requests: &Map<String, Value>, limits: &Map<String, Value>) {
    let mut told = Vec::new();
    if let Some(spec) = fields::child(pod, "spec") {
        for (key, what) in [
            ("containers", "container"),
            ("initContainers", "init container"),
        ] {
            for container in fields::each(spec, key) {
                let name = fields::text(container, "name").to_owned();
                for (key, word, defaults) in [
                    ("requests", "request", requests),
                    ("limits", "limit", limits),
                ] {
                    let set = fill(container, key, defaults);
                    if !set.is_empty() {
                        let set = set.join(", ");
                        told.push(format!("{set} {word} for {what} {name}"));
                    }
                }
            }
        }
    }
    if told.is_empty() {
        return;
    }
    if let Some(metadata) = fields::ensure(pod, "metadata")
        && let Some(annotations) = fields::ensure(metadata, "annotations")
    {
        let text = format!("LimitRanger plugin set: {}", told.join("; "));
        fields::set(annotations, ANNOTATION, text);
    }
}

/// The names of what was filled in, sorted.
fn fill(container: &mut Value, key: &str, defaults: &Map<String, Value>) -> Vec<String> {
    let mut set = Vec::new();
    if defaults.is_empty() {
        return set;
    }
    let resources = fields::ensure(container, "resources");
    let Some(amounts) = resources.and_then(|resources| fields::ensure(resources, key)) else {
        return set;
    };
    for (name, amount) in defaults {
        if !fields::has(amounts, name) {
            fields::set(amounts, name, amount.clone());
            set.push(name.clone());
        }
    }
    set.sort_unstable();
    set
}

/// Whether a new pod keeps to the limit ranges of its namespace.
///
/// # Errors
/// The reason why it is forbidden, of the first range that it breaks.
pub fn check_pod(pod: &Value, ranges: &[Value]) -> Result<(), String> {
    for range in ranges {
        let mut broken = Vec::new();
        for limit in fields::list(&range["spec"], "limits") {
            let kind = fields::text(limit, "type");
            match kind {
                "Container" => {
                    let containers = fields::list(&pod["spec"], "containers").iter();
                    let init = fields::list(&pod["spec"], "initContainers");
                    for container in containers.chain(init) {
                        let resources = &container["resources"];
                        let requests = amounts::read(resources, "requests");
                        let limits = amounts::read(resources, "limits");
                        check(limit, kind, &requests, &limits, &mut broken);
                    }
                }
                "Pod" => {
                    let requests = amounts::of_pod(pod, "requests");
                    let limits = amounts::of_pod(pod, "limits");
                    check(limit, kind, &requests, &limits, &mut broken);
                }
                _ => {}
            }
        }
        aggregate(broken)?;
    }
    Ok(())
}

/// Whether a claim, new or changed, keeps to the limit ranges of its namespace.
///
/// # Errors
/// The reason why it is forbidden, of the first range that it breaks.
pub fn check_claim(claim: &Value, ranges: &[Value]) -> Result<(), String> {
    let kind = "PersistentVolumeClaim";
    let requests = amounts::read(&claim["spec"]["resources"], "requests");
    for range in ranges {
        let mut broken = Vec::new();
        let limits = fields::list(&range["spec"], "limits").iter();
        for limit in limits.filter(|limit| fields::text(limit, "type") == kind) {
            for (name, least) in amounts::read(limit, "min") {
                broken.extend(below(kind, &name, least, &requests, &Amounts::new()));
            }
            for (name, most) in amounts::read(limit, "max") {
                let about = format!("maximum {name} usage per {kind} is {most}");
                match requests.get(&name) {
                    None => broken.push(format!("{about}.  No request is specified")),
                    Some(request) if *request > most => {
                        broken.push(format!("{about}, but request is {request}"));
                    }
                    Some(_) => {}
                }
            }
        }
        aggregate(broken)?;
    }
    Ok(())
}

/// One reason reads by itself, several are a list in brackets; each is said once.
fn aggregate(mut broken: Vec<String>) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    broken.retain(|text| seen.insert(text.clone()));
    match broken.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        several => Err(format!("[{}]", several.join(", "))),
    }
}

fn check(
    limit: &Value,
    kind: &str,
    requests: &Amounts,
    limits: &Amounts,
    broken: &mut Vec<String>,
) {
    for (name, least) in amounts::read(limit, "min") {
        broken.extend(below(kind, &name, least, requests, limits));
    }
    for (name, most) in amounts::read(limit, "max") {
        broken.extend(above(kind, &name, most, requests, limits));
    }
    for (name, ratio) in amounts::read(limit, "maxLimitRequestRatio") {
        broken.extend(out_of_ratio(kind, &name, ratio, requests, limits));
    }
}

fn below(
    kind: &str,
    name: &str,
    least: Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let about = format!("minimum {name} usage per {kind} is {least}");
    let Some(request) = requests.get(name) else {
        return Some(format!("{about}.  No request is specified"));
    };
    if *request < least {
        return Some(format!("{about}, but request is {request}"));
    }
    let limit = limits.get(name).filter(|limit| **limit < least)?;
    Some(format!("{about}, but limit is {limit}"))
}

fn above(
    kind: &str,
    name: &str,
    most: Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let about = format!("maximum {name} usage per {kind} is {most}");
    let Some(limit) = limits.get(name) else {
        return Some(format!("{about}.  No limit is specified"));
    };
    if *limit > most {
        return Some(format!("{about}, but limit is {limit}"));
    }
    let request = requests.get(name).filter(|request| **request > most)?;
    Some(format!("{about}, but request is {request}"))
}

#[expect(clippy::cast_precision_loss, reason = "the API server compares floats")]
fn out_of_ratio(
    kind: &str,
    name: &str,
    ratio: Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let about = format!("{name} max limit to request ratio per {kind} is {ratio}");
    let given = |amounts: &Amounts| amounts.get(name).copied().filter(|a| !a.is_zero());
    let Some(request) = given(requests) else {
        return Some(format!(
            "{about}, but no request is specified or request is 0"
        ));
    };
    let Some(limit) = given(limits) else {
        return Some(format!("{about}, but no limit is specified or limit is 0"));
    };
    let observed = limit.milli() as f64 / request.milli() as f64;
    if observed * 1000.0 > ratio.milli() as f64 {
        return Some(format!("{about}, but provided ratio is {observed:.6}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn range(limit: Value) -> [Value; 1] {
        let mut range = json!({ "spec": { "limits": [] } });
        range["spec"]["limits"] = Value::Array(vec![limit]);
        [range]
    }

    fn pod(resources: Value) -> Value {
        let mut pod = json!({ "spec": { "containers": [{ "name": "web" }] } });
        pod["spec"]["containers"][0]["resources"] = resources;
        pod
    }

    #[test]
    fn defaults_are_told_in_an_annotation() {
        let ranges = range(json!({
            "type": "Container",
            "default": { "memory": "512Mi", "cpu": "1" }, "defaultRequest": { "memory": "256Mi" },
        }));
        let mut pod = pod(json!({ "limits": { "cpu": "2" } }));
        default_pod(&mut pod, &ranges);
        let resources = &pod["spec"]["containers"][0]["resources"];
        assert_eq!(
            resources["limits"],
            json!({ "cpu": "2", "memory": "512Mi" })
        );
        assert_eq!(resources["requests"], json!({ "memory": "256Mi" }));
        assert_eq!(
            pod["metadata"]["annotations"][ANNOTATION],
            "LimitRanger plugin set: memory request for container web; memory limit for container web"
        );
    }

    #[test]
    fn containers_keep_to_their_bounds() {
        let ranges = range(json!({
            "type": "Container", "max": { "memory": "1Gi" }, "min": { "memory": "100Mi" },
        }));
        let fine = pod(json!({ "limits": { "memory": "1Gi" }, "requests": { "memory": "100Mi" } }));
        assert_eq!(check_pod(&fine, &ranges), Ok(()));
        let big = pod(json!({ "limits": { "memory": "1536Mi" }, "requests": { "memory": "1Gi" } }));
        assert_eq!(
            check_pod(&big, &ranges),
            Err("maximum memory usage per Container is 1Gi, but limit is 1536Mi".to_owned())
        );
        assert_eq!(
            check_pod(&pod(json!({})), &ranges),
            Err("[minimum memory usage per Container is 100Mi.  No request is specified, maximum memory usage per Container is 1Gi.  No limit is specified]".to_owned())
        );
    }

    #[test]
    fn limits_keep_to_a_ratio() {
        let ranges = range(json!({ "type": "Pod", "maxLimitRequestRatio": { "cpu": "2" } }));
        let pod = pod(json!({ "limits": { "cpu": "3" }, "requests": { "cpu": "1" } }));
        assert_eq!(
            check_pod(&pod, &ranges),
            Err(
                "cpu max limit to request ratio per Pod is 2, but provided ratio is 3.000000"
                    .to_owned()
            )
        );
    }

    #[test]
    fn claims_keep_to_their_bounds() {
        let kind = "PersistentVolumeClaim";
        let ranges = range(json!({ "type": kind, "max": { "storage": "2Gi" } }));
        let claim = json!({ "spec": { "resources": { "requests": { "storage": "3Gi" } } } });
        assert_eq!(
            check_claim(&claim, &ranges),
            Err(
                "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"
                    .to_owned()
            )
        );
    }
}
