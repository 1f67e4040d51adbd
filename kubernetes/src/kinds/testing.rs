//! What the tests of several kinds share, and what holds for all kinds.
use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::{KINDS, Kind, SUBRESOURCE_KINDS};
use crate::Errors;

/// What is wrong with an object; `[]` if nothing is.
pub(super) fn invalid(kind: &Kind, object: &Value) -> String {
    let mut errors = Errors::default();
    (kind.validate)(object, &mut errors);
    errors.to_string()
}

/// What is wrong with a change.
pub(super) fn refused(kind: &Kind, new: &Value, old: &Value) -> String {
    let mut errors = Errors::default();
    (kind.validate_update)(new, old, &mut errors);
    errors.to_string()
}

/// The cells of an object's row.
pub(super) fn cells(kind: &Kind, object: &Value, now: Timestamp) -> Value {
    let columns = kind.columns.iter();
    columns.map(|column| (column.cell)(object, now)).collect()
}

/// A pod template with one container.
pub(super) fn template(app: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": app } },
        "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
    })
}

/// The spec of [`template`] as it is stored.
pub(super) fn stored_pod_spec() -> Value {
    json!({
        "containers": [{
            "name": "main",
            "image": "nginx",
            "imagePullPolicy": "Always",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    })
}

/// Names that mean something somewhere, so that arbitrary objects reach deep.
const WORDS: [&str; 78] = [
    "metadata",
    "spec",
    "status",
    "template",
    "jobTemplate",
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
    "volumeMounts",
    "volumeDevices",
    "volumeClaimTemplates",
    "name",
    "image",
    "env",
    "envFrom",
    "valueFrom",
    "fieldRef",
    "resourceFieldRef",
    "divisor",
    "resource",
    "ports",
    "containerPort",
    "hostPort",
    "livenessProbe",
    "httpGet",
    "grpc",
    "lifecycle",
    "preStop",
    "sleep",
    "resources",
    "limits",
    "requests",
    "cpu",
    "memory",
    "securityContext",
    "capabilities",
    "add",
    "seccompProfile",
    "type",
    "selector",
    "matchLabels",
    "matchExpressions",
    "operator",
    "values",
    "key",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "strategy",
    "updateStrategy",
    "rollingUpdate",
    "maxSurge",
    "maxUnavailable",
    "minAvailable",
    "replicas",
    "completions",
    "completionMode",
    "successPolicy",
    "podFailurePolicy",
    "rules",
    "schedule",
    "timeZone",
    "behavior",
    "metrics",
    "scaleUp",
    "policies",
    "target",
    "affinity",
    "podAffinity",
    "tolerations",
    "topologySpreadConstraints",
    "dnsConfig",
    "projected",
    "sources",
    "conditions",
    "containerStatuses",
];

const TEXTS: [&str; 20] = [
    "",
    "a",
    "1",
    "100m",
    "25%",
    "-1",
    "1Gi",
    "In",
    "Indexed",
    "RollingUpdate",
    "Always",
    "True",
    "Resource",
    "cpu",
    "a b",
    "..",
    "/a/../b",
    "* * * * *",
    "2026-01-01T00:00:00Z",
    "é",
];

fn anything() -> impl Strategy<Value = Value> {
    let word = || proptest::sample::select(&WORDS[..]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 128, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..8).prop_map(|entries| {
                let entries = entries.into_iter();
                Value::Object(entries.map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn defaults_change_nothing_when_run_again(object in anything()) {
        for kind in KINDS.iter().flat_map(|rows| rows.iter()) {
            let mut once = object.clone();
            (kind.default)(&mut once);
            let mut twice = once.clone();
            (kind.default)(&mut twice);
            prop_assert_eq!(&once, &twice, "{}", kind.kind);
        }
    }

    #[test]
    fn nothing_panics(new in anything(), old in anything()) {
        for kind in KINDS.iter().flat_map(|rows| rows.iter()).chain(SUBRESOURCE_KINDS) {
            for raw in [false, true] {
                let (mut new, mut old) = (new.clone(), old.clone());
                if !raw {
                    (kind.default)(&mut new);
                    (kind.default)(&mut old);
                    (kind.prepare_create)(&mut old);
                    (kind.prepare_update)(&mut new, &old);
                }
                invalid(kind, &new);
                refused(kind, &new, &old);
                cells(kind, &new, Timestamp::from_secs(1_800_000_000));
            }
        }
        super::horizontal_pod_autoscaler_to_v1(&mut new.clone());
        super::horizontal_pod_autoscaler_to_v2(&mut new.clone());
        super::scale_of(&new);
        super::apply_scale(&mut new.clone(), &old);
        let mut errors = Errors::default();
        super::validate_resize(&new, &old, &mut errors);
        super::validate_ephemeral_containers_update(&new, &old, &mut errors);
    }
}

#[test]
fn every_kind_is_there_once() {
    let mut seen = std::collections::BTreeSet::new();
    for kind in KINDS.iter().flat_map(|rows| rows.iter()) {
        assert!(
            seen.insert((kind.group, kind.version, kind.plural)),
            "{}",
            kind.plural
        );
        // The metrics server leaves it empty.
        if kind.group != "metrics.k8s.io" {
            assert_eq!(kind.singular, kind.kind.to_lowercase());
        }
    }
}
