use super::*;
use crate::proto::reader::{Reader, Wire};

fn pods() -> Resource {
    Resource {
        kind: "Pod".into(),
        plural: "pods".into(),
        namespaced: true,
        verbs: [
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ]
        .map(str::to_owned)
        .to_vec(),
        subresources: vec![Subresource {
            name: "eviction".into(),
            verbs: vec!["create".into()],
            group: "policy".into(),
            version: "v1".into(),
            kind: "Eviction".into(),
            type_name: Some("io.k8s.api.policy.v1.Eviction".into()),
        }],
        source: Source::Table("io.k8s.api.core.v1.Pod".into()),
    }
}

/// Every reference of a document leads somewhere.
fn assert_closed(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(to)) = map.get("$ref") {
                let found = document.pointer(to.strip_prefix('#').unwrap());
                assert!(found.is_some_and(Value::is_object), "{to}");
            }
            map.values()
                .for_each(|value| assert_closed(document, value));
        }
        Value::Array(list) => list.iter().for_each(|value| assert_closed(document, value)),
        _ => {}
    }
}

#[test]
fn documents_are_as_kubernetes_prints_them() {
    let document = document(Schema::builtin(), "", "v1", &[pods()]);
    assert_closed(&document, &document);
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["io.k8s.api.core.v1.Container"]["properties"]["ports"],
        json!({
            "type": "array",
            "items": {"allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.ContainerPort"}], "default": {}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
            "x-kubernetes-patch-merge-key": "containerPort",
            "x-kubernetes-patch-strategy": "merge",
        })
    );
    assert_eq!(
        schemas["io.k8s.api.core.v1.Pod"]["x-kubernetes-group-version-kind"],
        json!([{"group": "", "version": "v1", "kind": "Pod"}])
    );
    assert_eq!(
        schemas["io.k8s.api.core.v1.Container"]["required"],
        json!(["name"])
    );
    assert_eq!(
        schemas["io.k8s.api.core.v1.ResourceRequirements"]["properties"]["limits"],
        json!({
            "type": "object",
            "additionalProperties": {
                "$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity",
            },
        })
    );
    let named = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"];
    assert_eq!(named["patch"]["operationId"], "patchCoreV1NamespacedPod");
    assert_eq!(named["put"]["x-kubernetes-action"], "put");
    let names: Vec<&Value> = named["patch"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| &parameter["name"])
        .collect();
    assert_eq!(
        names,
        ["dryRun", "fieldManager", "fieldValidation", "force"]
    );
    let evict = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]["post"];
    assert_eq!(evict["operationId"], "createCoreV1NamespacedPodEviction");
    assert_eq!(evict["x-kubernetes-group-version-kind"]["kind"], "Eviction");
}

#[test]
fn custom_resources_have_documents_too() {
    let resource = Resource {
        source: Source::Custom {
            name: "com.example.v1.Widget".into(),
            schema: json!({"type": "object", "properties": {"spec": {"type": "object"}}}),
        },
        kind: "Widget".into(),
        plural: "widgets".into(),
        subresources: vec![],
        ..pods()
    };
    let document = document(Schema::builtin(), "example.com", "v1", &[resource]);
    assert_closed(&document, &document);
    let widget = &document["components"]["schemas"]["com.example.v1.Widget"];
    assert_eq!(widget["properties"]["spec"], json!({"type": "object"}));
    assert_eq!(
        widget["x-kubernetes-group-version-kind"][0]["group"],
        "example.com"
    );
    let path = &document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"];
    let media: Vec<&String> = path["patch"]["requestBody"]["content"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        media,
        [
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json"
        ]
    );
}

#[test]
fn the_index_names_each_document() {
    assert_eq!(
        index([("", "v1", "A"), ("apps", "v1", "B")]),
        json!({"paths": {
            "api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=A"},
            "apis/apps/v1": {"serverRelativeURL": "/openapi/v3/apis/apps/v1?hash=B"},
        }})
    );
}

