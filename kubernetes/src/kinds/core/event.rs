//! Events. `events.k8s.io` shows the same stored objects with other names of fields.
use serde_json::Value;
use wharf_types::Timestamp;

use crate::{
    Column, Errors, Path, fields,
    kinds::{Kind, cells},
    validation::{complain, dns_subdomain, qualified_name},
};

pub(super) const ROW: Kind = Kind {
    short: &["ev"],
    fields: &[
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ],
    columns: COLUMNS,
    validate: |event, errors| validate_legacy(event, "reportingComponent", errors),
    ..Kind::new(
        "",
        "v1",
        "Event",
        "events",
        "event",
        "io.k8s.api.core.v1.Event",
    )
};

/// The columns of both forms of an event.
pub(in crate::kinds) const COLUMNS: &[Column] = &[
    cells::text("Last Seen", |event, now| last_seen(event, now).into()),
    cells::text("Type", |event, _| fields::text(event, "type").into()),
    cells::text("Reason", |event, _| fields::text(event, "reason").into()),
    cells::text("Object", |event, _| {
        target(either(event, "involvedObject", "regarding")).into()
    }),
    cells::wide("Subobject", |event, _| {
        fields::text(either(event, "involvedObject", "regarding"), "fieldPath").into()
    }),
    cells::wide("Source", source),
    cells::text("Message", |event, _| {
        either(event, "message", "note")
            .as_str()
            .unwrap_or_default()
            .trim()
            .into()
    }),
    cells::wide("First Seen", |event, now| first_seen(event, now).into()),
    cells::wide("Count", count),
    Column {
        priority: 1,
        ..cells::NAME
    },
];

const REPORTER_MAX: usize = 128;
const ACTION_MAX: usize = 128;
const REASON_MAX: usize = 128;
const NOTE_MAX: usize = 1024;

/// A field by its name in the core group, or in `events.k8s.io`.
fn either<'a>(event: &'a Value, key: &str, other: &str) -> &'a Value {
    match &event[key] {
        Value::Null => &event[other],
        value => value,
    }
}

fn first_seen(event: &Value, now: Timestamp) -> String {
    match either(event, "firstTimestamp", "deprecatedFirstTimestamp") {
        Value::Null => cells::since(&event["eventTime"], now),
        time => cells::since(time, now),
    }
}

fn last_seen(event: &Value, now: Timestamp) -> String {
    if fields::has(event, "series") {
        return cells::since(&event["series"]["lastObservedTime"], now);
    }
    match either(event, "lastTimestamp", "deprecatedLastTimestamp") {
        Value::Null => first_seen(event, now),
        time => cells::since(time, now),
    }
}

fn target(object: &Value) -> String {
    let kind = fields::text(object, "kind").to_lowercase();
    match fields::text(object, "name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value, _now: Timestamp) -> Value {
    let source = either(event, "source", "deprecatedSource");
    let reporter = either(event, "reportingComponent", "reportingController");
    let first = |key: &str, other: &Value| match fields::text(source, key) {
        "" => other.as_str().unwrap_or_default().to_owned(),
        text => text.to_owned(),
    };
    let component = first("component", reporter);
    match first("host", &event["reportingInstance"]).as_str() {
        "" => component.into(),
        host => format!("{component}, {host}").into(),
    }
}

fn count(event: &Value, _now: Timestamp) -> Value {
    let count = if fields::has(event, "series") {
        fields::integer(&event["series"], "count")
    } else {
        match fields::number(either(event, "count", "deprecatedCount")) {
            None | Some(0) => 1,
            Some(count) => count,
        }
    };
    count.into()
}

/// The rules of every event; `reporter` is what the version names its reporting component.
pub(in crate::kinds) fn validate_legacy(event: &Value, reporter: &str, errors: &mut Errors) {
    let namespace = fields::text(&event["metadata"], "namespace");
    let about = fields::text(&event["involvedObject"], "namespace");
    let path = Path::new("involvedObject").field("namespace");
    let old = !fields::has(event, "eventTime");
    let fits = match (old, about.is_empty()) {
        (true, true) => ["", "default"].contains(&namespace),
        (true, false) => about == namespace,
        (false, true) => ["default", "kube-system"].contains(&namespace),
        (false, false) => true,
    };
    if !fits {
        let why = "does not match event.namespace";
        errors.invalid(&path, &about.into(), why);
    }
    if !old {
        validate_texts(event, reporter, errors);
    }
    let faults = dns_subdomain(namespace);
    complain(errors, &Path::new("namespace"), namespace, &faults);
}

fn validate_texts(event: &Value, reporter: &str, errors: &mut Errors) {
    let controller = fields::text(event, "reportingComponent");
    let path = Path::new(reporter);
    if controller.is_empty() {
        errors.required(&path, "");
    }
    complain(errors, &path, controller, &qualified_name(controller));
    for (key, most) in [
        ("reportingInstance", REPORTER_MAX),
        ("action", ACTION_MAX),
        ("reason", REASON_MAX),
        ("message", NOTE_MAX),
    ] {
        let text = fields::text(event, key);
        if text.is_empty() && key != "message" {
            errors.required(&Path::new(key), "");
        }
        if text.len() > most {
            let why = format!("can have at most {most} characters");
            errors.invalid(&Path::new(key), &"".into(), &why);
        }
    }
}
