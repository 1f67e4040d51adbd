//! Horizontal pod autoscalers, in version 2 and as version 1 shows them.
use serde_json::{Value, json};

use super::super::workload::{keep_status, start_status};
use super::super::{Kind, Subresource};
use crate::fields;

mod convert;
mod table;
#[cfg(test)]
mod tests;
mod validate;

pub use convert::{to_v1, to_v2};

const DEFAULT_CPU_PERCENT: i32 = 80;

pub(super) const V2: Kind = Kind {
    short: &["hpa"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    columns: table::COLUMNS,
    default,
    prepare_create: |object| {
        start_status(
            object,
            json!({ "desiredReplicas": 0, "currentMetrics": null }),
        );
    },
    prepare_update: keep_status,
    validate: validate::validate,
    validate_update: validate::validate_update,
    ..Kind::new(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "horizontalpodautoscaler",
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    )
};

/// The same objects as [`V2`]: whoever stores them converts by [`to_v2`] and [`to_v1`].
pub(super) const V1: Kind = Kind {
    version: "v1",
    schema: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler",
    columns: table::V1_COLUMNS,
    default: |object| {
        if let Some(spec) = fields::ensure(object, "spec") {
            fields::default_pointer(spec, "minReplicas", 1);
        }
    },
    prepare_create: |object| {
        start_status(
            object,
            json!({ "currentReplicas": 0, "desiredReplicas": 0 }),
        );
    },
    validate: |object, errors| validate::validate(&converted(object), errors),
    ..V2
};

fn converted(v1: &Value) -> Value {
    let mut v2 = v1.clone();
    to_v2(&mut v2);
    v2
}

fn default(object: &mut Value) {
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    fields::default_pointer(spec, "minReplicas", 1);
    if fields::list(spec, "metrics").is_empty() {
        fields::set(
            spec,
            "metrics",
            json!([default_metric(DEFAULT_CPU_PERCENT)]),
        );
    }
    let Some(behavior) = fields::child(spec, "behavior") else {
        return;
    };
    let percent = json!({ "type": "Percent", "value": 100, "periodSeconds": 15 });
    if let Some(up) = fields::ensure(behavior, "scaleUp") {
        let pods = json!({ "type": "Pods", "value": 4, "periodSeconds": 15 });
        fields::default_pointer(up, "stabilizationWindowSeconds", 0);
        fields::default_pointer(up, "selectPolicy", "Max");
        fields::default_pointer(up, "policies", json!([pods, percent]));
    }
    if let Some(down) = fields::ensure(behavior, "scaleDown") {
        fields::default_pointer(down, "selectPolicy", "Max");
        fields::default_pointer(down, "policies", json!([percent]));
    }
}

/// A metric of so many percent of the requested CPU.
fn default_metric(percent: impl Into<Value>) -> Value {
    let percent: Value = percent.into();
    json!({
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "target": { "type": "Utilization", "averageUtilization": percent },
        },
    })
}
