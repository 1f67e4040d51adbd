use super::*;

/// Not a benchmark: it finds what grows with the square of the cluster.
#[test]
fn many_pods_on_many_nodes_are_quick() {
    let nodes: Vec<Value> = (0..200)
        .map(|i| node(&format!("n{i:03}"), &format!("z{}", i % 3)))
        .collect();
    let mut state = state(&nodes, &[]);
    let mut start = 0;
    for i in 0..2000 {
        let mut pod = pod(&format!("p{i}"), asking("100m", "128Mi"));
        pod["metadata"]["ownerReferences"] =
            json!([{ "uid": format!("rs{}", i % 50), "controller": true }]);
        let read = Arc::new(Pod::read(&pod));
        let decision = schedule(&state, &read, start).unwrap();
        start = (start + decision.seen) % nodes.len();
        state.place(&Arc::new(Pod {
            node: decision.node,
            ..Pod::clone(&read)
        }));
    }
    assert!(state.nodes().iter().all(|info| info.pods.len() == 10));
}
