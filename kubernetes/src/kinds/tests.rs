//! What holds for every kind, whatever it is given.
use proptest::prelude::*;
use serde_json::{Map, Value};
use wharf_types::Timestamp;

use super::{KINDS, Kind};
use crate::Errors;

const KEYS: &[&str] = &[
    "metadata",
    "name",
    "spec",
    "status",
    "ports",
    "port",
    "type",
    "webhooks",
    "rules",
    "clientConfig",
    "service",
    "limits",
    "max",
    "min",
    "default",
    "hard",
    "cpu",
    "data",
    "stringData",
    "subsets",
    "addresses",
    "endpoints",
    "names",
    "kind",
    "versions",
    "storage",
    "parameters",
    "clusterIPs",
    "egress",
    "policyTypes",
    "resources",
    "requests",
    "roleRef",
    "subjects",
    "labels",
    "containers",
    "capacity",
    "conditions",
];

const TEXTS: &[&str] = &[
    "LoadBalancer",
    "ExternalName",
    "ClientIP",
    "Container",
    "ServiceAccount",
    "10.0.0.1",
    "10.0.0.0/8",
    "1Gi",
    "https://a/b",
    "kubernetes.io/tls",
    ".spec.replicas",
    "a/b",
    "ü",
    "x",
    "",
];

/// Any JSON, made of the names of fields that kinds look at.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(KEYS);
    let text = prop::sample::select(TEXTS);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 6, move |inner| {
        let pair = (key.clone().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(pair, 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same, mostly with the fields that every object has, so that what looks deep is reached.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let object =
        (any_json(), any_json(), any_json(), any_json()).prop_map(|(meta, spec, status, more)| {
            let mut object = match more {
                Value::Object(more) => more,
                _ => Map::new(),
            };
            object.insert("metadata".to_owned(), meta);
            object.insert("spec".to_owned(), spec);
            object.insert("status".to_owned(), status);
            Value::Object(object)
        });
    prop_oneof![1 => any_json(), 4 => object]
}

fn all() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().flat_map(|rows| rows.iter())
}

proptest! {
    #[test]
    fn defaults_change_nothing_when_run_again(value in json()) {
        for kind in all() {
            let mut once = value.clone();
            (kind.default)(&mut once);
            let mut twice = once.clone();
            (kind.default)(&mut twice);
            prop_assert_eq!(&once, &twice, "{}", kind.kind);
        }
    }

    #[test]
    fn nothing_panics_whatever_is_sent(new in json(), old in json()) {
        let now = Timestamp::from_secs(1_800_000_000);
        for kind in all() {
            let mut object = new.clone();
            (kind.default)(&mut object);
            (kind.prepare_create)(&mut object);
            (kind.prepare_update)(&mut object, &old);
            let mut errors = Errors::default();
            (kind.validate)(&object, &mut errors);
            (kind.validate_update)(&object, &old, &mut errors);
            for column in kind.columns {
                (column.cell)(&object, now);
            }
        }
    }
}

#[test]
fn every_kind_has_names_of_its_own() {
    let mut seen = std::collections::HashSet::new();
    for kind in all() {
        assert!(
            seen.insert((kind.group, kind.version, kind.plural)),
            "{}",
            kind.kind
        );
        assert!(
            kind.schema.ends_with(&format!(".{}", kind.kind)),
            "{}",
            kind.schema
        );
        assert!(
            kind.columns.is_empty() || kind.columns.iter().any(|column| column.format == "name"),
            "{}",
            kind.kind
        );
    }
}
