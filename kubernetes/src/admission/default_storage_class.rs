//! `DefaultStorageClass`: claims without a class get the default one.
use std::cmp::Reverse;

use serde_json::Value;

use crate::{fields, kinds};

const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Writes the default class into a new claim that names none. An empty name is a name.
pub fn admit_claim(claim: &mut Value, classes: &[Value]) {
    let named = fields::has(&claim["metadata"]["annotations"], BETA_CLASS)
        || fields::has(&claim["spec"], "storageClassName");
    if named {
        return;
    }
    let Some(class) = default_class(classes) else {
        return;
    };
    let name = fields::text(&class["metadata"], "name");
    if let Some(spec) = fields::child(claim, "spec") {
        fields::set(spec, "storageClassName", name);
    }
}

/// The newest of the default classes, and the first by name of equally new ones.
pub fn default_class(classes: &[Value]) -> Option<&Value> {
    classes
        .iter()
        .filter(|class| kinds::is_default_class(class))
        .min_by_key(|class| {
            let metadata = &class["metadata"];
            let created = crate::table::duration::seconds(&metadata["creationTimestamp"]);
            (Reverse(created), fields::text(metadata, "name"))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(name: &str, created: &str) -> Value {
        json!({ "metadata": {
            "name": name, "creationTimestamp": created,
            "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
        } })
    }

    #[test]
    fn the_newest_default_is_taken() {
        let old = class("old", "2026-01-01T00:00:00Z");
        let classes = [old, class("new", "2026-01-02T00:00:00Z")];
        let mut claim = json!({ "spec": {} });
        admit_claim(&mut claim, &classes);
        assert_eq!(claim["spec"]["storageClassName"], "new");
        let mut claim = json!({ "spec": { "storageClassName": "" } });
        admit_claim(&mut claim, &classes);
        assert_eq!(claim["spec"]["storageClassName"], "");
    }
}
