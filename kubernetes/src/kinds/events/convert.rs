//! Between the two forms of an event.
use serde_json::Value;

use crate::fields;

/// Name in the core group, name in `events.k8s.io`.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Makes an event of `events.k8s.io/v1` one of `v1`, as it is stored.
pub fn to_core(event: &mut Value) {
    rename(event, "v1", |(core, other)| (other, core));
}

/// Makes a stored event one of `events.k8s.io/v1`.
pub fn from_core(event: &mut Value) {
    rename(event, "events.k8s.io/v1", |(core, other)| (core, other));
}

fn rename(
    event: &mut Value,
    version: &str,
    direction: fn((&'static str, &'static str)) -> (&'static str, &'static str),
) {
    for (from, to) in NAMES.map(direction) {
        if let Some(value) = fields::remove(event, from) {
            fields::set(event, to, value);
        }
    }
    fields::set(event, "apiVersion", version);
}

/// The field of the stored event that a selector of `events.k8s.io` means.
pub fn core_field(path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("regarding.") {
        return Some(format!("involvedObject.{rest}"));
    }
    match path {
        "reportingController" => Some("reportingComponent".to_owned()),
        "reason" | "type" | "metadata.name" | "metadata.namespace" => Some(path.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let stored = json!({
            "apiVersion": "v1", "kind": "Event", "involvedObject": { "name": "a" },
            "message": "hello", "count": 3, "reportingComponent": "kubelet", "reason": "Pulled",
        });
        let shown = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "regarding": { "name": "a" },
            "note": "hello", "deprecatedCount": 3, "reportingController": "kubelet",
            "reason": "Pulled",
        });
        let mut event = stored.clone();
        from_core(&mut event);
        assert_eq!(event, shown);
        to_core(&mut event);
        assert_eq!(event, stored);
    }

    #[test]
    fn selectors_are_translated() {
        let field = core_field("regarding.name");
        assert_eq!(field.as_deref(), Some("involvedObject.name"));
        assert_eq!(core_field("note"), None);
    }

    proptest! {
        #[test]
        fn anything_can_be_converted(mut value in crate::kinds::json()) {
            to_core(&mut value);
            from_core(&mut value);
        }
    }
}
