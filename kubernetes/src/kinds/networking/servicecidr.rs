//! Ranges from which services get their addresses.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME},
        net,
    },
    validation::{IMMUTABLE, dns_subdomain, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        cells::text("CIDRs", |object, _| {
            cells::join(fields::list(&object["spec"], "cidrs"), ",").into()
        }),
        AGE,
    ],
    validate,
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "ServiceCIDR",
        "servicecidrs",
        "servicecidr",
        "io.k8s.api.networking.v1.ServiceCIDR",
    )
};

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec").field("cidrs");
    let cidrs = fields::list(&object["spec"], "cidrs");
    if cidrs.is_empty() {
        errors.required(&path, "at least one CIDR required");
        return;
    }
    if cidrs.len() > 2 {
        let why = "may only hold up to 2 values";
        errors.invalid(&path, &object["spec"]["cidrs"], why);
        return;
    }
    let mut families = Vec::new();
    for (i, cidr) in cidrs.iter().enumerate() {
        let text = cidr.as_str().unwrap_or_default();
        if let Some(network) = net::validate_cidr(text, &path.index(i), errors) {
            families.push(network.address.is_ipv4());
        }
    }
    if matches!(families.as_slice(), [a, b] if a == b) {
        let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96";
        errors.invalid(&path, &object["spec"]["cidrs"], why);
    }
}

/// Only a range of the other family may be added.
fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec").field("cidrs");
    let (now, before) = (
        fields::list(&new["spec"], "cidrs"),
        fields::list(&old["spec"], "cidrs"),
    );
    if now.len() != before.len() && (before.len(), now.len()) != (1, 2) {
        errors.invalid(&path, &new["spec"]["cidrs"], IMMUTABLE);
        return;
    }
    for (i, (cidr, was)) in now.iter().zip(before).enumerate() {
        if cidr != was {
            errors.invalid(&path.index(i), cidr, IMMUTABLE);
        }
    }
}
