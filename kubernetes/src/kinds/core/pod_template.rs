//! Pod templates as objects of their own.
use super::super::Kind;
use crate::Path;
use crate::defaults::default_template;
use crate::table::cells::{NAME, container_images, container_names, labels, text};
use crate::validation::{
    dns_subdomain, validate_metadata, validate_metadata_update, validate_template,
};

pub(super) const POD_TEMPLATE: Kind = Kind {
    columns: &[
        NAME,
        text("Containers", |o, _| container_names(&o["template"]["spec"])),
        text("Images", |o, _| container_images(&o["template"]["spec"])),
        text("Pod Labels", |o, _| {
            labels(&o["template"]["metadata"]["labels"])
        }),
    ],
    default: |object| default_template(object, "template"),
    validate: |object, errors| {
        validate_metadata(object, dns_subdomain, errors);
        validate_template(&object["template"], &Path::new("template"), errors);
    },
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        "",
        "v1",
        "PodTemplate",
        "podtemplates",
        "podtemplate",
        "io.k8s.api.core.v1.PodTemplate",
    )
};
