//! Requests for certificates. Who asked is filled in by the server, which knows.
use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME, NONE},
    },
    validation::{dns_label, dns_subdomain, one_of, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    short: &["csr"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Approval, Subresource::Status],
    fields: &["spec.signerName"],
    columns: &[
        NAME,
        AGE,
        cells::text("SignerName", |object, _| {
            cells::or(fields::text(&object["spec"], "signerName"), NONE)
        }),
        cells::text("Requestor", |object, _| {
            fields::text(&object["spec"], "username").into()
        }),
        cells::text("RequestedDuration", |object, _| {
            match fields::number(&object["spec"]["expirationSeconds"]) {
                Some(seconds) => crate::table::duration::human(seconds).into(),
                None => NONE.into(),
            }
        }),
        cells::text("Condition", condition),
    ],
    prepare_create: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            for key in ["username", "uid", "groups", "extra"] {
                fields::remove(spec, key);
            }
        }
        fields::set(object, "status", serde_json::Map::new());
    },
    prepare_update: |new, old| {
        if let Some(spec) = old.get("spec") {
            fields::set(new, "spec", spec.clone());
        }
    },
    validate,
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "certificatesigningrequest",
        "io.k8s.api.certificates.v1.CertificateSigningRequest",
    )
};

const SECONDS_MIN: i64 = 600;
const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
const FINAL: [&str; 3] = ["Approved", "Denied", "Failed"];
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

fn condition(object: &Value, _now: Timestamp) -> Value {
    let conditions = fields::list(&object["status"], "conditions");
    let has = |kind: &str| conditions.iter().any(|c| fields::text(c, "type") == kind);
    let mut shown = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if has("Failed") {
        shown.push_str(",Failed");
    }
    if !fields::text(&object["status"], "certificate").is_empty() {
        shown.push_str(",Issued");
    }
    shown.into()
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, |_| Vec::new(), errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let request = fields::text(spec, "request");
    let bytes = STANDARD.decode(request).unwrap_or_default();
    if !String::from_utf8_lossy(&bytes).contains(BEGIN) {
        let why = "PEM block type must be CERTIFICATE REQUEST";
        errors.invalid(&path.field("request"), &request.into(), why);
    }
    let at = path.field("usages");
    let usages = fields::list(spec, "usages");
    if usages.is_empty() {
        errors.required(&at, "");
    }
    let mut seen = HashSet::new();
    for (i, usage) in usages.iter().enumerate() {
        let name = usage.as_str().unwrap_or_default();
        if !USAGES.contains(&name) {
            errors.not_supported(&at.index(i), usage, &USAGES);
        }
        if !seen.insert(name) {
            errors.duplicate(&at.index(i), usage);
        }
    }
    let signer = fields::text(spec, "signerName");
    validate_signer(signer, &path.field("signerName"), errors);
    let seconds = &spec["expirationSeconds"];
    if fields::number(seconds).is_some_and(|seconds| seconds < SECONDS_MIN) {
        let why = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.invalid(&path.field("expirationSeconds"), seconds, why);
    }
    validate_conditions(&object["status"], errors);
}

fn validate_signer(name: &str, path: &Path, errors: &mut Errors) {
    if name == "kubernetes.io/legacy-unknown" {
        let why = "the legacy signerName is not allowed via this API version";
        errors.invalid(path, &name.into(), why);
        return;
    }
    if name.is_empty() {
        errors.required(path, "");
        return;
    }
    let parts = name.split_once('/').filter(|(_, rest)| !rest.contains('/'));
    let Some((domain, rest)) = parts else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.invalid(path, &name.into(), why);
        return;
    };
    if domain.len() > 253 {
        errors.too_long(path, 253);
    }
    for (part, rule) in [
        (domain, dns_label as fn(&str) -> Vec<String>),
        (rest, dns_subdomain),
    ] {
        let first = part.split('.').find(|label| !rule(label).is_empty());
        for fault in first.map(rule).unwrap_or_default() {
            let label = first.unwrap_or_default();
            let why = format!("validating label {label:?}: {fault}");
            errors.invalid(path, &part.into(), &why);
        }
    }
    if !domain.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        errors.invalid(path, &domain.into(), why);
    }
}

fn validate_conditions(status: &Value, errors: &mut Errors) {
    let path = Path::new("status").field("conditions");
    let mut seen = HashSet::new();
    for (i, condition) in fields::list(status, "conditions").iter().enumerate() {
        let at = path.index(i);
        let kind = fields::text(condition, "type");
        if kind.is_empty() {
            errors.required(&at.field("type"), "");
        }
        let allowed: &[&str] = if FINAL.contains(&kind) {
            &["True"]
        } else {
            &["False", "True", "Unknown"]
        };
        if fields::text(condition, "status").is_empty() {
            errors.required(&at.field("status"), "");
        } else {
            one_of(condition, "status", allowed, &at, errors);
        }
        let other = match kind {
            "Approved" => "Denied",
            "Denied" => "Approved",
            _ => "",
        };
        if !other.is_empty() && seen.contains(other) {
            let why = "Approved and Denied conditions are mutually exclusive";
            errors.invalid(&path, &kind.into(), why);
        }
        if !seen.insert(kind) {
            errors.duplicate(&at.field("type"), &kind.into());
        }
    }
}

/// What is decided stays decided.
fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("status").field("conditions");
    let count = |object: &Value, kind: &str| {
        let conditions = fields::list(&object["status"], "conditions").iter();
        conditions
            .filter(|c| fields::text(c, "type") == kind)
            .count()
    };
    for kind in FINAL {
        if count(new, kind) < count(old, kind) {
            let why = format!("updates may not remove a condition of type {kind:?}");
            errors.forbidden(&path, &why);
        }
    }
    let before = fields::text(&old["status"], "certificate");
    if !before.is_empty() && before != fields::text(&new["status"], "certificate") {
        let path = Path::new("status").field("certificate");
        errors.forbidden(&path, "updates may not modify existing certificate content");
    }
}
