//! Version 1 has only a percentage of CPU; the rest travels in annotations.
use serde_json::{Map, Value, json};

use super::{DEFAULT_CPU_PERCENT, default_metric};
use crate::fields;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
/// An annotation is at most as long as all of them may be.
const MOST_BYTES: usize = 256 * 1024;

/// Makes version 1 of version 2.
pub fn to_v1(object: &mut Value) {
    drop_annotations(object);
    fields::set(object, "apiVersion", "autoscaling/v1");
    let mut notes = Map::new();
    if let Some(spec) = fields::child(object, "spec") {
        let mut others = Vec::new();
        let mut percent = None;
        for metric in fields::list(spec, "metrics") {
            match cpu_percent(metric) {
                Some(of) => percent = percent.or(Some(of.clone())),
                None => others.push(metric_to_v1(metric)),
            }
        }
        fields::remove(spec, "metrics");
        if let Some(percent) = percent {
            fields::set(spec, "targetCPUUtilizationPercentage", percent);
        }
        if !others.is_empty() {
            note(&mut notes, METRICS, &Value::Array(others));
        }
        if let Some(behavior) = fields::remove(spec, "behavior").filter(Value::is_object) {
            note(
                &mut notes,
                BEHAVIOR,
                &first_letters(&behavior, Letter::Upper),
            );
        }
    }
    if let Some(status) = fields::child(object, "status") {
        let metrics = fields::remove(status, "currentMetrics").unwrap_or_default();
        let list = metrics.as_array().map(Vec::as_slice).unwrap_or_default();
        for metric in list {
            let now = &metric["resource"]["current"]["averageUtilization"];
            if metric["resource"]["name"] == "cpu" && !now.is_null() {
                fields::set(status, "currentCPUUtilizationPercentage", now.clone());
            }
        }
        if !list.is_empty() {
            let list: Vec<Value> = list.iter().map(status_to_v1).collect();
            note(&mut notes, CURRENT, &Value::Array(list));
        }
        fields::default_pointer(status, "currentReplicas", 0);
        if let Some(conditions) = fields::remove(status, "conditions")
            && fields::count(&conditions) > 0
        {
            note(&mut notes, CONDITIONS, &conditions);
        }
    }
    if notes.is_empty() {
        return;
    }
    if let Some(metadata) = fields::ensure(object, "metadata")
        && let Some(annotations) = fields::ensure(metadata, "annotations")
    {
        for (key, value) in notes {
            fields::set(annotations, &key, value);
        }
    }
}

/// Makes version 2 of version 1.
pub fn to_v2(object: &mut Value) {
    let annotations = object["metadata"]["annotations"].clone();
    let noted = |key: &str| -> Option<Value> {
        let text = fields::text(&annotations, key);
        let fits = !text.is_empty() && text.len() <= MOST_BYTES;
        fits.then(|| serde_json::from_str(text).ok()).flatten()
    };
    let list = |key: &str| noted(key).and_then(|value| value.as_array().cloned());
    fields::set(object, "apiVersion", "autoscaling/v2");
    if let Some(spec) = fields::child(object, "spec") {
        let others = list(METRICS).unwrap_or_default();
        let mut metrics: Vec<Value> = others.iter().map(metric_to_v2).collect();
        let percent = fields::remove(spec, "targetCPUUtilizationPercentage");
        if let Some(percent) = percent.filter(|percent| !percent.is_null()) {
            metrics.push(default_metric(percent));
        }
        if metrics.is_empty() {
            metrics.push(default_metric(DEFAULT_CPU_PERCENT));
        }
        fields::set(spec, "metrics", metrics);
        if let Some(behavior) = noted(BEHAVIOR).filter(|b| fields::count(b) > 0) {
            fields::set(spec, "behavior", first_letters(&behavior, Letter::Lower));
        }
    }
    if let Some(status) = fields::child(object, "status") {
        let percent = fields::remove(status, "currentCPUUtilizationPercentage");
        if let Some(metrics) = list(CURRENT) {
            let metrics: Vec<Value> = metrics.iter().map(status_to_v2).collect();
            fields::set(status, "currentMetrics", metrics);
        } else if let Some(percent) = percent.filter(|percent| !percent.is_null()) {
            let current = json!({ "averageUtilization": percent });
            let metric = json!({
                "type": "Resource",
                "resource": { "name": "cpu", "current": current },
            });
            fields::set(status, "currentMetrics", vec![metric]);
        }
        if let Some(conditions) = list(CONDITIONS) {
            fields::set(status, "conditions", conditions);
        }
    }
    drop_annotations(object);
}

fn note(notes: &mut Map<String, Value>, key: &str, value: &Value) {
    notes.insert(key.to_owned(), value.to_string().into());
}

fn drop_annotations(object: &mut Value) {
    let Some(metadata) = fields::child(object, "metadata") else {
        return;
    };
    let Some(annotations) = fields::child(metadata, "annotations") else {
        return;
    };
    let before = fields::count(annotations);
    for key in [METRICS, CURRENT, CONDITIONS, BEHAVIOR] {
        fields::remove(annotations, key);
    }
    if before > 0 && fields::count(annotations) == 0 {
        fields::remove(metadata, "annotations");
    }
}

