//! Why there is no log, in the words of `validateContainerLogStatus` of the kubelet.
use super::*;

async fn refusal(s: &Story, status: Value, previous: bool) -> Option<String> {
    let change = |pod: &mut Value| {
        pod["status"]["containerStatuses"] = status.clone();
        Ok(())
    };
    let by = &s.test.by;
    let cluster = &s.test.cluster;
    let changed = cluster.modify("pods", "default", "a", Part::Status, by, change);
    changed.await.unwrap();
    let query = LogQuery::default();
    let log = s.kubelet.logs("default", "a", "c", previous, query).await;
    log.err().map(|status| {
        assert_eq!(status.code.as_u16(), 400);
        status.message
    })
}

#[tokio::test]
async fn logs_of_containers_that_do_not_run() {
    let mut s = Story::new().await;
    // Nobody else writes the status.
    s.tasks.shutdown().await;
    s.create(pod("a")).await;
    let ended = json!({ "terminated": { "exitCode": 1, "containerID": "containerd://1" } });
    let waits = |reason: &str| json!({ "waiting": { "reason": reason } });
    let of =
        |state: &Value, last: &Value| json!([{ "name": "c", "state": state, "lastState": last }]);
    let none = json!({});
    let rows = [
        (json!([]), false, Some("is not available")),
        (
            of(&waits("ContainerCreating"), &none),
            false,
            Some("is waiting to start: ContainerCreating"),
        ),
        (
            of(&waits("ErrImagePull"), &none),
            false,
            Some("is waiting to start: image can't be pulled"),
        ),
        (
            of(&waits("ImagePullBackOff"), &none),
            false,
            Some("is waiting to start: trying and failing to pull image"),
        ),
        (
            of(&none, &none),
            false,
            Some("is waiting to start - no logs yet"),
        ),
        (of(&waits("CrashLoopBackOff"), &ended), false, None),
        (of(&waits("CrashLoopBackOff"), &ended), true, None),
        (of(&json!({ "running": {} }), &ended), true, None),
        (of(&ended, &none), false, None),
    ];
    for (status, previous, wanted) in rows {
        let wanted = wanted.map(|why| format!("container \"c\" in pod \"a\" {why}"));
        assert_eq!(refusal(&s, status, previous).await, wanted);
    }
    let status = of(&json!({ "running": {} }), &none);
    assert_eq!(
        refusal(&s, status, true).await.unwrap(),
        "previous terminated container \"c\" in pod \"a\" not found"
    );
}

#[tokio::test]
async fn a_pod_without_a_node_has_written_nothing() {
    let s = Story::new().await;
    let mut a = pod("a");
    a["spec"]["nodeName"] = Value::Null;
    s.create(a).await;
    let query = LogQuery::default();
    let log = s.kubelet.logs("default", "a", "", false, query).await;
    assert!(log.unwrap().is_none());
    let refused = s.kubelet.door("default", "a", "").unwrap_err();
    assert_eq!(refused.message, "pod a does not have a host assigned");
}
