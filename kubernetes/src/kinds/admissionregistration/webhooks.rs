//! Webhooks that change or check requests.
use std::collections::HashSet;

use serde_json::Value;

use super::{
    CATEGORIES, GROUP,
    rules::{
        default_matching, default_rules, validate_conditions, validate_matching, validate_rule,
    },
};
use crate::{
    Column, Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
        webhook,
    },
    validation::{
        complain, dns_label_1035, dns_subdomain, one_of, validate_metadata,
        validate_metadata_update,
    },
};

const COLUMNS: &[Column] = &[
    NAME,
    cells::integer("Webhooks", |object, _| cells::count(&object["webhooks"])),
    AGE,
];

pub(super) const MUTATING: Kind = Kind {
    scope: Scope::Cluster,
    categories: CATEGORIES,
    columns: COLUMNS,
    default: |object| {
        default(object);
        for hook in fields::each(object, "webhooks") {
            fields::default_pointer(hook, "reinvocationPolicy", "Never");
        }
    },
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        GROUP,
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "mutatingwebhookconfiguration",
        "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
    )
};

pub(super) const VALIDATING: Kind = Kind {
    scope: Scope::Cluster,
    categories: CATEGORIES,
    columns: COLUMNS,
    default,
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        GROUP,
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "validatingwebhookconfiguration",
        "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
    )
};

const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

fn default(object: &mut Value) {
    for hook in fields::each(object, "webhooks") {
        fields::default_pointer(hook, "failurePolicy", "Fail");
        fields::default_pointer(hook, "timeoutSeconds", 10);
        default_matching(hook);
        default_rules(hook, "rules");
        if let Some(client) = fields::child(hook, "clientConfig") {
            webhook::default_client(client);
        }
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let mut names = HashSet::new();
    for (i, hook) in fields::list(object, "webhooks").iter().enumerate() {
        let path = Path::new("webhooks").index(i);
        validate_hook(hook, &path, errors);
        validate_versions(hook, &path.field("admissionReviewVersions"), errors);
        let name = fields::text(hook, "name");
        if !name.is_empty() && !names.insert(name) {
            errors.duplicate(&path.field("name"), &name.into());
        }
    }
}

fn validate_hook(hook: &Value, path: &Path, errors: &mut Errors) {
    validate_name(fields::text(hook, "name"), &path.field("name"), errors);
    for (i, rule) in fields::list(hook, "rules").iter().enumerate() {
        validate_rule(rule, &path.field("rules").index(i), errors);
    }
    one_of(hook, "failurePolicy", &["Fail", "Ignore"], path, errors);
    if fields::has(hook, "sideEffects") {
        one_of(hook, "sideEffects", &["None", "NoneOnDryRun"], path, errors);
    } else {
        let why = "must specify one of None, NoneOnDryRun";
        errors.required(&path.field("sideEffects"), why);
    }
    let timeout = &hook["timeoutSeconds"];
    if fields::number(timeout).is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        let why = "the timeout value must be between 1 and 30 seconds";
        errors.invalid(&path.field("timeoutSeconds"), timeout, why);
    }
    validate_matching(hook, path, errors);
    let policies = ["IfNeeded", "Never"];
    one_of(hook, "reinvocationPolicy", &policies, path, errors);
    let client = &hook["clientConfig"];
    webhook::validate_client(client, &path.field("clientConfig"), errors);
    validate_conditions(hook, path, errors);
}

fn validate_name(name: &str, path: &Path, errors: &mut Errors) {
    let faults = dns_subdomain(name);
    if name.is_empty() {
        errors.required(path, "");
    } else if !faults.is_empty() {
        errors.invalid(path, &name.into(), &faults.join(","));
    } else if name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        errors.invalid(path, &name.into(), why);
    }
}

fn validate_versions(hook: &Value, path: &Path, errors: &mut Errors) {
    let versions = fields::list(hook, "admissionReviewVersions");
    if versions.is_empty() {
        errors.required(path, "must specify one of v1, v1beta1");
        return;
    }
    let mut seen = HashSet::new();
    for (i, version) in versions.iter().enumerate() {
        let text = version.as_str().unwrap_or_default();
        if seen.insert(text) {
            complain(errors, &path.index(i), text, &dns_label_1035(text));
        } else {
            errors.invalid(&path.index(i), version, "duplicate version");
        }
    }
    if !VERSIONS.into_iter().any(|version| seen.contains(version)) {
        let why = "must include at least one of v1, v1beta1";
        errors.invalid(path, &hook["admissionReviewVersions"], why);
    }
}
