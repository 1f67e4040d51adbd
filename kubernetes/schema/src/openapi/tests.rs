use super::*;

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
                let name = to.strip_prefix("#/components/schemas/").unwrap();
                assert!(
                    document["components"]["schemas"][name].is_object(),
                    "{name}"
                );
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
