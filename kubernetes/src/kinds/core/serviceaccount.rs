//! Service accounts.
use crate::{
    kinds::{
        Kind, Subresource,
        cells::{self, AGE, NAME},
    },
    validation::{dns_subdomain, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    short: &["sa"],
    subresources: &[Subresource::Token],
    columns: &[
        NAME,
        cells::text("Secrets", |object, _| cells::count(&object["secrets"])),
        AGE,
    ],
    validate: |object, errors| validate_metadata(object, dns_subdomain, errors),
    validate_update: validate_metadata_update,
    ..Kind::new(
        "",
        "v1",
        "ServiceAccount",
        "serviceaccounts",
        "serviceaccount",
        "io.k8s.api.core.v1.ServiceAccount",
    )
};
