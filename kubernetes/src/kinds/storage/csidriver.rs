//! Drivers of the container storage interface.
use std::collections::HashSet;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME, NONE, UNSET},
    },
    validation::{dns_subdomain, immutable, one_of, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    columns: &[
        NAME,
        cells::boolean("AttachRequired", |object, _| {
            let required = object["spec"]["attachRequired"].as_bool();
            required.unwrap_or(true).into()
        }),
        cells::boolean("PodInfoOnMount", |object, _| {
            fields::flag(&object["spec"], "podInfoOnMount").into()
        }),
        cells::boolean("StorageCapacity", |object, _| {
            fields::flag(&object["spec"], "storageCapacity").into()
        }),
        cells::text("TokenRequests", requests),
        cells::boolean("RequiresRepublish", |object, _| {
            fields::flag(&object["spec"], "requiresRepublish").into()
        }),
        cells::text("Modes", |object, _| {
            let modes = fields::list(&object["spec"], "volumeLifecycleModes");
            cells::or(&cells::join(modes, ","), NONE)
        }),
        AGE,
    ],
    default,
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        let path = Path::new("spec");
        let (spec, before) = (&new["spec"], &old["spec"]);
        for (key, shown) in [
            ("attachRequired", "attachedRequired"),
            ("volumeLifecycleModes", "volumeLifecycleModes"),
        ] {
            immutable(&spec[key], &before[key], &path.field(shown), errors);
        }
    },
    ..Kind::new(
        GROUP,
        "v1",
        "CSIDriver",
        "csidrivers",
        "csidriver",
        "io.k8s.api.storage.v1.CSIDriver",
    )
};

const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;

fn requests(object: &Value, _now: Timestamp) -> Value {
    let requests = &object["spec"]["tokenRequests"];
    if requests.is_null() {
        return UNSET.into();
    }
    let audiences: Vec<&str> = fields::list(&object["spec"], "tokenRequests")
        .iter()
        .map(|request| fields::text(request, "audience"))
        .collect();
    audiences.join(",").into()
}

fn default(object: &mut Value) {
    let Some(spec) = fields::child(object, "spec") else {
        return;
    };
    fields::default_pointer(spec, "attachRequired", true);
    for key in [
        "podInfoOnMount",
        "storageCapacity",
        "requiresRepublish",
        "seLinuxMount",
    ] {
        fields::default_pointer(spec, key, false);
    }
    fields::default_pointer(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if fields::count(&spec["volumeLifecycleModes"]) == 0 {
        fields::set(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let policies = ["File", "None", "ReadWriteOnceWithFSType"];
    one_of(spec, "fsGroupPolicy", &policies, &path, errors);
    for mode in fields::list(spec, "volumeLifecycleModes") {
        if mode != "Persistent" && mode != "Ephemeral" {
            let modes = ["Persistent", "Ephemeral"];
            errors.not_supported(&path.field("volumeLifecycleModes"), mode, &modes);
        }
    }
    let mut audiences = HashSet::new();
    for (i, request) in fields::list(spec, "tokenRequests").iter().enumerate() {
        let path = path.field("tokenRequests").index(i);
        let audience = fields::text(request, "audience");
        if !audiences.insert(audience) {
            errors.duplicate(&path.field("audience"), &audience.into());
            continue;
        }
        let value = &request["expirationSeconds"];
        let path = path.field("expirationSeconds");
        match fields::number(value) {
            Some(seconds) if seconds < SECONDS_MIN => {
                let why = "may not specify a duration less than 10 minutes";
                errors.invalid(&path, value, why);
            }
            Some(seconds) if seconds > SECONDS_MAX => {
                let why = "may not specify a duration larger than 2^32 seconds";
                errors.invalid(&path, value, why);
            }
            _ => {}
        }
    }
}
