//! The table of autoscalers.
use serde_json::Value;

use crate::fields;
use crate::table::Column;
use crate::table::cells::{AGE, NAME, text};
use crate::validation::Quantity;

/// How many metrics are shown.
const SHOWN: usize = 2;

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    text("Reference", |o, _| reference(o).into()),
    text("Targets", |o, _| targets(o).into()),
    MIN,
    MAX,
    CURRENT,
    AGE,
];

pub(super) const V1_COLUMNS: &[Column] = &[
    NAME,
    text("Reference", |o, _| reference(o).into()),
    text("Targets", |o, _| targets(&super::converted(o)).into()),
    MIN,
    MAX,
    CURRENT,
    AGE,
];

const MIN: Column = text("MinPods", |o, _| {
    let least = fields::number(&o["spec"]["minReplicas"]);
    least
        .map_or_else(|| "<unset>".to_owned(), |n| n.to_string())
        .into()
});

const MAX: Column = text("MaxPods", |o, _| {
    fields::integer(&o["spec"], "maxReplicas").into()
});

const CURRENT: Column = text("Replicas", |o, _| {
    fields::integer(&o["status"], "currentReplicas").into()
});

fn reference(object: &Value) -> String {
    let target = &object["spec"]["scaleTargetRef"];
    format!(
        "{}/{}",
        fields::text(target, "kind"),
        fields::text(target, "name")
    )
}

fn targets(object: &Value) -> String {
    let metrics = fields::list(&object["spec"], "metrics");
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let statuses = fields::list(&object["status"], "currentMetrics");
    let shown = metrics.iter().enumerate().take(SHOWN);
    let shown: Vec<String> = shown
        .map(|(i, metric)| target(metric, statuses.get(i).unwrap_or(&Value::Null)))
        .collect();
    let shown = shown.join(", ");
    match metrics.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

fn target(metric: &Value, status: &Value) -> String {
    let key = match fields::text(metric, "type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let (source, current) = (&metric[key], &status[key]["current"]);
    let wanted = &source["target"];
    let average = !wanted["averageValue"].is_null();
    let now = |field: &str| amount(&current[field]).unwrap_or_else(|| "<unknown>".to_owned());
    let goal = |field: &str| amount(&wanted[field]).unwrap_or_else(|| "0".to_owned());
    match key {
        "pods" => format!("{}/{}", now("averageValue"), goal("averageValue")),
        "external" | "object" if average => {
            format!("{}/{} (avg)", now("averageValue"), goal("averageValue"))
        }
        "external" | "object" => format!("{}/{}", now("value"), goal("value")),
        _ => {
            let name = fields::text(source, "name");
            if average {
                return format!("{name}: {}/{}", now("averageValue"), goal("averageValue"));
            }
            let percent = |of: &Value, none: &str| {
                let percent = fields::number(&of["averageUtilization"]);
                percent.map_or_else(|| none.to_owned(), |n| format!("{n}%"))
            };
            let (now, goal) = (percent(current, "<unknown>"), percent(wanted, "<auto>"));
            format!("{name}: {now}/{goal}")
        }
    }
}

fn amount(value: &Value) -> Option<String> {
    Some(Quantity::of(value).ok()?.to_string())
}