#[test]
fn the_older_document_has_all_kinds() {
    let document = swagger(Schema::builtin());
    assert_closed(&document, &document);
    let definitions = &document["definitions"];
    assert_eq!(
        definitions["io.k8s.api.authorization.v1.SubjectAccessReview"],
        json!({
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
                "spec": {"$ref": "#/definitions/io.k8s.api.authorization.v1.SubjectAccessReviewSpec"},
                "status": {"$ref": "#/definitions/io.k8s.api.authorization.v1.SubjectAccessReviewStatus"},
            },
            "required": ["spec"],
            "x-kubernetes-group-version-kind": [
                {"group": "authorization.k8s.io", "version": "v1", "kind": "SubjectAccessReview"},
            ],
        })
    );
    for (kind, id) in Schema::builtin().kinds() {
        let name = &Schema::builtin().get(id).unwrap().name;
        let kinds = &definitions[name]["x-kubernetes-group-version-kind"];
        let own = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        assert!(kinds.as_array().unwrap().contains(&own), "{name}");
    }
    let field = |owner: &str, name: &str| definitions[owner]["properties"][name].clone();
    assert_eq!(
        field("io.k8s.api.core.v1.Container", "ports"),
        json!({
            "type": "array",
            "items": {"$ref": "#/definitions/io.k8s.api.core.v1.ContainerPort"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
            "x-kubernetes-patch-merge-key": "containerPort",
            "x-kubernetes-patch-strategy": "merge",
        })
    );
    assert_eq!(
        definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"],
        json!({"type": "string", "format": "int-or-string"})
    );
    // Fields that have the names of keywords are fields.
    let props = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    assert_eq!(field(props, "nullable"), json!({"type": "boolean"}));
    assert!(field(props, "default").is_object());
}

#[test]
fn nothing_of_the_older_document_is_lost_in_protobuf() {
    let document = swagger(Schema::builtin());
    let bytes = encode_swagger(&document);
    let mut decoded = json!({});
    for (tag, value) in fields(&bytes) {
        match tag {
            1 => decoded["swagger"] = text(value),
            2 => {
                let info = fields(value).into_iter().map(|(_, value)| text(value));
                let info: Vec<Value> = info.collect();
                decoded["info"] = json!({"title": info[0], "version": info[1]});
            }
            8 => decoded["paths"] = named(value),
            9 => decoded["definitions"] = named(value),
            other => panic!("{other}"),
        }
    }
    assert!(decoded == document, "they differ");
}

fn fields(message: &[u8]) -> Vec<(u32, &[u8])> {
    let mut reader = Reader::new(message);
    let mut fields = Vec::new();
    while let Some((tag, wire)) = reader.next().unwrap() {
        let Wire::Bytes(bytes) = wire else {
            panic!("{wire:?}");
        };
        fields.push((tag, bytes));
    }
    fields
}

fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).unwrap().into()
}

/// The only field of a message.
fn only(tag: u32, message: &[u8]) -> &[u8] {
    let fields = fields(message);
    assert_eq!((fields.len(), fields[0].0), (1, tag));
    fields[0].1
}

fn any(message: &[u8]) -> Value {
    serde_json::from_slice(only(2, message)).unwrap()
}

/// A name and what it stands for.
fn pair(message: &[u8]) -> (String, &[u8]) {
    let fields = fields(message);
    assert_eq!((fields[0].0, fields[1].0, fields.len()), (1, 2, 2));
    (text(fields[0].1).as_str().unwrap().to_owned(), fields[1].1)
}

fn named(message: &[u8]) -> Value {
    let mut found = Map::new();
    for (tag, value) in fields(message) {
        assert_eq!(tag, 1);
        let (name, value) = pair(value);
        found.insert(name, decoded(value));
    }
    found.into()
}

fn decoded(message: &[u8]) -> Value {
    let mut schema = json!({});
    for (tag, value) in fields(message) {
        let mut push = |key: &str, item: Value| match &mut schema[key] {
            Value::Array(items) => items.push(item),
            none => *none = json!([item]),
        };
        match tag {
            1 => schema["$ref"] = text(value),
            2 => schema["format"] = text(value),
            19 => push("required", text(value)),
            20 => push("enum", any(value)),
            21 => schema["additionalProperties"] = decoded(only(1, value)),
            22 => schema["type"] = text(only(1, value)),
            23 => schema["items"] = decoded(only(1, value)),
            25 => schema["properties"] = named(value),
            31 => {
                let (name, value) = pair(value);
                schema[name] = any(value);
            }
            other => panic!("{other}"),
        }
    }
    schema
}
