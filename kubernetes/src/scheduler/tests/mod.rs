mod decide;
mod live;
mod naive;
mod preempt;
mod speed;

use std::sync::Arc;

use serde_json::{Value, json};

use super::decide::{Decision, Unschedulable, schedule};
use super::model::{Node, Pod};
use super::state::State;

/// A node with 2 CPUs, 4 GiB and room for 10 pods, in a zone.
fn node(name: &str, zone: &str) -> Value {
    json!({
        "metadata": { "name": name, "labels": {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": zone,
        } },
        "status": { "allocatable": { "cpu": "2", "memory": "4Gi", "pods": "10" } },
    })
}

fn pod(name: &str, spec: Value) -> Value {
    let mut spec = spec;
    if spec["containers"].is_null() {
        spec["containers"] = json!([{}]);
    }
    json!({
        "metadata": {
            "namespace": "default", "name": name, "uid": name,
            "labels": { "app": "web" }, "creationTimestamp": "2024-01-01T00:00:00Z",
        },
        "spec": spec,
    })
}

fn asking(cpu: &str, memory: &str) -> Value {
    json!({ "containers": [{ "resources": { "requests": { "cpu": cpu, "memory": memory } } }] })
}

fn on(mut pod: Value, node: &str) -> Value {
    pod["spec"]["nodeName"] = node.into();
    pod
}

fn state(nodes: &[Value], pods: &[Value]) -> State {
    let mut state = State::default();
    for node in nodes {
        state.put_node(Node::read(node));
    }
    for pod in pods {
        state.place(&Arc::new(Pod::read(pod)));
    }
    state
}

fn decide(state: &State, pod: &Value) -> Result<Decision, Unschedulable> {
    schedule(state, &Arc::new(Pod::read(pod)), 0)
}

fn place(state: &State, pod: &Value) -> String {
    decide(state, pod).map_or_else(|why| why.message, |decision| decision.node)
}