/// The percentage of a metric that version 1 knows.
fn cpu_percent(metric: &Value) -> Option<&Value> {
    let resource = &metric["resource"];
    let percent = &resource["target"]["averageUtilization"];
    let known = metric["type"] == "Resource" && resource["name"] == "cpu";
    (known && !percent.is_null()).then_some(percent)
}

/// Copies fields that are there: `(from, to)`.
fn copied(from: &Value, names: &[(&str, &str)]) -> Value {
    let mut made = json!({});
    for (name, new) in names {
        let value = from.pointer(name).unwrap_or(&Value::Null);
        let last = new.rsplit_once('/');
        let place = match last {
            Some((parent, _)) if !parent.is_empty() => {
                let parent = parent.trim_start_matches('/');
                fields::ensure(&mut made, parent)
            }
            _ => Some(&mut made),
        };
        if let (Some(place), Some((_, key)), false) = (place, last, value.is_null()) {
            fields::set(place, key, value.clone());
        }
    }
    made
}

/// The fields of each source: in version 2, in version 1.
fn source_fields(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "object" => &[
            ("/describedObject", "/target"),
            ("/metric/name", "/metricName"),
            ("/metric/selector", "/selector"),
            ("/target/value", "/targetValue"),
            ("/target/averageValue", "/averageValue"),
        ],
        "pods" => &[
            ("/metric/name", "/metricName"),
            ("/metric/selector", "/selector"),
            ("/target/averageValue", "/targetAverageValue"),
        ],
        "external" => &[
            ("/metric/name", "/metricName"),
            ("/metric/selector", "/metricSelector"),
            ("/target/value", "/targetValue"),
            ("/target/averageValue", "/targetAverageValue"),
        ],
        _ => &[
            ("/name", "/name"),
            ("/container", "/container"),
            ("/target/averageUtilization", "/targetAverageUtilization"),
            ("/target/averageValue", "/targetAverageValue"),
        ],
    }
}

fn status_fields(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "object" => &[
            ("/describedObject", "/target"),
            ("/metric/name", "/metricName"),
            ("/metric/selector", "/selector"),
            ("/current/value", "/currentValue"),
            ("/current/averageValue", "/averageValue"),
        ],
        "pods" => &[
            ("/metric/name", "/metricName"),
            ("/metric/selector", "/selector"),
            ("/current/averageValue", "/currentAverageValue"),
        ],
        "external" => &[
            ("/metric/name", "/metricName"),
            ("/metric/selector", "/metricSelector"),
            ("/current/value", "/currentValue"),
            ("/current/averageValue", "/currentAverageValue"),
        ],
        _ => &[
            ("/name", "/name"),
            ("/container", "/container"),
            ("/current/averageUtilization", "/currentAverageUtilization"),
            ("/current/averageValue", "/currentAverageValue"),
        ],
    }
}

const SOURCES: [&str; 5] = [
    "object",
    "pods",
    "resource",
    "containerResource",
    "external",
];

fn metric_to_v1(metric: &Value) -> Value {
    renamed(metric, source_fields, Direction::Down)
}

fn metric_to_v2(metric: &Value) -> Value {
    let mut made = renamed(metric, source_fields, Direction::Up);
    for source in SOURCES {
        if let Some(of) = fields::child(&mut made, source)
            && let Some(target) = fields::ensure(of, "target")
        {
            let kind = if fields::has(target, "averageUtilization") {
                "Utilization"
            } else if fields::has(target, "averageValue") {
                "AverageValue"
            } else {
                "Value"
            };
            fields::set(target, "type", kind);
        }
    }
    made
}

fn status_to_v1(status: &Value) -> Value {
    renamed(status, status_fields, Direction::Down)
}

fn status_to_v2(status: &Value) -> Value {
    renamed(status, status_fields, Direction::Up)
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

fn renamed(
    metric: &Value,
    names: fn(&str) -> &'static [(&'static str, &'static str)],
    direction: Direction,
) -> Value {
    let mut made = json!({ "type": metric["type"] });
    for source in SOURCES {
        if !fields::has(metric, source) {
            continue;
        }
        let names = names(source);
        let new = match direction {
            Direction::Down => copied(&metric[source], names),
            Direction::Up => {
                let names: Vec<(&str, &str)> = names.iter().map(|(v2, v1)| (*v1, *v2)).collect();
                copied(&metric[source], &names)
            }
        };
        fields::set(&mut made, source, new);
    }
    made
}

#[derive(Clone, Copy)]
enum Letter {
    Upper,
    Lower,
}

/// The annotation for behavior has the names of Go, which begin with a capital.
fn first_letters(value: &Value, letter: Letter) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let mut letters = key.chars();
                let first: String = match (letters.next(), letter) {
                    (Some(first), Letter::Upper) => first.to_uppercase().collect(),
                    (Some(first), Letter::Lower) => first.to_lowercase().collect(),
                    (None, _) => String::new(),
                };
                (
                    format!("{first}{}", letters.as_str()),
                    first_letters(value, letter),
                )
            })
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(list) => list
            .iter()
            .map(|value| first_letters(value, letter))
            .collect(),
        other => other.clone(),
    }
}
