use super::*;

fn volume(spec: Value) -> String {
    let mut object = json!({});
    object["spec"] = spec;
    check("PersistentVolume", object)
}

#[test]
fn a_volume_has_a_source_a_size_and_modes() {
    let whole = json!({
        "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Gi" },
        "csi": { "driver": "ebs.csi.aws.com", "volumeHandle": "vol-1" },
    });
    assert_eq!(volume(whole), "[]");
    assert_eq!(
        volume(json!({})),
        "[spec.accessModes: Required value, spec.capacity: Required value, spec.capacity: Unsupported value: null: supported values: \"storage\", spec: Required value: must specify a volume type]"
    );
    let two = json!({
        "accessModes": ["Sometimes"], "capacity": { "storage": "1" },
        "hostPath": { "path": "/a" }, "nfs": {},
    });
    assert_eq!(
        volume(two),
        "[spec.accessModes: Unsupported value: \"Sometimes\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\", spec.nfs: Forbidden: may not specify more than 1 volume type]"
    );
}

#[test]
fn the_source_of_a_volume_stays() {
    let of = |path: &str| json!({ "spec": { "hostPath": { "path": path } } });
    let text = change("PersistentVolume", &of("/b"), &of("/a"));
    let wanted = "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n";
    assert!(text.starts_with(wanted), "{text}");
}

#[test]
fn a_claim_asks_for_storage() {
    assert_eq!(
        check("PersistentVolumeClaim", json!({ "spec": {} })),
        "[spec.accessModes: Required value: at least 1 access mode is required, spec.resources[storage]: Required value]"
    );
}

fn claim(size: &str, class: &str, phase: &str) -> Value {
    json!({
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": { "requests": { "storage": size } },
        },
        "status": { "phase": phase, "capacity": { "storage": "1Gi" } },
    })
}

#[test]
fn only_a_bound_claim_grows() {
    let old = claim("1Gi", "gp3", "Bound");
    assert_eq!(
        change("PersistentVolumeClaim", &claim("2Gi", "gp3", "Bound"), &old),
        "[]"
    );
    assert_eq!(
        change(
            "PersistentVolumeClaim",
            &claim("512Mi", "gp3", "Bound"),
            &old
        ),
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    );
    for new in [claim("1Gi", "gp2", "Bound"), claim("2Gi", "gp3", "Pending")] {
        let text = change("PersistentVolumeClaim", &new, &old);
        let wanted = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n";
        assert!(text.starts_with(wanted), "{text}");
    }
}

#[test]
fn a_volume_is_bound_to_a_claim_once() {
    let old = claim("1Gi", "gp3", "Pending");
    let mut new = old.clone();
    new["spec"]["volumeName"] = "v".into();
    assert_eq!(change("PersistentVolumeClaim", &new, &old), "[]");
    assert!(change("PersistentVolumeClaim", &old, &new).starts_with("spec: Forbidden"));
}

#[test]
fn both_forms_of_a_source_say_the_same() {
    let source = json!({ "kind": "PersistentVolumeClaim", "name": "a" });
    let mut claim = json!({ "spec": { "dataSource": source } });
    (kind("PersistentVolumeClaim").prepare_create)(&mut claim);
    assert_eq!(claim["spec"]["dataSourceRef"], source);
    let mut claim = json!({ "spec": { "dataSource": { "kind": "Odd", "name": "a" } } });
    (kind("PersistentVolumeClaim").prepare_create)(&mut claim);
    assert_eq!(claim["spec"], json!({}));
    assert_eq!(claim["status"], json!({ "phase": "Pending" }));
}
