//! `DefaultIngressClass`: ingresses without a class get the default one.
use std::cmp::Reverse;

use serde_json::Value;

use crate::fields;

const OLD: &str = "kubernetes.io/ingress.class";
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Writes the default class into a new ingress that names none: the newest one, and the first by name of
/// equally new ones.
pub fn admit(ingress: &mut Value, classes: &[Value]) {
    let annotations = &ingress["metadata"]["annotations"];
    if fields::has(annotations, OLD) || fields::has(&ingress["spec"], "ingressClassName") {
        return;
    }
    let all = classes
        .iter()
        .filter(|class| fields::text(&class["metadata"]["annotations"], DEFAULT) == "true");
    let newest = all.min_by_key(|class| {
        let metadata = &class["metadata"];
        let created = crate::table::duration::seconds(&metadata["creationTimestamp"]);
        (Reverse(created), fields::text(metadata, "name"))
    });
    if let Some(class) = newest
        && let Some(spec) = fields::child(ingress, "spec")
    {
        let name = fields::text(&class["metadata"], "name");
        fields::set(spec, "ingressClassName", name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_default_is_for_those_that_name_no_class() {
        let class = |name: &str, created: &str, default: &str| {
            json!({ "metadata": {
                "name": name, "creationTimestamp": created, "annotations": { DEFAULT: default },
            } })
        };
        let classes = [
            class("old", "2026-01-01T00:00:00Z", "true"),
            class("new", "2026-01-02T00:00:00Z", "true"),
            class("none", "2026-01-03T00:00:00Z", "false"),
        ];
        let mut plain = json!({ "metadata": {}, "spec": {} });
        admit(&mut plain, &classes);
        assert_eq!(plain["spec"]["ingressClassName"], "new");
        for mut named in [
            json!({ "metadata": {}, "spec": { "ingressClassName": "own" } }),
            json!({ "metadata": { "annotations": { OLD: "own" } }, "spec": {} }),
        ] {
            let before = named.clone();
            admit(&mut named, &classes);
            assert_eq!(named, before);
        }
    }
}
