//! A small schema for tests: a workload much like a Deployment.
use serde_json::{Value, json};

use crate::{Field, ListKind, MergeStrategy, Schema, Shape, Type, TypeId};

/// A field by name and shape.
pub(crate) fn field(name: &str, shape: Shape) -> Field {
    Field {
        name: name.to_owned(),
        tag: 0,
        shape,
        pointer: false,
        omitempty: true,
        required: false,
        nullable: false,
        strategy: None,
        allowed: Vec::new(),
        default: None,
    }
}

fn by_key(name: &str, element: Shape, keys: &[&str]) -> Field {
    let all = keys.iter().map(|key| (*key).to_owned()).collect();
    Field {
        strategy: Some(MergeStrategy {
            merge: true,
            retain_keys: false,
            key: keys.first().map(|key| (*key).to_owned()),
        }),
        ..field(name, Shape::List(Box::new(element), ListKind::Map(all)))
    }
}

fn with(strategy: (bool, bool, Option<&str>), field: Field) -> Field {
    let (merge, retain_keys, key) = strategy;
    Field {
        strategy: Some(MergeStrategy {
            merge,
            retain_keys,
            key: key.map(str::to_owned),
        }),
        ..field
    }
}

fn list(element: Shape, kind: ListKind) -> Shape {
    Shape::List(Box::new(element), kind)
}

fn texts(atomic: bool) -> Shape {
    Shape::Map(Box::new(Shape::String), atomic)
}

fn add(schema: &mut Schema, name: &str, fields: Vec<Field>) -> Shape {
    let name = format!("io.example.v1.{name}");
    Shape::Struct(schema.insert(Type {
        name,
        fields,
        ..Type::default()
    }))
}

fn metadata(schema: &mut Schema) -> Shape {
    let finalizers = field("finalizers", list(Shape::String, ListKind::Set));
    let mut fields = vec![
        field("labels", texts(false)),
        field("annotations", texts(false)),
        with((true, false, None), finalizers),
        field("creationTimestamp", Shape::Time),
        field("managedFields", list(Shape::Any, ListKind::Atomic)),
    ];
    for name in ["name", "namespace", "uid", "resourceVersion"] {
        fields.push(field(name, Shape::String));
    }
    add(schema, "ObjectMeta", fields)
}

fn container(schema: &mut Schema) -> Shape {
    let protocol = Field {
        default: Some(json!("TCP")),
        ..field("protocol", Shape::String)
    };
    let port = vec![
        field("containerPort", Shape::Int32),
        field("name", Shape::String),
        protocol,
    ];
    let port = add(schema, "ContainerPort", port);
    let env = vec![field("name", Shape::String), field("value", Shape::String)];
    let env = add(schema, "EnvVar", env);
    let fields = vec![
        field("name", Shape::String),
        field("image", Shape::String),
        field("args", list(Shape::String, ListKind::Atomic)),
        field("stdin", Shape::Bool),
        by_key("ports", port, &["containerPort", "protocol"]),
        by_key("env", env, &["name"]),
    ];
    add(schema, "Container", fields)
}

/// The schema, and the type of whole objects.
pub(crate) fn workload() -> (Schema, TypeId) {
    let mut s = Schema::default();
    let metadata = metadata(&mut s);
    let container = container(&mut s);
    let empty = add(&mut s, "EmptyDir", vec![field("medium", Shape::String)]);
    let secret = add(&mut s, "Secret", vec![field("name", Shape::String)]);
    let volume = vec![
        field("name", Shape::String),
        field("emptyDir", empty),
        field("secret", secret),
    ];
    let volume = add(&mut s, "Volume", volume);
    let selector = Shape::Struct(s.insert(Type {
        name: "io.example.v1.LabelSelector".to_owned(),
        fields: vec![field("matchLabels", texts(false))],
        atomic: true,
        open: false,
    }));
    let rolling = add(
        &mut s,
        "Rolling",
        vec![field("maxSurge", Shape::IntOrString)],
    );
    let strategy = vec![
        field("type", Shape::String),
        field("rollingUpdate", rolling),
    ];
    let strategy = add(&mut s, "Strategy", strategy);
    let hosts = field("hosts", list(Shape::String, ListKind::Set));
    let spec = vec![
        field("replicas", Shape::Int32),
        field("selector", selector.clone()),
        with((false, false, None), field("replaced", selector)),
        with((false, true, None), field("strategy", strategy)),
        by_key("containers", container, &["name"]),
        with(
            (true, true, Some("name")),
            by_key("volumes", volume, &["name"]),
        ),
        with((true, false, None), hosts),
        field("nodeSelector", texts(true)),
        field("config", Shape::Any),
        field("numbers", list(Shape::Int32, ListKind::Atomic)),
    ];
    let spec = add(&mut s, "WorkloadSpec", spec);
    let status = add(&mut s, "Status", vec![field("ready", Shape::Int32)]);
    let root = vec![
        field("apiVersion", Shape::String),
        field("kind", Shape::String),
        field("metadata", metadata),
        field("spec", spec),
        field("status", status),
    ];
    let Shape::Struct(id) = add(&mut s, "Workload", root) else {
        unreachable!("a structure was added")
    };
    (s, id)
}

/// An object with a specification.
pub(crate) fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "example.io/v1",
        "kind": "Workload",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": spec,
    })
}
