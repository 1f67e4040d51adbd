//! Leases. They are renewed all the time and mean nothing after a restart.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Keep, Kind,
        cells::{self, AGE, NAME},
    },
    validation::{NEGATIVE, dns_subdomain, one_of, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    keep: Keep::Memory,
    columns: &[
        NAME,
        cells::text("Holder", |object, _| {
            fields::text(&object["spec"], "holderIdentity").into()
        }),
        AGE,
    ],
    validate,
    validate_update: validate_metadata_update,
    ..Kind::new(
        GROUP,
        "v1",
        "Lease",
        "leases",
        "lease",
        "io.k8s.api.coordination.v1.Lease",
    )
};

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    for (key, least, why) in [
        ("leaseDurationSeconds", 1, "must be greater than 0"),
        ("leaseTransitions", 0, NEGATIVE),
    ] {
        if fields::number(&spec[key]).is_some_and(|number| number < least) {
            errors.invalid(&path.field(key), &spec[key], why);
        }
    }
    one_of(spec, "strategy", &["OldestEmulationVersion"], &path, errors);
    let preferred = !fields::text(spec, "preferredHolder").is_empty();
    if preferred && fields::text(spec, "strategy").is_empty() {
        let why = "may only be specified if `strategy` is defined";
        errors.forbidden(&path.field("preferredHolder"), why);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lease_lasts_longer_than_nothing() {
        let mut errors = Errors::default();
        let spec = json!({ "leaseDurationSeconds": 0 });
        let lease = json!({ "metadata": { "name": "a" }, "spec": spec });
        (ROW.validate)(&lease, &mut errors);
        assert_eq!(
            errors.to_string(),
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"
        );
    }
}
