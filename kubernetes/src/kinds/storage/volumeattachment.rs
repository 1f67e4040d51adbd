//! Volumes that are attached to nodes.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME},
        core::validate_driver_name,
    },
    validation::{complain, dns_subdomain, immutable, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        crate::Column {
            format: "name",
            ..cells::text("Attacher", |object, _| {
                fields::text(&object["spec"], "attacher").into()
            })
        },
        cells::text("PV", |object, _| {
            fields::text(&object["spec"]["source"], "persistentVolumeName").into()
        }),
        cells::text("Node", |object, _| {
            fields::text(&object["spec"], "nodeName").into()
        }),
        cells::boolean("Attached", |object, _| {
            fields::flag(&object["status"], "attached").into()
        }),
        AGE,
    ],
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        immutable(&new["spec"], &old["spec"], &Path::new("spec"), errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "VolumeAttachment",
        "volumeattachments",
        "volumeattachment",
        "io.k8s.api.storage.v1.VolumeAttachment",
    )
};

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    validate_driver_name(spec, "attacher", &path, errors);
    let source = &spec["source"];
    let at = path.field("source");
    let why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    let inline = fields::has(source, "inlineVolumeSpec");
    match (inline, source["persistentVolumeName"].as_str()) {
        (false, None) => errors.required(&at, why),
        (true, Some(_)) => errors.forbidden(&at, why),
        (false, Some("")) => errors.required(
            &at.field("persistentVolumeName"),
            "must specify non empty persistentVolumeName",
        ),
        (false, Some(name)) => {
            let path = at.field("persistentVolumeName");
            complain(errors, &path, name, &dns_subdomain(name));
        }
        (true, None) => {}
    }
    let node = fields::text(spec, "nodeName");
    complain(errors, &path.field("nodeName"), node, &dns_subdomain(node));
}
