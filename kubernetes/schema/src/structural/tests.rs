use serde_json::json;

use super::*;
use crate::fields;

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
                    "replicas": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
                    "size": {"type": "string", "enum": ["small", "large"]},
                    "port": {"x-kubernetes-int-or-string": true},
                    "when": {"type": "string", "format": "date-time", "nullable": true},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "template": {"type": "object", "x-kubernetes-embedded-resource": true,
                        "x-kubernetes-preserve-unknown-fields": true},
                    "ports": {
                        "type": "array",
                        "maxItems": 3,
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string"},
                                "protocol": {"type": "string", "default": "TCP"},
                            },
                        },
                    },
                },
            },
        },
    })
}

fn problems(spec: &Value) -> Vec<String> {
    let object =
        json!({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x"}, "spec": spec});
    validate(&schema(), &object)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn values_are_refused_in_kubernetes_words() {
    for (spec, expected) in [
        (
            json!({"image": "a", "replicas": "x"}),
            r#"spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string""#,
        ),
        (json!({}), "spec.image: Required value"),
        (
            json!({"image": ""}),
            r#"spec.image: Invalid value: "": spec.image in body should be at least 1 chars long"#,
        ),
        (
            json!({"image": "abcdef"}),
            "spec.image: Too long: may not be more than 5 bytes",
        ),
        (
            json!({"image": "A"}),
            r#"spec.image: Invalid value: "A": spec.image in body should match '^[a-z]+$'"#,
        ),
        (
            json!({"image": "a", "replicas": 0}),
            "spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
        ),
        (
            json!({"image": "a", "replicas": 6}),
            "spec.replicas: Invalid value: 6: spec.replicas in body should be less than or equal to 5",
        ),
        (
            json!({"image": "a", "size": "x"}),
            r#"spec.size: Unsupported value: "x": supported values: "small", "large""#,
        ),
        (
            json!({"image": "a", "port": true}),
            r#"spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean""#,
        ),
        (
            json!({"image": "a", "when": "x"}),
            r#"spec.when: Invalid value: "x": spec.when in body must be of type date-time: "x""#,
        ),
        (
            json!({"image": "a", "ports": [{"name": "a"}, {"name": "a"}]}),
            r#"spec.ports[1]: Duplicate value: {"name":"a"}"#,
        ),
        (
            json!({"image": "a", "ports": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}]}),
            "spec.ports: Too many: 4: must have at most 3 items",
        ),
        (
            json!({"image": "a", "ports": [{"name": 1}]}),
            r#"spec.ports[0].name: Invalid value: "integer": spec.ports[0].name in body must be of type string: "integer""#,
        ),
    ] {
        // An emptied text also does not match its pattern.
        assert_eq!(problems(&spec).first().map(String::as_str), Some(expected));
    }
    assert_eq!(
        problems(&json!({"image": "a", "replicas": 2.0, "when": null, "port": "http"})),
        Vec::<String>::new()
    );
}

#[test]
fn junctors_are_checked() {
    let schema = json!({"type": "object", "properties": {"x": {
        "type": "integer", "anyOf": [{"minimum": 5}, {"multipleOf": 2}],
        "oneOf": [{"maximum": 10}, {"minimum": 10}], "not": {"enum": [8]},
    }}});
    let text = |x: i64| -> Vec<String> {
        validate(&schema, &json!({"x": x}))
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(text(6), Vec::<String>::new());
    assert_eq!(
        text(3)[0],
        r#"x: Invalid value: 3: "x" must validate at least one schema (anyOf)"#
    );
    assert_eq!(
        text(10),
        [
            r#"x: Invalid value: 10: "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#
        ]
    );
    assert_eq!(
        text(8),
        [r#"x: Invalid value: 8: "x" must not validate the schema (not)"#]
    );
}

#[test]
fn defaults_are_filled_in_where_their_parents_are() {
    let mut object = json!({"spec": {"replicas": null, "ports": [{"name": "a"}]}});
    default(&schema(), &mut object);
    assert_eq!(
        object,
        json!({"spec": {"replicas": 1, "ports": [{"name": "a", "protocol": "TCP"}]}})
    );
    let once = object.clone();
    default(&schema(), &mut object);
    assert_eq!(object, once);
    let mut empty = json!({});
    default(&schema(), &mut empty);
    assert_eq!(empty, json!({}));
}

#[test]
fn unknown_fields_of_custom_resources_are_pruned() {
    let (types, root) = convert(&schema(), "a.v1.A").unwrap();
    let mut object = json!({
        "apiVersion": "a/v1", "kind": "A",
        "metadata": {"name": "a", "labels": {"a": "b"}, "other": 1, "uid": ""},
        "spec": {
            "replicas": 0, "image": "", "free": {"a": {"b": null}}, "other": 1, "when": null,
            "labels": {"a": "b"}, "ports": [{"name": "a", "x": 1}],
            "template": {"metadata": {"y": 1, "name": "n"}, "any": 1},
        },
    });
    let unknown = fields::normalize(&types, root, &mut object).unwrap();
    let unknown: Vec<&str> = unknown.iter().map(|field| field.0.as_str()).collect();
    assert_eq!(
        unknown,
        [
            "metadata.other",
            "spec.other",
            "spec.ports[0].x",
            "spec.template.metadata.y"
        ]
    );
    assert_eq!(
        object,
        json!({
            "apiVersion": "a/v1", "kind": "A",
            "metadata": {"name": "a", "labels": {"a": "b"}},
            "spec": {
                "replicas": 0, "image": "", "free": {"a": {"b": null}}, "when": null,
                "labels": {"a": "b"}, "ports": [{"name": "a"}],
                "template": {"metadata": {"name": "n"}, "any": 1},
            },
        })
    );
}

#[test]
fn definitions_must_be_structural() {
    let path = "spec.versions[0].schema.openAPIV3Schema";
    let check = |schema: Value| -> Vec<String> {
        let problems = check_definition(&schema, path);
        problems
            .iter()
            .map(|one| one.to_string().replace(path, "S"))
            .collect()
    };
    assert_eq!(check(schema()), Vec::<String>::new());
    assert_eq!(
        check(json!({})),
        ["S.type: Required value: must not be empty at the root"]
    );
    assert_eq!(
        check(json!({"type": "array", "items": {"type": "string"}})),
        [r#"S.type: Invalid value: "array": must be object at the root"#]
    );
    for (property, expected) in [
        (
            json!({}),
            "S.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"type": "array"}),
            "S.properties[a].items: Required value: must be specified",
        ),
        (
            json!({"type": "array", "items": {}}),
            "S.properties[a].items.type: Required value: must not be empty for specified array items",
        ),
        (
            json!({"type": "string", "pattern": "("}),
            "S.properties[a].pattern: Invalid value: \"(\"",
        ),
        (
            json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}}),
            "S.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true",
        ),
        (
            json!({"type": "object", "additionalProperties": false}),
            "S.properties[a].additionalProperties: Forbidden: additionalProperties cannot be set to false",
        ),
        (
            json!({"type": "integer", "default": "x"}),
            "S.properties[a].default: Invalid value: \"string\"",
        ),
        (
            json!({"type": "integer", "anyOf": [{"type": "integer"}]}),
            "S.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({"type": "object", "not": {"properties": {"b": {}}}}),
            "S.properties[a].properties[b]: Required value: because it is defined in S.properties[a].not.properties[b]",
        ),
        (
            json!({"type": "text"}),
            "S.properties[a].type: Unsupported value: \"text\": supported values: \"array\"",
        ),
    ] {
        let found = check(json!({"type": "object", "properties": {"a": property}}));
        assert!(
            found.first().is_some_and(|one| one.starts_with(expected)),
            "{found:?}: {expected}"
        );
    }
    assert!(has_rules(
        &json!({"properties": {"a": {"x-kubernetes-validations": [{"rule": "true"}]}}})
    ));
    assert!(!has_rules(&schema()));
}
