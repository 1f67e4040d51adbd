use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::controller_revision::CONTROLLER_REVISION;
use super::daemon_set::DAEMON_SET;
use super::deployment::DEPLOYMENT;
use super::replica_set::REPLICA_SET;
use super::stateful_set::STATEFUL_SET;
use crate::kinds::Kind;
use crate::kinds::testing::{cells, invalid, refused, stored_pod_spec, template};

fn stored(kind: &Kind) -> Value {
    let mut object = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": template("web") },
    });
    (kind.default)(&mut object);
    object
}

fn stored_template() -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": stored_pod_spec() })
}

#[test]
fn deployments_are_filled_in_as_by_the_api_server() {
    assert_eq!(
        stored(&DEPLOYMENT)["spec"],
        json!({
            "selector": { "matchLabels": { "app": "web" } },
            "template": stored_template(),
            "replicas": 1,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": "25%", "maxSurge": "25%" },
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        })
    );
}

#[test]
fn the_other_sets_are_filled_in_as_by_the_api_server() {
    let common = json!({
        "selector": { "matchLabels": { "app": "web" } },
        "template": stored_template(),
        "replicas": 1,
    });
    assert_eq!(stored(&REPLICA_SET)["spec"], common);
    let mut daemons = common.clone();
    daemons.as_object_mut().unwrap().remove("replicas");
    daemons["revisionHistoryLimit"] = 10.into();
    daemons["updateStrategy"] = json!({
        "type": "RollingUpdate",
        "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 },
    });
    assert_eq!(stored(&DAEMON_SET)["spec"], daemons);
    let mut states = common;
    states["revisionHistoryLimit"] = 10.into();
    states["serviceName"] = "".into();
    states["podManagementPolicy"] = "OrderedReady".into();
    states["updateStrategy"] =
        json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } });
    states["persistentVolumeClaimRetentionPolicy"] =
        json!({ "whenDeleted": "Retain", "whenScaled": "Retain" });
    assert_eq!(stored(&STATEFUL_SET)["spec"], states);
}

#[test]
fn what_is_filled_in_is_well() {
    for kind in [DEPLOYMENT, REPLICA_SET, DAEMON_SET, STATEFUL_SET] {
        assert_eq!(invalid(&kind, &stored(&kind)), "[]", "{}", kind.kind);
        let object = stored(&kind);
        assert_eq!(refused(&kind, &object, &object), "[]", "{}", kind.kind);
    }
}

#[test]
fn claims_become_volumes_of_their_pods() {
    let mut set = stored(&STATEFUL_SET);
    set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
        json!([{ "name": "data", "mountPath": "/data" }]);
    set["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": { "name": "data" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "8Gi" } },
        },
    }]);
    (STATEFUL_SET.default)(&mut set);
    assert_eq!(
        set["spec"]["volumeClaimTemplates"][0],
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": { "name": "data" },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "8Gi" } },
                "volumeMode": "Filesystem",
            },
            "status": { "phase": "Pending" },
        })
    );
    assert_eq!(invalid(&STATEFUL_SET, &set), "[]");
}

#[test]
fn the_selector_takes_the_template() {
    let mut object = stored(&DEPLOYMENT);
    object["spec"]["template"]["metadata"]["labels"] = json!({ "app": "other" });
    assert_eq!(
        invalid(&DEPLOYMENT, &object),
        "spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`"
    );
    object["spec"]["selector"] = json!({});
    assert_eq!(
        invalid(&DEPLOYMENT, &object),
        "spec.selector: Invalid value: {}: empty selector is invalid for deployment"
    );
    object["spec"].as_object_mut().unwrap().remove("selector");
    assert_eq!(
        invalid(&DEPLOYMENT, &object),
        "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`]"
    );
}

#[test]
fn selectors_never_change() {
    let old = stored(&DEPLOYMENT);
    let mut new = old.clone();
    new["spec"]["selector"]["matchLabels"]["app"] = "x".into();
    let wanted =
        "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"x\"}}: field is immutable";
    for kind in [DEPLOYMENT, REPLICA_SET, DAEMON_SET] {
        assert_eq!(refused(&kind, &new, &old), wanted);
    }
    assert_eq!(
        refused(&STATEFUL_SET, &new, &old),
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    );
    let mut scaled = old.clone();
    scaled["spec"]["replicas"] = 5.into();
    assert_eq!(refused(&STATEFUL_SET, &scaled, &old), "[]");
}

