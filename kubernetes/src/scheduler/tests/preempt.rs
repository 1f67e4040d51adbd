use super::*;
use crate::scheduler::preempt::{Room, preempt};
use crate::scheduler::state::{NodeInfo, budget_of};

fn with_priority(mut pod: Value, priority: i64) -> Value {
    pod["spec"]["priority"] = priority.into();
    pod
}

fn room(state: &mut State, pod: &Value) -> Result<Room, String> {
    let pod = Arc::new(Pod::read(pod));
    let why = schedule(state, &pod, 0).unwrap_err();
    preempt(state, &pod, &why)
}

fn names(room: &Room) -> Vec<&str> {
    room.victims.iter().map(|pod| pod.name.as_str()).collect()
}

#[test]
fn nobody_goes_for_nothing() {
    let mut tainted = node("b", "z");
    tainted["spec"]["taints"] = json!([{ "key": "k", "effect": "NoSchedule" }]);
    let there = [on(pod("x", asking("1500m", "1Gi")), "a")];
    let mut here = state(&[node("a", "z"), tainted], &there);
    assert_eq!(
        room(&mut here, &pod("p", asking("1", "1Gi"))).unwrap_err(),
        "preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    );
    let mut polite = with_priority(pod("p", asking("1", "1Gi")), 10);
    polite["spec"]["preemptionPolicy"] = "Never".into();
    assert_eq!(
        room(&mut here, &polite).unwrap_err(),
        "preemption: not eligible due to preemptionPolicy=Never."
    );
}

#[test]
fn only_those_go_who_must() {
    let there = [
        on(with_priority(pod("low", asking("1", "1Gi")), 1), "a"),
        on(with_priority(pod("mid", asking("900m", "1Gi")), 5), "a"),
        on(with_priority(pod("more", asking("1900m", "1Gi")), 6), "b"),
    ];
    let mut here = state(&[node("a", "z"), node("b", "z")], &there);
    let sums = |state: &State| -> Vec<_> {
        state
            .nodes()
            .iter()
            .map(|info: &NodeInfo| (info.used.clone(), info.pods.len()))
            .collect()
    };
    let before = sums(&here);
    let found = room(&mut here, &with_priority(pod("p", asking("1", "1Gi")), 10)).unwrap();
    assert_eq!((found.node.as_str(), names(&found)), ("a", vec!["low"]));
    assert_eq!(sums(&here), before, "trying changes nothing");
}

#[test]
fn budgets_are_kept_where_there_is_a_choice() {
    let there = [
        on(with_priority(pod("kept", asking("2", "1Gi")), 1), "a"),
        on(with_priority(pod("free", asking("2", "1Gi")), 2), "b"),
    ];
    let mut here = state(&[node("a", "z"), node("b", "z")], &there);
    let mut labelled = Pod::read(&there[0]);
    labelled.labels.insert("db".to_owned(), "1".to_owned());
    here.place(&Arc::new(labelled));
    let budget = json!({
        "metadata": { "namespace": "default" },
        "spec": { "selector": { "matchLabels": { "db": "1" } } },
        "status": { "disruptionsAllowed": 0 },
    });
    let key = ("default".to_owned(), "db".to_owned());
    here.budgets.insert(key, budget_of(&budget));
    let found = room(&mut here, &with_priority(pod("p", asking("1", "1Gi")), 10)).unwrap();
    assert_eq!(names(&found), ["free"]);
}
