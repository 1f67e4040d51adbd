//! Amounts of resources by name, and those of whole pods.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::{fields, validation::Quantity};

pub(super) type Amounts = BTreeMap<String, Quantity>;

/// The amounts that can be read.
pub(super) fn read(parent: &Value, key: &str) -> Amounts {
    fields::entries(parent, key)
        .filter_map(|(name, value)| Some((name.to_owned(), Quantity::of(value).ok()?)))
        .collect()
}

pub(super) fn write(amounts: &Amounts) -> Value {
    amounts
        .iter()
        .map(|(name, amount)| (name.clone(), Value::from(amount.to_string())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub(super) fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.get(name).map_or(*amount, |there| there.plus(*amount));
        to.insert(name.clone(), sum);
    }
}

fn raise(to: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let more = to.get(name).is_none_or(|there| amount > there);
        if more {
            to.insert(name.clone(), *amount);
        }
    }
}

/// The `requests` or `limits` of a pod: of its containers together, or of the step of its start
/// that wants the most. What the pod itself says wins.
pub(super) fn of_pod(pod: &Value, key: &str) -> Amounts {
    let spec = &pod["spec"];
    let mut all = Amounts::new();
    for container in fields::list(spec, "containers") {
        add(&mut all, &read(&container["resources"], key));
    }
    let mut sidecars = Amounts::new();
    let mut start = Amounts::new();
    for container in fields::list(spec, "initContainers") {
        let mut own = read(&container["resources"], key);
        if fields::text(container, "restartPolicy") == "Always" {
            add(&mut all, &own);
            add(&mut sidecars, &own);
            raise(&mut start, &sidecars);
        } else {
            add(&mut own, &sidecars);
            raise(&mut start, &own);
        }
    }
    raise(&mut all, &start);
    for (name, amount) in read(&spec["resources"], key) {
        if ["cpu", "memory"].contains(&name.as_str()) || name.starts_with("hugepages-") {
            all.insert(name, amount);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_step_that_wants_the_most_counts() {
        let one = |cpu: &str| json!({ "resources": { "requests": { "cpu": cpu } } });
        let sidecar =
            json!({ "restartPolicy": "Always", "resources": { "requests": { "cpu": "1" } } });
        let pod = json!({ "spec": {
            "containers": [one("1"), one("500m")],
            "initContainers": [sidecar, one("2")],
        } });
        // 1 + 0.5 + the sidecar's 1 is less than 2 + the sidecar's 1.
        assert_eq!(write(&of_pod(&pod, "requests")), json!({ "cpu": "3" }));
    }
}
