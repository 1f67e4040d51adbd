//! Cells that many kinds have.
use serde_json::Value;
use wharf_types::Timestamp;

use super::{Column, duration};
use crate::fields;
use crate::validation::Selector;

pub(crate) type Cell = fn(&Value, Timestamp) -> Value;

pub(crate) const NAME: Column = Column {
    name: "Name",
    kind: "string",
    format: "name",
    priority: 0,
    cell: |object, _| fields::text(&object["metadata"], "name").into(),
};

pub(crate) const AGE: Column = text("Age", age);

/// The names of the containers of a workload's template.
pub(crate) const CONTAINERS: Column = wide("Containers", |o, _| {
    container_names(&o["spec"]["template"]["spec"])
});

/// The images of the containers of a workload's template.
pub(crate) const IMAGES: Column = wide("Images", |o, _| {
    container_images(&o["spec"]["template"]["spec"])
});

/// How many replicas are ready, of how many.
pub(crate) const READY_OF_REPLICAS: Column = text("Ready", |o, _| {
    let ready = fields::integer(&o["status"], "readyReplicas");
    format!("{ready}/{}", fields::integer(&o["spec"], "replicas")).into()
});

/// How many replicas are asked for.
pub(crate) const DESIRED: Column = integer("Desired", |o, _| {
    fields::integer(&o["spec"], "replicas").into()
});

/// How many replicas there are.
pub(crate) const CURRENT: Column = integer("Current", |o, _| {
    fields::integer(&o["status"], "replicas").into()
});

/// How many replicas are ready.
pub(crate) const READY: Column = integer("Ready", |o, _| {
    fields::integer(&o["status"], "readyReplicas").into()
});

/// A column of texts.
pub(crate) const fn text(name: &'static str, cell: Cell) -> Column {
    Column {
        name,
        kind: "string",
        format: "",
        priority: 0,
        cell,
    }
}

/// A column of texts that only `-o wide` shows.
pub(crate) const fn wide(name: &'static str, cell: Cell) -> Column {
    Column {
        priority: 1,
        ..text(name, cell)
    }
}

/// A column of numbers.
pub(crate) const fn integer(name: &'static str, cell: Cell) -> Column {
    Column {
        kind: "integer",
        ..text(name, cell)
    }
}

/// How old an object is.
pub(crate) fn age(object: &Value, now: Timestamp) -> Value {
    duration::since(&object["metadata"]["creationTimestamp"], now).into()
}

/// The names of containers, in one text.
pub(crate) fn container_names(spec: &Value) -> Value {
    joined(spec, "name")
}

/// The images of containers, in one text.
pub(crate) fn container_images(spec: &Value) -> Value {
    joined(spec, "image")
}

fn joined(spec: &Value, key: &str) -> Value {
    let containers = fields::list(spec, "containers").iter();
    let texts: Vec<&str> = containers.map(|c| fields::text(c, key)).collect();
    texts.join(",").into()
}

/// A map of labels: `a=1,b=2`, or `<none>`.
pub(crate) fn labels(labels: &Value) -> Value {
    match Selector::of_labels(labels).show() {
        shown if shown.is_empty() => "<none>".into(),
        shown => shown.into(),
    }
}

/// A selector; `<none>` if it is empty, `<error>` if nobody can understand it.
pub(crate) fn selector(selector: &Value) -> Value {
    match Selector::parse(selector).map(Selector::show) {
        None => "<error>".into(),
        Some(shown) if shown.is_empty() => "<none>".into(),
        Some(shown) => shown.into(),
    }
}
