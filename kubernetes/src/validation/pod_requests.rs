//! What all containers of a pod request together.
use std::collections::BTreeMap;

use serde_json::Value;

use super::Quantity;
use crate::fields;

type Amounts<'a> = BTreeMap<&'a str, Quantity>;

/// Requests, or limits, by the names of resources: of the containers that run together, or of one
/// that initializes if it needs more. Without overhead and without what the pod says of itself.
pub fn container_amounts<'a>(spec: &'a Value, kind: &'a str) -> Amounts<'a> {
    let mut total = Amounts::new();
    for container in fields::list(spec, "containers") {
        add(&mut total, &amounts(container, kind));
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in fields::list(spec, "initContainers") {
        let mut own = amounts(container, kind);
        if fields::text(container, "restartPolicy") == "Always" {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            own.clone_from(&sidecars);
        } else {
            add(&mut own, &sidecars);
        }
        raise(&mut most, &own);
    }
    raise(&mut total, &most);
    total
}

fn amounts<'a>(container: &'a Value, kind: &'a str) -> Amounts<'a> {
    fields::entries(&container["resources"], kind)
        .filter_map(|(name, value)| Some((name, Quantity::of(value).ok()?)))
        .collect()
}

fn add<'a>(sum: &mut Amounts<'a>, more: &Amounts<'a>) {
    for (name, quantity) in more {
        let here = sum.entry(name).or_insert(Quantity::ZERO);
        *here = here.plus(*quantity);
    }
}

fn raise<'a>(most: &mut Amounts<'a>, other: &Amounts<'a>) {
    for (name, quantity) in other {
        let here = most.entry(name).or_insert(*quantity);
        *here = (*here).max(*quantity);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sidecars_run_with_the_containers_and_others_before() {
        let cpu = |amount: &str| json!({ "requests": { "cpu": amount } });
        let spec = json!({
            "containers": [{ "resources": cpu("100m") }, { "resources": cpu("200m") }],
            "initContainers": [
                { "resources": cpu("50m"), "restartPolicy": "Always" },
                { "resources": cpu("1") },
            ],
        });
        let found = container_amounts(&spec, "requests");
        assert_eq!(found.get("cpu").unwrap().to_string(), "1050m");
        let spec = json!({
            "containers": [{ "resources": cpu("2") }],
            "initContainers": [{ "resources": cpu("1") }],
        });
        assert_eq!(
            container_amounts(&spec, "requests")
                .get("cpu")
                .unwrap()
                .to_string(),
            "2"
        );
    }
}
