use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::ROWS;
use crate::{Errors, kinds::Kind};

fn kind(name: &str) -> &'static Kind {
    ROWS.iter().find(|kind| kind.kind == name).unwrap()
}

fn check(name: &str, object: Value) -> String {
    let mut object = object;
    object["metadata"]["name"] = "x".into();
    (kind(name).default)(&mut object);
    let mut errors = Errors::default();
    (kind(name).validate)(&object, &mut errors);
    errors.to_string()
}

fn hook() -> Value {
    json!({
        "name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": { "service": { "name": "s", "namespace": "n" } },
        "rules": [{
            "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
            "resources": ["pods"],
        }],
    })
}

#[test]
fn a_webhook_is_filled_in() {
    let mut object = json!({ "webhooks": [hook()] });
    (kind("MutatingWebhookConfiguration").default)(&mut object);
    let hook = &object["webhooks"][0];
    assert_eq!(hook["failurePolicy"], "Fail");
    assert_eq!(hook["matchPolicy"], "Equivalent");
    assert_eq!(hook["timeoutSeconds"], 10);
    assert_eq!(hook["reinvocationPolicy"], "Never");
    assert_eq!(hook["namespaceSelector"], json!({}));
    assert_eq!(hook["rules"][0]["scope"], "*");
    assert_eq!(hook["clientConfig"]["service"]["port"], 443);
}

#[test]
fn a_webhook_says_all_that_is_needed() {
    let name = "ValidatingWebhookConfiguration";
    assert_eq!(check(name, json!({ "webhooks": [hook()] })), "[]");
    let mut bad = hook();
    bad["name"] = "a".into();
    bad["sideEffects"] = Value::Null;
    bad["admissionReviewVersions"] = json!([]);
    bad["clientConfig"] = json!({ "url": "http://a/b" });
    assert_eq!(
        check(name, json!({ "webhooks": [bad] })),
        "[webhooks[0].name: Invalid value: \"a\": should be a domain with at least three segments separated by dots, webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun, webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path], webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1]"
    );
    assert_eq!(
        check(name, json!({ "webhooks": [hook(), hook()] })),
        "webhooks[1].name: Duplicate value: \"a.b.c\""
    );
}

#[test]
fn stars_stand_alone() {
    let mut hook = hook();
    hook["rules"][0]["resources"] = json!(["pods", "*"]);
    hook["rules"][0]["operations"] = json!(["*", "CREATE"]);
    let text = check(
        "ValidatingWebhookConfiguration",
        json!({ "webhooks": [hook] }),
    );
    assert!(
        text.contains("if '*' is present, must not specify other operations"),
        "{text}"
    );
}

#[test]
fn a_policy_is_about_resources() {
    assert_eq!(
        check(
            "ValidatingAdmissionPolicy",
            json!({ "spec": { "validations": [{ "expression": "true" }] } })
        ),
        "spec.matchConstraints: Required value"
    );
    let kind = kind("ValidatingAdmissionPolicy");
    let policy = json!({ "spec": {
        "validations": [{}], "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
    } });
    let cells: Vec<Value> = kind
        .columns
        .iter()
        .map(|column| (column.cell)(&policy, Timestamp::from_secs(0)))
        .collect();
    assert_eq!(cells[1..3], [json!(1), json!("v1/ConfigMap")]);
}
