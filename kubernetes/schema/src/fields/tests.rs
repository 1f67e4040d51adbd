use proptest::prelude::*;
use serde_json::json;

use super::*;

fn type_of(group: &str, kind: &str) -> TypeId {
    Schema::builtin().kind(group, "v1", kind).unwrap()
}

fn normal(group: &str, kind: &str, mut object: Value) -> (Result<Vec<String>, String>, Value) {
    let result = normalize(Schema::builtin(), type_of(group, kind), &mut object);
    let result = result
        .map(|unknown| unknown.iter().map(ToString::to_string).collect())
        .map_err(|wrong| wrong.to_string());
    (result, object)
}

#[test]
fn duplicate_fields_are_found_and_the_last_one_counts() {
    let body = br#"{"spec": {"replicas": 1, "replicas": 2, "l": [{"a": 1, "a": 2}]}, "x": 1}"#;
    let (value, found) = read_json(body).unwrap();
    assert_eq!(value["spec"]["replicas"], 2);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            r#"duplicate field "spec.replicas""#,
            r#"duplicate field "spec.l[0].a""#
        ]
    );
    assert!(read_json(b"{} x").is_err());
    assert!(read_json("[".repeat(100_000).as_bytes()).is_err());
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(read_json(deep.as_bytes()).is_ok());
}

#[test]
fn yaml_is_read_as_json() {
    let body =
        b"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: \"1\"\n  1: x\n  b: |\n    y\n  a: '2'\n";
    let (value, found) = read_yaml(body).unwrap();
    assert_eq!(
        value,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "2", "1": "x", "b": "y\n"}})
    );
    assert_eq!(found, [DuplicateField("data.a".to_owned())]);
    assert_eq!(
        read_yaml(b"{\"a\": [1, 2.5, null, true]}").unwrap().0,
        json!({"a": [1, 2.5, null, true]})
    );
    assert_eq!(
        read_yaml(b"a: &x {b: 1}\nc: *x\nd: 012345e\ne: ~\nf: 1.5")
            .unwrap()
            .0,
        json!({"a": {"b": 1}, "c": {"b": 1}, "d": "012345e", "e": null, "f": 1.5})
    );
}

#[test]
fn aliases_do_not_explode() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(10);
        bomb.extend([format!("a{level}: &a{level} [{before}]\n")]);
    }
    assert!(read_yaml(bomb.as_bytes()).is_err());
    assert!(read_yaml("[".repeat(50_000).as_bytes()).is_err());
}

#[test]
fn unknown_fields_are_named_by_their_path() {
    let (result, object) = normal(
        "apps",
        "Deployment",
        json!({"spec": {
            "templat": {},
            "template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "imag": 1}]}},
            "Replicas": 1,
        }}),
    );
    assert_eq!(
        result.unwrap(),
        [
            r#"unknown field "spec.Replicas""#,
            r#"unknown field "spec.templat""#,
            r#"unknown field "spec.template.spec.containers[1].imag""#,
        ]
    );
    assert_eq!(
        object,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}}})
    );
}

#[test]
fn wrong_types_are_named_as_by_go() {
    for (group, kind, object, message) in wrong().into_iter().chain(wrong_texts()) {
        assert_eq!(normal(group, kind, object).0, Err(message.to_owned()));
    }
}

fn wrong() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        (
            "apps",
            "Deployment",
            json!({"spec": {"replicas": "3"}}),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "apps",
            "Deployment",
            json!({"spec": {"replicas": 1.5}}),
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "apps",
            "Deployment",
            json!({"spec": {"template": {"spec": {"containers": [{"env": [{"name": "a", "value": 1}]}]}}}}),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            "",
            "Pod",
            json!({"metadata": {"labels": {"a": 1}}}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            "",
            "Pod",
            json!({"spec": {"restartPolicy": true}}),
            "json: cannot unmarshal bool into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
        ),
        (
            "",
            "Pod",
            json!({"spec": []}),
            "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec",
        ),
        (
            "",
            "Pod",
            json!({"spec": {"containers": {}}}),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "",
            "Pod",
            json!([]),
            "json: cannot unmarshal array into Go value of type v1.Pod",
        ),
    ]
}

