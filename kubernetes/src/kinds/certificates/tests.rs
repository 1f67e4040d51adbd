use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::ROWS;
use crate::Errors;

/// `-----BEGIN CERTIFICATE REQUEST-----` in base64.
const PEM: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0=";

fn request(spec: Value) -> Value {
    let mut object = json!({ "metadata": { "name": "x" } });
    object["spec"] = spec;
    object["spec"]["request"] = PEM.into();
    object
}

fn check(spec: Value) -> String {
    let mut errors = Errors::default();
    (ROWS[0].validate)(&request(spec), &mut errors);
    errors.to_string()
}

#[test]
fn a_request_names_a_signer_and_usages() {
    let spec = json!({
        "usages": ["client auth"], "signerName": "kubernetes.io/kube-apiserver-client",
    });
    assert_eq!(check(spec), "[]");
    let spec = json!({ "usages": ["any"], "signerName": "mine", "expirationSeconds": 60 });
    assert_eq!(
        check(spec),
        "[spec.signerName: Invalid value: \"mine\": must be a fully qualified domain and path of the form 'example.com/signer-name', spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)]"
    );
}

#[test]
fn a_new_request_is_nobodys_and_undecided() {
    let mut object = request(json!({ "username": "eve", "groups": ["system:masters"] }));
    object["status"] = json!({ "conditions": [{ "type": "Approved" }] });
    (ROWS[0].prepare_create)(&mut object);
    assert_eq!(object["spec"], json!({ "request": PEM }));
    assert_eq!(object["status"], json!({}));
}

#[test]
fn what_is_decided_stays_so() {
    let mut errors = Errors::default();
    let old = json!({ "status": { "conditions": [{ "type": "Approved", "status": "True" }] } });
    (ROWS[0].validate_update)(&json!({}), &old, &mut errors);
    assert_eq!(
        errors.to_string(),
        "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\""
    );
}

#[test]
fn a_request_shows_what_became_of_it() {
    let cells = |object: &Value| -> Vec<Value> {
        let columns = ROWS[0].columns.iter();
        let now = Timestamp::from_secs(0);
        columns.map(|column| (column.cell)(object, now)).collect()
    };
    let object = json!({
        "metadata": { "name": "x" },
        "spec": { "username": "eve", "expirationSeconds": 86400 },
        "status": { "conditions": [{ "type": "Approved" }], "certificate": "eA==" },
    });
    let wanted = ["x", "<unknown>", "<none>", "eve", "24h", "Approved,Issued"];
    assert_eq!(cells(&object), wanted);
    assert_eq!(cells(&json!({}))[5], "Pending");
}
