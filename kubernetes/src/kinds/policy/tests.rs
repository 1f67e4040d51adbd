use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::pod_disruption_budget::POD_DISRUPTION_BUDGET as PDB;
use crate::kinds::testing::{cells, invalid};

fn budget(spec: &Value) -> Value {
    let mut object = json!({ "metadata": { "name": "web", "namespace": "default" }, "spec": spec });
    (PDB.prepare_create)(&mut object);
    object
}

#[test]
fn budgets_have_one_bound() {
    let both = budget(&json!({ "minAvailable": 1, "maxUnavailable": "50%" }));
    assert_eq!(
        invalid(&PDB, &both),
        "spec: Invalid value: {\"maxUnavailable\":\"50%\",\"minAvailable\":1}: minAvailable and maxUnavailable cannot be both set"
    );
    assert_eq!(
        invalid(&PDB, &budget(&json!({ "minAvailable": "150%" }))),
        "spec.minAvailable: Invalid value: \"150%\": must not be greater than 100%"
    );
    assert_eq!(
        invalid(
            &PDB,
            &budget(&json!({ "unhealthyPodEvictionPolicy": "Never" }))
        ),
        "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\""
    );
}

#[test]
fn budgets_show_what_they_allow() {
    let object = budget(&json!({ "minAvailable": 1 }));
    assert_eq!(
        cells(&PDB, &object, Timestamp::from_secs(0)),
        json!(["web", "1", "N/A", 0, "<unknown>"])
    );
}
