//! How well a pod is served when its node runs short.
use serde_json::Value;

use crate::fields;
use crate::validation::Quantity;

const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`, after the requests and limits of a spec.
pub fn qos_class(spec: &Value) -> &'static str {
    let own = &spec["resources"];
    let containers: Vec<&Value> = if fields::is_set(own) {
        vec![own]
    } else {
        ["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| fields::list(spec, list))
            .map(|container| &container["resources"])
            .collect()
    };
    let mut requests = [Quantity::ZERO; 2];
    let mut limits = [Quantity::ZERO; 2];
    let mut guaranteed = true;
    for resources in containers {
        for (i, name) in COUNTED.into_iter().enumerate() {
            let of = |list: &str| {
                let quantity = Quantity::of(&resources[list][name]).unwrap_or(Quantity::ZERO);
                quantity.max(Quantity::ZERO)
            };
            let limit = of("limits");
            guaranteed &= !limit.is_zero();
            if let (Some(request_sum), Some(limit_sum)) = (requests.get_mut(i), limits.get_mut(i)) {
                *request_sum = request_sum.plus(of("requests"));
                *limit_sum = limit_sum.plus(limit);
            }
        }
    }
    if requests.iter().chain(&limits).all(|q| q.is_zero()) {
        "BestEffort"
    } else if guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(resources: &[Value]) -> &'static str {
        let list: Vec<Value> = resources
            .iter()
            .map(|r| json!({ "resources": r }))
            .collect();
        qos_class(&json!({ "containers": list }))
    }

    #[test]
    fn the_class_follows_requests_and_limits() {
        let both = json!({ "cpu": "1", "memory": "1Gi" });
        let full = json!({ "requests": both, "limits": both });
        assert_eq!(class(&[json!({})]), "BestEffort");
        assert_eq!(
            class(&[json!({ "requests": { "cpu": "0" } })]),
            "BestEffort"
        );
        assert_eq!(class(std::slice::from_ref(&full)), "Guaranteed");
        assert_eq!(class(&[full.clone(), json!({})]), "Burstable");
        assert_eq!(class(&[json!({ "requests": { "cpu": "1" } })]), "Burstable");
        let less = json!({ "requests": { "cpu": "1", "memory": "1" }, "limits": both });
        assert_eq!(class(&[less]), "Burstable");
        let other = json!({ "requests": { "ephemeral-storage": "1Gi" } });
        assert_eq!(class(&[other]), "BestEffort");
    }
}
