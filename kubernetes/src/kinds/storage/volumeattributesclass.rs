//! Classes of attributes of volumes.
use super::{
    GROUP,
    storageclass::{forbid_changes, validate_parameters, validate_provisioner},
};
use crate::{
    Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
    },
    validation::{dns_subdomain, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    short: &["vac"],
    scope: Scope::Cluster,
    columns: &[
        NAME,
        cells::text("DriverName", |object, _| {
            fields::text(object, "driverName").into()
        }),
        AGE,
    ],
    validate: |object, errors| {
        validate_metadata(object, dns_subdomain, errors);
        validate_provisioner(object, "driverName", errors);
        validate_parameters(object, errors);
        if fields::count(&object["parameters"]) == 0 {
            let why = "must contain at least one key/value pair";
            errors.required(&Path::new("parameters"), why);
        }
    },
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        forbid_changes(new, old, &["driverName", "parameters"], errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "VolumeAttributesClass",
        "volumeattributesclasses",
        "volumeattributesclass",
        "io.k8s.api.storage.v1.VolumeAttributesClass",
    )
};
