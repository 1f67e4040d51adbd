//! Volumes that gather several sources.
use std::collections::BTreeSet;

use serde_json::Value;

use super::volumes::{not_reserved, validate_downward_file, validate_key_to_path, validate_mode};
use crate::validation::required;
use crate::{Errors, Path, fields};

const CLASH: &str = "conflicting duplicate paths";
const KINDS: [&str; 6] = [
    "secret",
    "configMap",
    "downwardAPI",
    "serviceAccountToken",
    "clusterTrustBundle",
    "podCertificate",
];

pub(super) fn validate_projected(volume: &Value, path: &Path, errors: &mut Errors) {
    validate_mode(volume, "defaultMode", path, errors);
    let mut taken = BTreeSet::new();
    for (i, source) in fields::list(volume, "sources").iter().enumerate() {
        let here = path.field("sources").index(i);
        let kinds = KINDS.iter().filter(|kind| fields::has(source, kind));
        let mut count = 0;
        for kind in kinds {
            count += 1;
            let inner = &source[*kind];
            validate_source(kind, inner, path, &here.field(kind), errors);
            for item in fields::list(inner, "items") {
                let target = fields::text(item, "path");
                if !target.is_empty() && !taken.insert(target) {
                    let shown = match *kind {
                        "downwardAPI" => target,
                        _ => fields::text(inner, "name"),
                    };
                    errors.invalid(path, &shown.into(), CLASH);
                }
            }
        }
        if count > 1 {
            let why = "may not specify more than 1 volume type per source";
            errors.forbidden(&here, why);
        }
    }
}

fn validate_source(kind: &str, source: &Value, volume: &Path, path: &Path, errors: &mut Errors) {
    match kind {
        "secret" | "configMap" => {
            required(source, "name", path, errors);
            for (i, item) in fields::list(source, "items").iter().enumerate() {
                validate_key_to_path(item, &path.field("items").index(i), errors);
            }
        }
        "downwardAPI" => {
            for file in fields::list(source, "items") {
                validate_downward_file(file, path, errors);
            }
        }
        "serviceAccountToken" => {
            let seconds = fields::integer(source, "expirationSeconds");
            let here = path.field("expirationSeconds");
            if seconds < 600 {
                let why = "may not specify a duration less than 10 minutes";
                errors.invalid(&here, &seconds.into(), why);
            }
            if seconds > 1 << 32 {
                let why = "may not specify a duration larger than 2^32 seconds";
                errors.invalid(&here, &seconds.into(), why);
            }
            // The server names the volume here, not the source.
            required(source, "path", volume, errors);
            not_reserved(fields::text(source, "path"), &volume.field("path"), errors);
        }
        "clusterTrustBundle" => {
            required(source, "path", path, errors);
            not_reserved(fields::text(source, "path"), &path.field("path"), errors);
            match (
                fields::has(source, "name"),
                fields::has(source, "signerName"),
            ) {
                (true, true) => {
                    let why = "only one of name and signerName may be used";
                    errors.invalid(path, source, why);
                }
                (false, false) => {
                    errors.required(path, "either name or signerName must be specified");
                }
                _ => {}
            }
        }
        _ => {}
    }
}
