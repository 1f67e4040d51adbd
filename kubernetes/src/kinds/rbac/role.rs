//! Roles of a namespace and of a cluster.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{CREATED_AT, NAME},
    },
    validation::{path_segment, validate_metadata, validate_metadata_update, validate_selector},
};

pub(super) const ROW: Kind = Kind {
    columns: &[NAME, CREATED_AT],
    validate: |object, errors| {
        validate_metadata(object, path_segment, errors);
        validate_rules(object, Scope::Namespaced, errors);
    },
    validate_update: validate_metadata_update,
    ..Kind::new(
        GROUP,
        "v1",
        "Role",
        "roles",
        "role",
        "io.k8s.api.rbac.v1.Role",
    )
};

pub(super) const CLUSTER_ROW: Kind = Kind {
    scope: Scope::Cluster,
    columns: &[NAME, CREATED_AT],
    validate: validate_cluster,
    validate_update: validate_metadata_update,
    ..Kind::new(
        GROUP,
        "v1",
        "ClusterRole",
        "clusterroles",
        "clusterrole",
        "io.k8s.api.rbac.v1.ClusterRole",
    )
};

fn validate_cluster(object: &Value, errors: &mut Errors) {
    validate_metadata(object, path_segment, errors);
    validate_rules(object, Scope::Cluster, errors);
    if !fields::has(object, "aggregationRule") {
        return;
    }
    let path = Path::new("aggregationRule").field("clusterRoleSelectors");
    let selectors = fields::list(&object["aggregationRule"], "clusterRoleSelectors");
    if selectors.is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.required(&path, why);
    }
    for (i, selector) in selectors.iter().enumerate() {
        validate_selector(selector, &path.index(i), errors);
    }
}

fn validate_rules(object: &Value, scope: Scope, errors: &mut Errors) {
    for (i, rule) in fields::list(object, "rules").iter().enumerate() {
        let path = Path::new("rules").index(i);
        let none = |key: &str| fields::list(rule, key).is_empty();
        if none("verbs") {
            let why = "verbs must contain at least one value";
            errors.required(&path.field("verbs"), why);
        }
        let urls = &rule["nonResourceURLs"];
        if !none("nonResourceURLs") {
            let path = path.field("nonResourceURLs");
            if scope == Scope::Namespaced {
                let why = "namespaced rules cannot apply to non-resource URLs";
                errors.invalid(&path, urls, why);
            }
            if !none("apiGroups") || !none("resources") || !none("resourceNames") {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                errors.invalid(&path, urls, why);
            }
            continue;
        }
        if none("apiGroups") {
            let why = "resource rules must supply at least one api group";
            errors.required(&path.field("apiGroups"), why);
        }
        if none("resources") {
            let why = "resource rules must supply at least one resource";
            errors.required(&path.field("resources"), why);
        }
    }
}