#[test]
fn strategies_are_checked() {
    let check = |strategy: Value| {
        let mut object = stored(&DEPLOYMENT);
        object["spec"]["strategy"] = strategy;
        invalid(&DEPLOYMENT, &object)
    };
    assert_eq!(check(json!({ "type": "Recreate" })), "[]");
    assert_eq!(
        check(json!({ "type": "Recreate", "rollingUpdate": {} })),
        "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
    );
    let rolling = |down: Value, up: Value| {
        check(json!({
            "type": "RollingUpdate",
            "rollingUpdate": { "maxUnavailable": down, "maxSurge": up },
        }))
    };
    assert_eq!(rolling("50%".into(), 0.into()), "[]");
    assert_eq!(
        rolling("0%".into(), 0.into()),
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0"
    );
    assert_eq!(
        rolling("101%".into(), 0.into()),
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"
    );
    assert_eq!(
        rolling((-1).into(), 1.into()),
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"
    );
    assert!(
        rolling("half".into(), 1.into())
            .starts_with("spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"half\": a valid percent string must be")
    );
}

#[test]
fn pods_of_templates_run_for_ever() {
    let mut object = stored(&DEPLOYMENT);
    object["spec"]["template"]["spec"]["restartPolicy"] = "Never".into();
    object["spec"]["replicas"] = (-1).into();
    assert_eq!(
        invalid(&DEPLOYMENT, &object),
        "[spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"]"
    );
}

#[test]
fn daemon_sets_count_their_templates() {
    let key = "deprecated.daemonset.template.generation";
    let mut old = stored(&DAEMON_SET);
    (DAEMON_SET.prepare_create)(&mut old);
    assert_eq!(old["metadata"]["annotations"][key], "1");
    let mut new = old.clone();
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "x".into();
    (DAEMON_SET.prepare_update)(&mut new, &old);
    assert_eq!(new["metadata"]["annotations"][key], "2");
}

#[test]
fn tables_show_what_kubectl_shows() {
    let now = Timestamp::from_secs(3600);
    let with = |kind: &Kind, status: Value| {
        let mut object = stored(kind);
        object["metadata"]["creationTimestamp"] = "1970-01-01T00:30:00Z".into();
        object["status"] = status;
        cells(kind, &object, now)
    };
    assert_eq!(
        with(
            &DEPLOYMENT,
            json!({ "readyReplicas": 1, "updatedReplicas": 2 })
        ),
        json!(["web", "1/1", 2, 0, "30m", "main", "nginx", "app=web"])
    );
    assert_eq!(
        with(&REPLICA_SET, json!({ "replicas": 1 })),
        json!(["web", 1, 1, 0, "30m", "main", "nginx", "app=web"])
    );
    assert_eq!(
        with(&STATEFUL_SET, json!({})),
        json!(["web", "0/1", "30m", "main", "nginx"])
    );
    assert_eq!(
        with(
            &DAEMON_SET,
            json!({ "desiredNumberScheduled": 3, "numberReady": 2 })
        ),
        json!([
            "web", 3, 0, 2, 0, 0, "<none>", "30m", "main", "nginx", "app=web"
        ])
    );
}

#[test]
fn revisions_name_their_controllers() {
    let revision = json!({
        "metadata": {
            "name": "web-1",
            "ownerReferences": [{
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": "web",
                "uid": "1",
                "controller": true,
            }],
        },
        "revision": 2,
        "data": {},
    });
    let now = Timestamp::from_secs(0);
    assert_eq!(
        cells(&CONTROLLER_REVISION, &revision, now),
        json!(["web-1", "statefulset.apps/web", 2, "<unknown>"])
    );
    assert_eq!(invalid(&CONTROLLER_REVISION, &revision), "[]");
    let mut other = revision.clone();
    other["data"] = json!({ "a": 1 });
    assert_eq!(
        refused(&CONTROLLER_REVISION, &other, &revision),
        "data: Invalid value: {\"a\":1}: field is immutable"
    );
}

#[test]
fn scales_are_those_of_their_objects() {
    let mut object = stored(&DEPLOYMENT);
    object["metadata"]["uid"] = "u".into();
    object["status"] = json!({ "replicas": 2 });
    let mut scale = crate::kinds::scale_of(&object);
    assert_eq!(
        scale,
        json!({
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": { "name": "web", "namespace": "default", "uid": "u" },
            "spec": { "replicas": 1 },
            "status": { "replicas": 2, "selector": "app=web" },
        })
    );
    scale["spec"]["replicas"] = 7.into();
    crate::kinds::apply_scale(&mut object, &scale);
    assert_eq!(object["spec"]["replicas"], 7);
}
