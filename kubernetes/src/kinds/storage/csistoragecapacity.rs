//! How much storage is left where.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind,
        cells::{self, NAME, UNSET},
    },
    validation::{
        complain, dns_subdomain, immutable, validate_metadata, validate_metadata_update,
        validate_quantity, validate_selector,
    },
};

pub(super) const ROW: Kind = Kind {
    columns: &[
        NAME,
        cells::text("StorageClassName", |object, _| {
            fields::text(object, "storageClassName").into()
        }),
        cells::text("Capacity", |object, _| match &object["capacity"] {
            Value::Null => UNSET.into(),
            capacity => cells::quantity(capacity).into(),
        }),
    ],
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        for key in ["nodeTopology", "storageClassName"] {
            immutable(&new[key], &old[key], &Path::new(key), errors);
        }
    },
    ..Kind::new(
        GROUP,
        "v1",
        "CSIStorageCapacity",
        "csistoragecapacities",
        "csistoragecapacity",
        "io.k8s.api.storage.v1.CSIStorageCapacity",
    )
};

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let topology = &object["nodeTopology"];
    validate_selector(topology, &Path::new("nodeTopology"), errors);
    let class = fields::text(object, "storageClassName");
    let faults = dns_subdomain(class);
    complain(errors, &Path::new("storageClassName"), class, &faults);
    if fields::has(object, "capacity") {
        validate_quantity(&object["capacity"], &Path::new("capacity"), errors);
    }
}
