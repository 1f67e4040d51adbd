use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::admission::{default_storage_class, limit_ranger, priority};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn quota(hard: Value, used: Value) -> [Value; 1] {
    let mut quota = json!({ "metadata": { "name": "q" }, "spec": {}, "status": {} });
    quota["spec"]["hard"] = hard.clone();
    quota["status"]["hard"] = hard;
    quota["status"]["used"] = used;
    [quota]
}

fn pod(resources: Value) -> Value {
    let mut pod = json!({ "spec": { "containers": [{ "name": "web" }] } });
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

#[test]
fn the_third_pod_of_two_is_forbidden() {
    let quotas = quota(json!({ "pods": "2" }), json!({ "pods": "2" }));
    assert_eq!(
        charge_create(&quotas, "", "pods", &pod(json!({})), NOW),
        Err("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2".to_owned())
    );
}

#[test]
fn only_what_is_exceeded_is_told() {
    let hard = json!({ "pods": "5", "requests.cpu": "1" });
    let quotas = quota(hard, json!({ "pods": "1", "requests.cpu": "750m" }));
    let pod = pod(json!({ "requests": { "cpu": "500m" } }));
    assert_eq!(
        charge_create(&quotas, "", "pods", &pod, NOW),
        Err("exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=750m, limited: requests.cpu=1".to_owned())
    );
}

#[test]
fn what_is_charged_is_in_use() {
    let hard = json!({ "pods": "5", "count/pods": "9" });
    let quotas = quota(hard, json!({ "pods": "1", "count/pods": "1" }));
    let charged = charge_create(&quotas, "", "pods", &pod(json!({})), NOW).unwrap();
    let used = json!({ "pods": "2", "count/pods": "2" });
    assert_eq!(charged[0]["status"]["used"], used);
}

#[test]
fn pods_have_to_say_what_a_quota_counts() {
    let hard = json!({ "limits.cpu": "5", "memory": "1Gi" });
    let quotas = quota(hard, json!({ "limits.cpu": "0", "memory": "0" }));
    assert_eq!(
        charge_create(&quotas, "", "pods", &pod(json!({})), NOW),
        Err("failed quota: q: must specify limits.cpu for: web; memory for: web".to_owned())
    );
}

#[test]
fn a_quota_that_was_not_counted_yet_admits_nothing() {
    let quotas = quota(json!({ "services": "5" }), json!({}));
    assert_eq!(
        charge_create(&quotas, "", "services", &json!({}), NOW),
        Err("status unknown for quota: q, resources: services".to_owned())
    );
}

#[test]
fn an_update_counts_what_is_more() {
    let service = |kind: &str| json!({ "spec": { "type": kind, "ports": [{}, {}] } });
    let hard = json!({ "services": "1", "services.nodeports": "2" });
    let quotas = quota(hard, json!({ "services": "1", "services.nodeports": "0" }));
    let (new, old) = (service("NodePort"), service("ClusterIP"));
    let charged = charge_update(&quotas, "", "services", &new, &old, NOW).unwrap();
    let used = json!({ "services": "1", "services.nodeports": "2" });
    assert_eq!(charged[0]["status"]["used"], used);
    let same = charge_update(&quotas, "", "services", &old, &old, NOW);
    assert_eq!(same, Ok(Vec::new()));
}

#[test]
fn scopes_narrow_a_quota() {
    let mut quotas = quota(json!({ "pods": "0" }), json!({ "pods": "0" }));
    quotas[0]["spec"]["scopes"] = json!(["BestEffort"]);
    let modest = pod(json!({ "requests": { "cpu": "1m" } }));
    assert_eq!(
        charge_create(&quotas, "", "pods", &modest, NOW),
        Ok(Vec::new())
    );
    assert!(charge_create(&quotas, "", "pods", &pod(json!({})), NOW).is_err());
}

#[test]
fn claims_count_by_their_class() {
    let name = "fast.storageclass.storage.k8s.io/requests.storage";
    let quotas = quota(json!({ name: "1Gi" }), json!({ name: "0" }));
    let claim = |class: &str| {
        json!({ "spec": { "storageClassName": class,
            "resources": { "requests": { "storage": "2Gi" } } } })
    };
    let plural = "persistentvolumeclaims";
    assert_eq!(
        charge_create(&quotas, "", plural, &claim("slow"), NOW),
        Ok(Vec::new())
    );
    assert!(charge_create(&quotas, "", plural, &claim("fast"), NOW).is_err());
}

#[test]
fn everything_can_be_counted_anew() {
    let hard = json!({ "pods": "5", "count/deployments.apps": "2", "requests.memory": "1Gi" });
    let pod = pod(json!({ "requests": { "memory": "128Mi" } }));
    let mut done = pod.clone();
    done["status"] = json!({ "phase": "Succeeded" });
    let app = json!({});
    let objects = [
        ("", "pods", &pod),
        ("", "pods", &pod),
        ("", "pods", &done),
        ("apps", "deployments", &app),
    ];
    let status = recount(&json!({ "spec": { "hard": hard } }), objects, NOW);
    let used = json!({ "pods": "2", "count/deployments.apps": "1", "requests.memory": "256Mi" });
    assert_eq!(status, json!({ "hard": hard, "used": used }));
}

proptest! {
    #[test]
    fn nothing_panics_whatever_is_there(a in crate::kinds::json(), b in crate::kinds::json()) {
        let all = [a.clone(), b.clone()];
        for plural in ["pods", "services", "persistentvolumeclaims", "secrets"] {
            drop(charge_create(&all, "", plural, &a, NOW));
            drop(charge_update(&all, "", plural, &a, &b, NOW));
            recount(&a, [("", plural, &b)], NOW);
        }
        let mut object = a.clone();
        limit_ranger::default_pod(&mut object, &all);
        drop(limit_ranger::check_pod(&object, &all));
        drop(limit_ranger::check_claim(&object, &all));
        drop(priority::admit_pod(&mut object, &all));
        priority::keep_pod(&mut object, &b);
        drop(priority::check_class(&object, &all));
        default_storage_class::admit_claim(&mut object, &all);
    }
}