/// Types that read themselves.
fn wrong_texts() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        (
            "",
            "Pod",
            json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "x"}}}]}}),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            "",
            "Pod",
            json!({"metadata": {"creationTimestamp": "x"}}),
            "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"",
        ),
        (
            "",
            "Secret",
            json!({"data": {"a": "abc?"}}),
            "illegal base64 data at input byte 3",
        ),
        (
            "",
            "Service",
            json!({"spec": {"ports": [{"targetPort": true}]}}),
            "json: cannot unmarshal bool into Go value of type int32",
        ),
    ]
}

#[test]
fn what_go_would_not_write_is_dropped() {
    let (result, object) = normal(
        "",
        "Pod",
        json!({
            "metadata": {"name": "a", "uid": "", "labels": {}, "creationTimestamp": null, "annotations": null},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "hostNetwork": false,
                "volumes": [],
                "containers": [{
                    "name": "a", "image": "", "resources": {}, "command": [],
                    "ports": [{"containerPort": 0, "hostPort": 0}],
                }],
                "tolerations": [null],
            },
            "status": {},
        }),
    );
    assert_eq!(result, Ok(vec![]));
    assert_eq!(
        object,
        json!({
            "metadata": {"name": "a"},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "a", "resources": {}, "ports": [{"containerPort": 0}]}],
                "tolerations": [{}],
            },
            "status": {},
        })
    );
}

#[test]
fn values_become_canonical() {
    let (result, object) = normal(
        "",
        "Pod",
        json!({
            "metadata": {"creationTimestamp": "2024-01-01T01:00:00.5+01:00"},
            "spec": {"containers": [{"resources": {"limits": {"cpu": 0.5, "memory": " 1024Mi"}, "requests": {"cpu": 1}}}]},
        }),
    );
    assert_eq!(result, Ok(vec![]));
    assert_eq!(
        object["metadata"]["creationTimestamp"],
        "2024-01-01T00:00:00Z"
    );
    assert_eq!(
        object["spec"]["containers"][0]["resources"],
        json!({"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "1"}})
    );
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..100).prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        "[0-9]{0,3}(m|Mi|)".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just("2024-01-01T00:00:00.123456Z".into()),
    ];
    let key = prop_oneof![
        Just("metadata"),
        Just("spec"),
        Just("status"),
        Just("labels"),
        Just("name"),
        Just("containers"),
        Just("resources"),
        Just("limits"),
        Just("cpu"),
        Just("volumes"),
        Just("ports"),
        Just("managedFields"),
        Just("fieldsV1"),
        Just("time"),
        Just("other"),
        Just("creationTimestamp"),
        Just("hostNetwork"),
        Just("priority"),
        Just("emptyDir"),
        Just("livenessProbe"),
        Just("httpGet"),
        Just("port"),
        Just("conditions"),
    ];
    leaf.prop_recursive(7, 80, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pruning_is_done_once(mut object in json()) {
        prop_assume!(object.is_object());
        let id = type_of("", "Pod");
        prune(Schema::builtin(), id, &mut object);
        prop_assert_eq!(check(Schema::builtin(), id, &object), Ok(vec![]));
        let once = object.clone();
        prune(Schema::builtin(), id, &mut object);
        prop_assert_eq!(object, once);
    }

    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..60), text in "[a-c:\\-\\[\\]{}&*!|>'\", \\n]{0,40}") {
        drop(read_json(&body));
        drop(read_yaml(&body));
        drop(read_yaml(text.as_bytes()));
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused_however_deep_it_is() {
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let read = small.spawn(|| {
        for many in [200, 2_000, 20_000, 300_000] {
            let steps = (0..many.min(1500)).map(|depth| " ".repeat(depth) + "a:\n");
            let stairs: String = steps.collect();
            for deep in [
                "[".repeat(many),
                "{".repeat(many),
                "{\"a\":".repeat(many),
                "[a,".repeat(many),
                format!("{}{}", "[".repeat(many), "]".repeat(many)),
                "- ".repeat(many),
                "? ".repeat(many),
                "[? ".repeat(many),
                "!a ".repeat(many),
                "&a ".repeat(many),
                "&a [".repeat(many),
                stairs,
            ] {
                assert!(read_yaml(deep.as_bytes()).is_err(), "{many} {deep:.20}");
                assert!(read_json(deep.as_bytes()).is_err());
            }
        }
    });
    read.unwrap().join().unwrap();
}
