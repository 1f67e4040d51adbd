//! Bindings of roles to subjects, in a namespace and in a cluster.
use serde_json::{Value, json};

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
    },
    validation::{
        complain, dns_subdomain, path_segment, required, validate_metadata,
        validate_metadata_update,
    },
};

const COLUMNS: &[crate::Column] = &[
    NAME,
    cells::text("Role", |object, _| {
        let role = &object["roleRef"];
        let kind = fields::text(role, "kind");
        format!("{kind}/{}", fields::text(role, "name")).into()
    }),
    AGE,
    cells::wide("Users", |object, _| subjects(object, "User")),
    cells::wide("Groups", |object, _| subjects(object, "Group")),
    cells::wide("ServiceAccounts", |object, _| {
        subjects(object, "ServiceAccount")
    }),
];

pub(super) const ROW: Kind = Kind {
    columns: COLUMNS,
    default,
    validate: |object, errors| validate(object, Scope::Namespaced, errors),
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "RoleBinding",
        "rolebindings",
        "rolebinding",
        "io.k8s.api.rbac.v1.RoleBinding",
    )
};

pub(super) const CLUSTER_ROW: Kind = Kind {
    scope: Scope::Cluster,
    columns: COLUMNS,
    default,
    validate: |object, errors| validate(object, Scope::Cluster, errors),
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        "clusterrolebinding",
        "io.k8s.api.rbac.v1.ClusterRoleBinding",
    )
};

/// The names of the subjects of a kind.
fn subjects(object: &Value, kind: &str) -> Value {
    let names: Vec<String> = fields::list(object, "subjects")
        .iter()
        .filter(|subject| fields::text(subject, "kind") == kind)
        .map(|subject| {
            let name = fields::text(subject, "name");
            match fields::text(subject, "namespace") {
                namespace if kind == "ServiceAccount" && !namespace.is_empty() => {
                    format!("{namespace}/{name}")
                }
                _ => name.to_owned(),
            }
        })
        .collect();
    names.join(", ").into()
}

fn default(object: &mut Value) {
    if let Some(role) = fields::child(object, "roleRef") {
        fields::default_plain(role, "apiGroup", GROUP);
    }
    for subject in fields::each(object, "subjects") {
        if ["User", "Group"].contains(&fields::text(subject, "kind")) {
            fields::default_plain(subject, "apiGroup", GROUP);
        }
    }
}

fn validate(object: &Value, scope: Scope, errors: &mut Errors) {
    validate_metadata(object, path_segment, errors);
    let path = Path::new("roleRef");
    let role = &object["roleRef"];
    let group = fields::text(role, "apiGroup");
    if group != GROUP {
        errors.not_supported(&path.field("apiGroup"), &group.into(), &[GROUP]);
    }
    let kinds: &[&str] = match scope {
        Scope::Namespaced => &["Role", "ClusterRole"],
        Scope::Cluster => &["ClusterRole"],
    };
    let kind = fields::text(role, "kind");
    if !kinds.contains(&kind) {
        errors.not_supported(&path.field("kind"), &kind.into(), kinds);
    }
    let name = fields::text(role, "name");
    required(role, "name", &path, errors);
    complain(errors, &path.field("name"), name, &path_segment(name));
    let subjects = fields::list(object, "subjects");
    for (i, subject) in subjects.iter().enumerate() {
        validate_subject(subject, scope, &Path::new("subjects").index(i), errors);
    }
}

fn validate_subject(subject: &Value, scope: Scope, path: &Path, errors: &mut Errors) {
    required(subject, "name", path, errors);
    let name = fields::text(subject, "name");
    let group = fields::text(subject, "apiGroup");
    match fields::text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                complain(errors, &path.field("name"), name, &dns_subdomain(name));
            }
            if !group.is_empty() {
                errors.not_supported(&path.field("apiGroup"), &group.into(), &[""]);
            }
            if scope == Scope::Cluster {
                required(subject, "namespace", path, errors);
            }
        }
        "User" | "Group" => {
            if group != GROUP {
                errors.not_supported(&path.field("apiGroup"), &group.into(), &[GROUP]);
            }
        }
        kind => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.not_supported(&path.field("kind"), &kind.into(), &kinds);
        }
    }
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let role = &new["roleRef"];
    if !fields::same(role, &old["roleRef"]) {
        let shown = json!({
            "APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"],
        });
        errors.invalid(&Path::new("roleRef"), &shown, "cannot change roleRef");
    }
}
