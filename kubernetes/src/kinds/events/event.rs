//! Events of the new form.
use serde_json::Value;

use super::{GROUP, convert};
use crate::{
    Errors, Path, fields,
    kinds::{Kind, core},
    validation::{dns_subdomain, immutable, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    short: &["ev"],
    fields: &[
        "reason",
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reportingController",
        "type",
    ],
    columns: core::EVENT_COLUMNS,
    validate,
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "Event",
        "events",
        "event",
        "io.k8s.api.events.v1.Event",
    )
};

fn validate(event: &Value, errors: &mut Errors) {
    let mut stored = event.clone();
    convert::to_core(&mut stored);
    core::validate_legacy(&stored, "reportingController", errors);
    validate_metadata(event, dns_subdomain, errors);
    validate_series(&event["series"], errors);
    if !fields::has(event, "eventTime") {
        errors.required(&Path::new("eventTime"), "");
    }
    let kind = fields::text(event, "type");
    if kind != "Normal" && kind != "Warning" {
        let why = format!("has invalid value: {kind}");
        errors.invalid(&Path::new("type"), &"".into(), &why);
    }
    for (key, shown) in [
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
    ] {
        if fields::is_set(&event[key]) {
            errors.invalid(&Path::new(shown), &"".into(), "needs to be unset");
        }
    }
    let source = &event["deprecatedSource"];
    if ["component", "host"]
        .into_iter()
        .any(|key| fields::is_set(&source[key]))
    {
        errors.invalid(&Path::new("source"), &"".into(), "needs to be unset");
    }
}

fn validate_series(series: &Value, errors: &mut Errors) {
    if series.is_null() {
        return;
    }
    if fields::integer(series, "count") < 2 {
        let why = "should be at least 2";
        errors.invalid(&Path::new("series.count"), &"".into(), why);
    }
    if !fields::has(series, "lastObservedTime") {
        errors.required(&Path::new("series.lastObservedTime"), "");
    }
}

/// Only the series moves on.
fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    for (key, shown) in [
        ("regarding", "involvedObject"),
        ("reason", "reason"),
        ("note", "message"),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ] {
        immutable(&new[key], &old[key], &Path::new(shown), errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wharf_types::Timestamp;

    use super::*;

    #[test]
    fn the_new_form_wants_a_time() {
        let mut errors = Errors::default();
        let event = json!({
            "metadata": { "name": "a", "namespace": "default" }, "type": "Odd",
            "regarding": { "namespace": "default" },
        });
        (ROW.validate)(&event, &mut errors);
        assert_eq!(
            errors.to_string(),
            "[eventTime: Required value, type: Invalid value: \"\": has invalid value: Odd]"
        );
    }

    #[test]
    fn the_table_shows_both_forms() {
        let now = Timestamp::from_secs(1_800_000_000);
        let event = json!({ "regarding": { "kind": "Pod", "name": "web" }, "note": " hi " });
        let cell = |name: &str| {
            let column = ROW.columns.iter().find(|column| column.name == name);
            (column.unwrap().cell)(&event, now)
        };
        assert_eq!(cell("Object"), "pod/web");
        assert_eq!(cell("Message"), "hi");
        assert_eq!(cell("Count"), 1);
    }
}
