//! The values of fields that can be selected.
use serde_json::Value;

/// The text with which a selector compares one of [`Kind::fields`](super::Kind::fields). What is
/// left out counts as its zero value.
pub fn selectable_field(object: &Value, path: &str) -> String {
    let at = |path: &str| path.split('.').fold(object, |value, key| &value[key]);
    let (value, zero) = match path {
        // The field has another name than the selector.
        "status.successful" => (at("status.succeeded"), "0"),
        "status.replicas" => (at(path), "0"),
        // Whoever reports stands for the component where an event has none.
        "source" => match &at("source.component") {
            Value::Null => (at("reportingComponent"), ""),
            component => (*component, ""),
        },
        "spec.hostNetwork" | "spec.unschedulable" => (at(path), "false"),
        "status.podIP" if at(path).is_null() => {
            let first = at("status.podIPs").get(0);
            (first.map_or(&Value::Null, |address| &address["ip"]), "")
        }
        _ => (at(path), ""),
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => zero.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_source_of_an_event_is_who_reports() {
        let event = json!({ "reportingComponent": "a", "source": {} });
        assert_eq!(selectable_field(&event, "source"), "a");
        let event = json!({ "reportingComponent": "a", "source": { "component": "b" } });
        assert_eq!(selectable_field(&event, "source"), "b");
    }

    #[test]
    fn what_is_left_out_is_zero() {
        let pod = json!({
            "spec": { "nodeName": "a" },
            "status": { "podIPs": [{ "ip": "10.0.0.1" }], "succeeded": 2 },
        });
        for (path, wanted) in [
            ("spec.nodeName", "a"),
            ("spec.hostNetwork", "false"),
            ("status.podIP", "10.0.0.1"),
            ("status.phase", ""),
            ("status.replicas", "0"),
            ("status.successful", "2"),
        ] {
            assert_eq!(selectable_field(&pod, path), wanted);
        }
    }
}
