//! Pods that ask for something of this computer.
use super::*;

/// The waiting container of a pod that is refused.
async fn refused(s: &Story, pod: Value) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
    s.create(pod).await;
    let pod = s
        .until(&name, |pod| waiting(pod) == "CreateContainerConfigError")
        .await;
    assert_eq!(pod["status"]["phase"], "Pending");
    let state = &pod["status"]["containerStatuses"][0]["state"];
    state["waiting"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_privileged_pod_waits_and_says_why() {
    let s = Story::new().await;
    let mut a = pod("a");
    a["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    let message = refused(&s, a).await;
    let wanted = "wharf refuses spec.containers[0].securityContext.privileged: a privileged container could do anything to this computer";
    assert_eq!(message, wanted);
    let told = s.events("a", &["Failed"]).await;
    assert_eq!(told, [format!("Error: {wanted}")]);
    let a = s.until("a", |_| true).await;
    assert!(a["status"]["podIP"].is_null());
}

#[tokio::test]
async fn an_ephemeral_container_is_refused_by_itself() {
    let s = Story::new().await;
    s.create(pod("a")).await;
    s.until("a", is_running).await;
    let add = |pod: &mut Value| {
        pod["spec"]["ephemeralContainers"] = json!([
            { "name": "good", "image": "busybox" },
            { "name": "bad", "image": "busybox", "securityContext": { "privileged": true } },
        ]);
        Ok(())
    };
    let by = &s.test.by;
    let cluster = &s.test.cluster;
    cluster
        .modify("pods", "default", "a", Part::EphemeralContainers, by, add)
        .await
        .unwrap();
    let a = s
        .until("a", |a| {
            !a["status"]["ephemeralContainerStatuses"].is_null()
        })
        .await;
    let list = &a["status"]["ephemeralContainerStatuses"];
    assert!(!list[0]["state"]["running"].is_null(), "{list:#}");
    assert_eq!(
        list[1]["state"]["waiting"]["reason"],
        "CreateContainerConfigError"
    );
    assert_eq!(a["status"]["phase"], "Running");
}

#[tokio::test]
async fn a_pod_that_gets_an_impossible_image_later_stops() {
    let s = Story::new().await;
    s.create(pod("a")).await;
    s.until("a", is_running).await;
    let change = |pod: &mut Value| {
        pod["spec"]["containers"][0]["image"] = "--privileged".into();
        Ok(())
    };
    let by = &s.test.by;
    let cluster = &s.test.cluster;
    cluster
        .modify("pods", "default", "a", Part::Main, by, change)
        .await
        .unwrap();
    let a = s.until("a", |a| waiting(a) == "InvalidImageName").await;
    let ready = &a["status"]["conditions"][2];
    assert_eq!(
        (&ready["type"], &ready["status"]),
        (&json!("Ready"), &json!("False"))
    );
    assert_eq!(ready["message"], "containers with unready status: [c]");
}
