//! Scales: how many replicas of something there are.
use serde_json::Value;

use super::super::{Kind, Verbs};
use crate::table::Column;
use crate::table::cells::{AGE, NAME, integer};
use crate::validation::{dns_subdomain, not_negative, validate_metadata};
use crate::{Errors, Path, fields};

/// Only under kinds that have replicas, as `deployments/scale`.
pub(in super::super) const SCALE: Kind = Kind {
    verbs: Verbs::Review,
    columns: &[
        Column { format: "", ..NAME },
        integer("Desired", |o, _| {
            fields::integer(&o["spec"], "replicas").into()
        }),
        integer("Available", |o, _| {
            fields::integer(&o["status"], "replicas").into()
        }),
        AGE,
    ],
    validate,
    ..Kind::new(
        "autoscaling",
        "v1",
        "Scale",
        "scales",
        "scale",
        "io.k8s.api.autoscaling.v1.Scale",
    )
};

fn validate(scale: &Value, errors: &mut Errors) {
    validate_metadata(scale, dns_subdomain, errors);
    not_negative(&scale["spec"], "replicas", &Path::new("spec"), errors);
}
