//! Cases of the plugins of kube-scheduler, in its words.
use super::*;
use crate::scheduler::model::{Claim, StorageClass, Volume};

#[test]
fn without_nodes_there_is_nothing_to_say_of_them() {
    let wanted = "no nodes available to schedule pods";
    assert_eq!(place(&State::default(), &pod("a", json!({}))), wanted);
}

#[test]
fn nodes_are_counted_by_what_they_lack() {
    let mut tainted = node("b", "z1");
    tainted["spec"]["taints"] = json!([
        { "key": "eks.amazonaws.com/compute-type", "value": "fargate", "effect": "NoSchedule" },
    ]);
    let mut cordoned = node("c", "z1");
    cordoned["spec"]["unschedulable"] = true.into();
    let state = state(&[node("a", "z1"), tainted, cordoned], &[]);
    assert_eq!(
        place(&state, &pod("p", asking("3", "1Gi"))),
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {eks.amazonaws.com/compute-type: fargate}, 1 node(s) were unschedulable."
    );
    assert_eq!(
        place(&state, &pod("p", asking("3", "5Gi"))),
        "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had untolerated taint {eks.amazonaws.com/compute-type: fargate}, 1 node(s) were unschedulable."
    );
    assert_eq!(place(&state, &pod("p", asking("1", "1Gi"))), "a");
    let tolerant = json!({ "tolerations": [{ "operator": "Exists" }], "nodeName": "c" });
    assert_eq!(place(&state, &pod("p", tolerant)), "c");
}

#[test]
fn requests_are_those_of_the_start_and_the_run_with_overhead() {
    let one = |cpu: &str| json!({ "resources": { "requests": { "cpu": cpu } } });
    let here = state(&[node("a", "z")], &[]);
    let start = json!({ "containers": [one("1")], "initContainers": [one("3")] });
    let lacks = "0/1 nodes are available: 1 Insufficient cpu.";
    assert_eq!(place(&here, &pod("p", start)), lacks);
    let heavy = json!({ "containers": [one("1500m")], "overhead": { "cpu": "600m" } });
    assert_eq!(place(&here, &pod("p", heavy)), lacks);
    let gpu = json!({ "containers": [{ "resources": { "requests": { "nvidia.com/gpu": "1" } } }] });
    assert_eq!(
        place(&here, &pod("p", gpu)),
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    );
    let many: Vec<Value> = (0..10)
        .map(|i| on(pod(&format!("p{i}"), json!({})), "a"))
        .collect();
    let full = state(&[node("a", "z")], &many);
    assert_eq!(
        place(&full, &pod("p", json!({}))),
        "0/1 nodes are available: 1 Too many pods."
    );
}

#[test]
fn labels_of_nodes_are_matched() {
    let state = state(&[node("a", "z1"), node("b", "z2")], &[]);
    let selected = json!({ "nodeSelector": { "topology.kubernetes.io/zone": "z2" } });
    assert_eq!(place(&state, &pod("p", selected)), "b");
    let nowhere = json!({ "nodeSelector": { "topology.kubernetes.io/zone": "z3" } });
    assert_eq!(
        place(&state, &pod("p", nowhere)),
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    );
    let terms = |expression: Value| {
        json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchExpressions": [expression] }],
        } } } })
    };
    let not =
        json!({ "key": "topology.kubernetes.io/zone", "operator": "NotIn", "values": ["z1"] });
    assert_eq!(place(&state, &pod("p", terms(not))), "b");
    let wish = json!({ "affinity": { "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [
        { "weight": 10, "preference": { "matchExpressions": [
            { "key": "kubernetes.io/hostname", "operator": "In", "values": ["b"] },
        ] } },
    ] } } });
    assert_eq!(place(&state, &pod("p", wish)), "b");
}

#[test]
fn ports_of_the_host_are_taken_once() {
    let port = |address: &str| json!({ "containers": [{ "ports": [{ "containerPort": 80, "hostPort": 80, "hostIP": address }] }] });
    let here = state(&[node("a", "z")], &[on(pod("x", port("")), "a")]);
    assert_eq!(
        place(&here, &pod("p", port("127.0.0.1"))),
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    );
    let here = state(&[node("a", "z")], &[on(pod("x", port("127.0.0.1")), "a")]);
    assert_eq!(place(&here, &pod("p", port("127.0.0.2"))), "a");
}

