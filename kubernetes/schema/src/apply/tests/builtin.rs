//! With Kubernetes' own types: the ownership that a cluster records.
use serde_json::json;

use super::*;

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}, "uid": "1"},
        "spec": {
            "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{
                        "image": "nginx", "imagePullPolicy": "Always", "name": "nginx",
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "resources": {}, "terminationMessagePath": "/dev/termination-log",
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
                },
            },
        },
    })
}

fn deployments(manager: &'static str, minute: i64) -> (&'static Schema, TypeId, Change<'static>) {
    let schema = Schema::builtin();
    let id = schema.kind("apps", "v1", "Deployment").unwrap();
    let change = Change {
        version: "apps/v1",
        ..change(manager, minute)
    };
    (schema, id, change)
}

fn fields(object: &Value, entry: usize) -> &Value {
    &object["metadata"]["managedFields"][entry]["fieldsV1"]
}

#[test]
fn a_created_deployment_is_owned_as_in_a_cluster() {
    let (schema, id, change) = deployments("kubectl-create", 0);
    let mut new = deployment();
    update(schema, id, None, &mut new, &change);
    assert_eq!(
        fields(&new, 0),
        &json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:revisionHistoryLimit": {},
                "f:selector": {},
                "f:strategy": {
                    "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
                    "f:type": {},
                },
                "f:template": {
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {
                        "f:containers": {"k:{\"name\":\"nginx\"}": {
                            ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                            "f:ports": {
                                ".": {},
                                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                                    ".": {}, "f:containerPort": {}, "f:protocol": {},
                                },
                            },
                            "f:resources": {}, "f:terminationMessagePath": {},
                        }},
                        "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:securityContext": {},
                    },
                },
            },
        })
    );
}

#[test]
fn an_applied_deployment_and_its_status_have_owners_of_their_own() {
    let (schema, id, kubectl) = deployments("kubectl", 1);
    let applied = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "creationTimestamp": null},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "nginx", "image": "nginx", "ports": [{"containerPort": 80}], "resources": {}},
        ]}}},
        "status": {},
    });
    let ignored = [Path::fields(&["status"])];
    let kubectl = Change {
        ignored: &ignored,
        ..kubectl
    };
    let live = apply(schema, id, None, &applied, &kubectl, false).unwrap();
    assert_eq!(
        fields(&live, 0),
        &json!({
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"nginx\"}": {
                    ".": {}, "f:image": {}, "f:name": {}, "f:resources": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                },
            }}}},
        })
    );
    let mut with_status = live.clone();
    with_status["status"] = json!({
        "replicas": 1,
        "conditions": [{"type": "Available", "status": "True"}],
    });
    let (.., controller) = deployments("kube-controller-manager", 2);
    let controller = Change {
        subresource: "status",
        ..controller
    };
    update(schema, id, Some(&live), &mut with_status, &controller);
    assert_eq!(
        with_status["metadata"]["managedFields"][1],
        json!({
            "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
            "time": with_status["metadata"]["managedFields"][1]["time"],
            "fieldsType": "FieldsV1", "subresource": "status",
            "fieldsV1": {"f:status": {
                "f:conditions": {".": {}, "k:{\"type\":\"Available\"}": {".": {}, "f:status": {}, "f:type": {}}},
                "f:replicas": {},
            }},
        })
    );
    let same = apply(schema, id, Some(&with_status), &applied, &kubectl, false).unwrap();
    assert_eq!(same, with_status);
}

/// As the field manager of apimachinery 0.34 does it with the same objects.
#[test]
fn who_first_wrote_a_map_owns_it_even_when_nothing_is_left_in_it() {
    let schema = Schema::builtin();
    let id = schema.kind("", "v1", "ConfigMap").unwrap();
    let by = |manager| Change {
        version: "v1",
        ..change(manager, 0)
    };
    let map = |data: Value| {
        let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        if !data.is_null() {
            map["data"] = data;
        }
        map
    };
    let mut live = map(json!({"f0": "new"}));
    update(schema, id, None, &mut live, &by("unknown"));
    let one = map(json!({"a": "1"}));
    let live = apply(schema, id, Some(&live), &one, &by("m1"), false).unwrap();
    let mut rest = live.clone();
    rest["data"] = json!({"a": "1"});
    update(schema, id, Some(&live), &mut rest, &by("other"));
    let live = apply(schema, id, Some(&rest), &map(Value::Null), &by("m1"), false).unwrap();
    assert_eq!(live["data"], Value::Null);
    assert_eq!(fields(&live, 0), &json!({"f:data": {}}));
    let again = map(json!({"b": "1"}));
    let refused = apply(schema, id, Some(&live), &again, &by("m0"), false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Apply failed with 1 conflict: conflict with \"unknown\" using v1: .data"
    );
}

#[test]
fn what_kubectl_set_image_and_rollout_restart_send_is_merged() {
    let (schema, id, _) = deployments("kubectl-set", 0);
    let mut object = deployment();
    let patch = json!({"spec": {"template": {"spec": {
        "$setElementOrder/containers": [{"name": "nginx"}],
        "containers": [{"image": "nginx:2", "name": "nginx"}],
    }}}});
    crate::patch::strategic(schema, id, &mut object, &patch).unwrap();
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    crate::patch::strategic(schema, id, &mut object, &patch).unwrap();
    let mut expected = deployment();
    expected["spec"]["template"]["spec"]["containers"][0]["image"] = json!("nginx:2");
    expected["spec"]["template"]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/restartedAt": "now"});
    assert_eq!(object, expected);
    let error = crate::patch::strategic(
        schema,
        id,
        &mut object,
        &json!({"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "map: map[image:x] does not contain declared merge key: name"
    );
    let error = crate::patch::strategic(
        schema,
        id,
        &mut object,
        &json!({"spec": {"$setElementOrder/things": []}}),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "unable to find api field in struct DeploymentSpec for the json field \"things\""
    );
}
