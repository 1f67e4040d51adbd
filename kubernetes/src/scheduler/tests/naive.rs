//! Random small clusters: a decision never breaks a rule, and a pod fits if and only if a plain
//! reading of the rules says so.
use proptest::prelude::*;

use super::*;
use crate::scheduler::model::tolerated;

fn nodes() -> impl Strategy<Value = Vec<Value>> {
    let one = (0..3u8, 1..4i64, 1..4i64, any::<bool>());
    prop::collection::vec(one, 1..5).prop_map(|all| {
        let build = |(i, (zone, cpu, pods, tainted)): (usize, (u8, i64, i64, bool))| {
            let mut node = node(&format!("n{i}"), &format!("z{zone}"));
            node["status"]["allocatable"] =
                json!({ "cpu": cpu.to_string(), "memory": "4Gi", "pods": pods.to_string() });
            if tainted {
                node["spec"]["taints"] = json!([{ "key": "k", "effect": "NoSchedule" }]);
            }
            node
        };
        all.into_iter().enumerate().map(build).collect()
    })
}

fn pods() -> impl Strategy<Value = Vec<Value>> {
    let one = (0..4u8, 0..2u8, any::<bool>(), 0..4u8);
    prop::collection::vec(one, 1..12).prop_map(|all| {
        let build = |(i, (cpu, app, tolerates, rule)): (usize, (u8, u8, bool, u8))| {
            let mut spec = asking(&format!("{}m", u32::from(cpu) * 500), "1Gi");
            if tolerates {
                spec["tolerations"] = json!([{ "operator": "Exists" }]);
            }
            let selector = json!({ "matchLabels": { "app": format!("a{app}") } });
            let term = json!([{ "labelSelector": selector, "topologyKey": "topology.kubernetes.io/zone" }]);
            let required = "requiredDuringSchedulingIgnoredDuringExecution";
            match rule {
                1 => spec["affinity"] = json!({ "podAntiAffinity": { required: term } }),
                2 => spec["affinity"] = json!({ "podAffinity": { required: term } }),
                3 => {
                    spec["topologySpreadConstraints"] = json!([{
                        "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
                        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector,
                    }]);
                }
                _ => {}
            }
            let mut pod = pod(&format!("p{i}"), spec);
            pod["metadata"]["labels"] = json!({ "app": format!("a{app}") });
            pod
        };
        all.into_iter().enumerate().map(build).collect()
    })
}

/// The zone and the app of a pod that was placed.
struct Placed<'a> {
    pod: &'a Value,
    node: &'a Value,
}

fn zone(node: &Value) -> &str {
    node["metadata"]["labels"]["topology.kubernetes.io/zone"]
        .as_str()
        .unwrap()
}

fn app(pod: &Value) -> &str {
    pod["metadata"]["labels"]["app"].as_str().unwrap()
}

fn has(pod: &Value, kind: &str) -> bool {
    pod["spec"]["affinity"][kind].is_object()
}

/// The rules, read plainly: all pods of these tests have rules about their own app.
fn may(pod: &Value, node: &Value, nodes: &[Value], placed: &[Placed<'_>]) -> bool {
    let cpu = |pod: &Value| Pod::read(pod).request.cpu_milli;
    let here: Vec<&Placed<'_>> = placed
        .iter()
        .filter(|one| one.node["metadata"]["name"] == node["metadata"]["name"])
        .collect();
    let (room, read) = (Node::read(node), Pod::read(pod));
    let used: i64 = here.iter().map(|one| cpu(one.pod)).sum();
    if i64::try_from(here.len()).unwrap() >= room.max_pods
        || (cpu(pod) > 0 && used + cpu(pod) > room.allocatable.cpu_milli)
        || room
            .taints
            .iter()
            .any(|taint| !tolerated(taint, &read.tolerations))
    {
        return false;
    }
    let same = |one: &&Placed<'_>| app(one.pod) == app(pod);
    let near = |one: &&Placed<'_>| zone(one.node) == zone(node);
    let memory: i64 = here
        .iter()
        .map(|one| Pod::read(one.pod).request.memory)
        .sum();
    if memory + read.request.memory > room.allocatable.memory {
        return false;
    }
    let apart = |one: &Placed<'_>| has(pod, "podAntiAffinity") || has(one.pod, "podAntiAffinity");
    if placed.iter().filter(same).filter(near).any(apart) {
        return false;
    }
    if has(pod, "podAffinity")
        && placed.iter().any(|one| same(&one))
        && !placed.iter().filter(same).any(|one| near(&one))
    {
        return false;
    }
    if pod["spec"]["topologySpreadConstraints"].is_array() {
        let count = |zone_of: &str| {
            placed
                .iter()
                .filter(same)
                .filter(|one| zone(one.node) == zone_of)
                .count()
        };
        let least = nodes.iter().map(|node| count(zone(node))).min().unwrap();
        return count(zone(node)) + 1 - least <= 1;
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn decisions_are_those_of_a_plain_reading(nodes in nodes(), pods in pods()) {
        let mut state = state(&nodes, &[]);
        let mut placed: Vec<Placed<'_>> = Vec::new();
        for (start, pod) in pods.iter().enumerate() {
            let found = schedule(&state, &Arc::new(Pod::read(pod)), start);
            let fitting = nodes.iter().filter(|node| may(pod, node, &nodes, &placed));
            let fitting: Vec<&Value> = fitting.collect();
            match found {
                Err(why) => prop_assert!(fitting.is_empty(), "{} {pod}", why.message),
                Ok(decision) => {
                    let named = |node: &&&Value| node["metadata"]["name"] == *decision.node;
                    let node = fitting.iter().find(named);
                    prop_assert!(node.is_some(), "{} {pod}", decision.node);
                    placed.push(Placed { pod, node: node.unwrap() });
                    state.place(&Arc::new(Pod::read(&on(pod.clone(), &decision.node))));
                }
            }
        }
    }
}