#[test]
fn pods_keep_apart_or_together() {
    let term = json!({ "labelSelector": { "matchLabels": { "app": "web" } }, "topologyKey": "topology.kubernetes.io/zone" });
    let rule = |kind: &str| json!({ "affinity": { kind: { "requiredDuringSchedulingIgnoredDuringExecution": [term] } } });
    let nodes = [node("a", "z1"), node("b", "z2")];
    let apart = rule("podAntiAffinity");
    let here = state(&nodes, &[on(pod("x", json!({})), "a")]);
    assert_eq!(place(&here, &pod("p", apart.clone())), "b");
    let both = [on(pod("x", json!({})), "a"), on(pod("y", json!({})), "b")];
    assert_eq!(
        place(&state(&nodes, &both), &pod("p", apart.clone())),
        "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules."
    );
    let here = state(&nodes[..1], &[on(pod("x", apart), "a")]);
    assert_eq!(
        place(&here, &pod("p", json!({}))),
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."
    );
    let together = rule("podAffinity");
    let here = state(&nodes, &[on(pod("x", json!({})), "b")]);
    assert_eq!(place(&here, &pod("p", together.clone())), "b");
    // The first of its kind may go anywhere; one that is not of the kind may not.
    let empty = state(&nodes, &[]);
    assert_eq!(place(&empty, &pod("p", together.clone())), "a");
    let mut stranger = pod("p", together);
    stranger["metadata"]["labels"] = json!({ "app": "other" });
    assert_eq!(
        place(&empty, &stranger),
        "0/2 nodes are available: 2 node(s) didn't match pod affinity rules."
    );
}

#[test]
fn pods_are_spread() {
    let spread = |min: Option<i64>| {
        json!({ "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "minDomains": min,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "app": "web" } },
        }] })
    };
    let nodes = [node("a", "z1"), node("b", "z2")];
    let here = state(&nodes, &[on(pod("x", json!({})), "a")]);
    assert_eq!(place(&here, &pod("p", spread(None))), "b");
    let both = [on(pod("x", json!({})), "a"), on(pod("y", json!({})), "b")];
    assert_eq!(
        place(&state(&nodes, &both), &pod("p", spread(Some(3)))),
        "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints."
    );
    let mut bare = node("c", "z");
    bare["metadata"]["labels"] = json!({});
    assert_eq!(
        place(&state(&[bare], &[]), &pod("p", spread(None))),
        "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label)."
    );
}

#[test]
fn replicas_go_to_different_nodes() {
    let nodes = [node("a", "z1"), node("b", "z2"), node("c", "z3")];
    let mut state = state(&nodes, &[]);
    for i in 0..6 {
        let mut replica = pod(&format!("p{i}"), json!({}));
        replica["metadata"]["ownerReferences"] = json!([{ "uid": "rs", "controller": true }]);
        let node = place(&state, &replica);
        state.place(&Arc::new(Pod::read(&on(replica, &node))));
    }
    assert!(state.nodes().iter().all(|info| info.pods.len() == 2));
}

#[test]
fn claims_decide_where_a_pod_can_go() {
    let claiming =
        json!({ "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }] });
    let mut here = state(&[node("a", "z1"), node("b", "z2")], &[]);
    let said = |state: &State| place(state, &pod("p", claiming.clone()));
    assert_eq!(
        said(&here),
        "0/2 nodes are available: persistentvolumeclaim \"data\" not found."
    );
    let key = ("default".to_owned(), "data".to_owned());
    let claim = |volume: &str| {
        Claim::read(&json!({
            "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } },
            "spec": {
                "volumeName": volume, "storageClassName": "gp2", "accessModes": ["ReadWriteOnce"],
            },
        }))
    };
    here.claims.insert(key.clone(), claim(""));
    assert_eq!(
        said(&here),
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    );
    let delayed =
        json!({ "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer" });
    here.classes
        .insert("gp2".to_owned(), StorageClass::read(&delayed));
    assert_eq!(said(&here), "a");
    here.claims.insert(key, claim("pv"));
    assert_eq!(
        said(&here),
        "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)."
    );
    let volume = json!({
        "metadata": { "name": "pv" },
        "spec": { "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
            { "key": "topology.kubernetes.io/zone", "operator": "In", "values": ["z2"] },
        ] }] } } },
    });
    here.volumes.insert("pv".to_owned(), Volume::read(&volume));
    assert_eq!(said(&here), "b");
}

#[test]
fn a_pod_of_a_daemon_set_goes_to_its_node() {
    let here = state(&[node("a", "z"), node("b", "z"), node("c", "z")], &[]);
    let to = |cpu: &str, names: &[&str]| {
        let fields = names
            .iter()
            .map(|name| json!({ "key": "metadata.name", "operator": "In", "values": [name] }));
        let fields: Vec<Value> = fields.collect();
        let mut spec = asking(cpu, "1Gi");
        spec["affinity"] = json!({ "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{ "matchFields": fields }],
            },
        } });
        pod("p", spec)
    };
    assert_eq!(place(&here, &to("1", &["b"])), "b");
    assert_eq!(
        place(&here, &to("3", &["b"])),
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    );
    assert_eq!(
        place(&here, &to("1", &["a", "b"])),
        "0/3 nodes are available: pod affinity terms conflict."
    );
}
