//! How much nodes and pods use.
use serde_json::Value;

use super::GROUP;
use crate::{
    fields,
    kinds::{
        Kind, Scope, Verbs,
        cells::{self, NAME},
    },
    validation::Quantity,
};

pub(super) const NODES: Kind = Kind {
    scope: Scope::Cluster,
    verbs: Verbs::Read,
    columns: &[
        NAME,
        cells::text("cpu", |object, _| {
            cells::quantity(&object["usage"]["cpu"]).into()
        }),
        cells::text("memory", |object, _| {
            cells::quantity(&object["usage"]["memory"]).into()
        }),
        WINDOW,
    ],
    ..Kind::new(
        GROUP,
        "v1beta1",
        "NodeMetrics",
        "nodes",
        "",
        "io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics",
    )
};

pub(super) const PODS: Kind = Kind {
    verbs: Verbs::Read,
    columns: &[
        NAME,
        cells::text("cpu", |object, _| total(object, "cpu")),
        cells::text("memory", |object, _| total(object, "memory")),
        WINDOW,
    ],
    ..Kind::new(
        GROUP,
        "v1beta1",
        "PodMetrics",
        "pods",
        "",
        "io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics",
    )
};

const WINDOW: crate::Column =
    cells::text("Window", |object, _| fields::text(object, "window").into());

/// What all containers of a pod use.
fn total(object: &Value, resource: &str) -> Value {
    fields::list(object, "containers")
        .iter()
        .filter_map(|container| Quantity::of(&container["usage"][resource]).ok())
        .fold(Quantity::ZERO, Quantity::plus)
        .to_string()
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_uses_what_its_containers_use() {
        let container = |cpu: &str| json!({ "usage": { "cpu": cpu, "memory": "1Mi" } });
        let pod = json!({ "containers": [container("250m"), container("750m")] });
        assert_eq!(total(&pod, "cpu"), "1");
        assert_eq!(total(&pod, "memory"), "2Mi");
    }
}
