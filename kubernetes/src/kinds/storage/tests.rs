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

fn cells(name: &str, object: &Value) -> Vec<Value> {
    let columns = kind(name).columns.iter();
    let now = Timestamp::from_secs(0);
    columns.map(|column| (column.cell)(object, now)).collect()
}

#[test]
fn a_class_shows_that_it_is_the_default() {
    let class = json!({
        "metadata": { "name": "gp3", "annotations": {
            "storageclass.kubernetes.io/is-default-class": "true",
        } },
        "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": true,
    });
    assert_eq!(
        cells("StorageClass", &class),
        [
            json!("gp3 (default)"),
            json!("ebs.csi.aws.com"),
            json!("Delete"),
            json!("WaitForFirstConsumer"),
            json!(true),
            json!("<unknown>"),
        ]
    );
}

#[test]
fn a_class_is_never_changed() {
    let old = json!({ "provisioner": "a", "parameters": { "k": "v" }, "reclaimPolicy": "Delete" });
    let new = json!({ "provisioner": "b", "reclaimPolicy": "Retain" });
    let mut errors = Errors::default();
    (kind("StorageClass").validate_update)(&new, &old, &mut errors);
    assert_eq!(
        errors.to_string(),
        "[parameters: Forbidden: updates to parameters are forbidden., provisioner: Forbidden: updates to provisioner are forbidden., reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.]"
    );
    assert_eq!(
        check("StorageClass", json!({})),
        "provisioner: Required value"
    );
}

#[test]
fn a_driver_is_filled_in() {
    let mut driver = json!({ "spec": {} });
    (kind("CSIDriver").default)(&mut driver);
    assert_eq!(
        driver["spec"],
        json!({
            "attachRequired": true, "podInfoOnMount": false, "storageCapacity": false,
            "requiresRepublish": false, "seLinuxMount": false,
            "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
        })
    );
    assert_eq!(
        cells("CSIDriver", &driver)[4..7],
        [json!("<unset>"), json!(false), json!("Persistent")]
    );
}

#[test]
fn an_attachment_has_one_source() {
    let spec = json!({ "attacher": "a.io", "nodeName": "n", "source": {} });
    assert_eq!(
        check("VolumeAttachment", json!({ "spec": spec })),
        "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    );
}

#[test]
fn drivers_of_a_node_are_named_once() {
    let driver = json!({ "name": "a.io", "nodeID": "i-1" });
    let node = json!({ "spec": { "drivers": [driver, driver] } });
    assert_eq!(cells("CSINode", &node)[1], 2);
    assert_eq!(
        check("CSINode", node),
        "spec.drivers[1].name: Duplicate value: \"a.io\""
    );
}
