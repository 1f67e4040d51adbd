//! Addresses that services have taken.
use serde_json::Value;
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME, NONE},
        net,
    },
    validation::{
        complain, dns_subdomain, immutable, path_segment, required, validate_metadata,
        validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["ip"],
    scope: Scope::Cluster,
    columns: &[NAME, cells::text("ParentRef", parent), AGE],
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        let (now, before) = (&new["spec"]["parentRef"], &old["spec"]["parentRef"]);
        let path = Path::new("spec").field("parentRef");
        immutable(now, before, &path, errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "IPAddress",
        "ipaddresses",
        "ipaddress",
        "io.k8s.api.networking.v1.IPAddress",
    )
};

fn parent(object: &Value, _now: Timestamp) -> Value {
    let parent = &object["spec"]["parentRef"];
    if parent.is_null() {
        return NONE.into();
    }
    let resource = fields::text(parent, "resource");
    let mut shown = match fields::text(parent, "group") {
        "" => resource.to_owned(),
        group => format!("{resource}.{group}"),
    }
    .to_lowercase();
    for key in ["namespace", "name"] {
        let part = fields::text(parent, key);
        if key == "name" || !part.is_empty() {
            shown.push('/');
            shown.push_str(part);
        }
    }
    shown.into()
}

/// The canonical form of an address.
fn canonical(name: &str) -> Vec<String> {
    match net::parse_ip(name) {
        None => vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()],
        Some(address) if address.to_string() != name => {
            vec![format!("must be in canonical form (\"{address}\")")]
        }
        Some(_) => Vec::new(),
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, canonical, errors);
    let parent = &object["spec"]["parentRef"];
    let path = Path::new("spec").field("parentRef");
    if parent.is_null() {
        errors.required(&path, "");
        return;
    }
    let group = fields::text(parent, "group");
    if !group.is_empty() {
        complain(errors, &path.field("group"), group, &dns_subdomain(group));
    }
    required(parent, "resource", &path, errors);
    required(parent, "name", &path, errors);
    for key in ["resource", "name", "namespace"] {
        let text = fields::text(parent, key);
        complain(errors, &path.field(key), text, &path_segment(text));
    }
}
