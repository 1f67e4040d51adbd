//! Which address families a service has in a cluster that has one.
use serde_json::{Value, json};

use crate::{Errors, Path, fields};

/// Fills in `ipFamilyPolicy` and `ipFamilies`, and refuses what needs two families.
pub(super) fn fill_in(spec: &mut Value, old: Option<&Value>, errors: &mut Errors) {
    if fields::text(spec, "type") == "ExternalName" {
        return;
    }
    let bare = is_headless(spec) && !fields::is_set(&spec["selector"]);
    if !fields::has(spec, "ipFamilyPolicy") {
        let before = old.map(|old| old["ipFamilyPolicy"].clone());
        let policy = match before.filter(|policy| !policy.is_null()) {
            Some(before) => before,
            None if bare => "RequireDualStack".into(),
            None => "SingleStack".into(),
        };
        fields::set(spec, "ipFamilyPolicy", policy);
    }
    let policy = spec["ipFamilyPolicy"].clone();
    let path = Path::new("spec");
    if policy == "SingleStack" {
        for (key, what) in [("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")] {
            if fields::list(spec, key).len() == 2 {
                let why = format!(
                    "must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
                );
                errors.invalid(&path.field("ipFamilyPolicy"), &policy, &why);
            }
        }
    }
    if bare {
        fill_in_bare(spec, &policy);
        return;
    }
    if policy == "RequireDualStack" {
        let why = "this cluster is not configured for dual-stack services";
        errors.invalid(&path.field("ipFamilyPolicy"), &policy, why);
    }
    for (i, family) in fields::list(spec, "ipFamilies").iter().enumerate() {
        if family != "IPv4" {
            let path = path.field("ipFamilies").index(i);
            errors.invalid(&path, family, "not configured on this cluster");
        }
    }
    if errors.is_empty() && fields::list(spec, "ipFamilies").is_empty() {
        fields::set(spec, "ipFamilies", json!(["IPv4"]));
    }
}

/// Nothing is known of the endpoints of such a service: it may have both families.
fn fill_in_bare(spec: &mut Value, policy: &Value) {
    let mut families = fields::list(spec, "ipFamilies").to_vec();
    if families.is_empty() {
        families.push("IPv4".into());
    }
    if families.len() < 2 && policy != "SingleStack" {
        let other = if families.first().is_some_and(|family| family == "IPv4") {
            "IPv6"
        } else {
            "IPv4"
        };
        families.push(other.into());
    }
    fields::set(spec, "ipFamilies", families);
}

pub(super) fn is_headless(spec: &Value) -> bool {
    fields::list(spec, "clusterIPs")
        .first()
        .is_some_and(|ip| ip == "None")
}
