//! Nobody grants what it does not have, unless it may `escalate` or `bind`.
use std::sync::LazyLock;

use serde_json::Value;

use super::{ClusterRole, RoleRef, Rule, compact, covers, covers::quoted, describe};
use crate::{
    Status,
    authn::{MASTERS, User},
    authz::{Attributes, Authorizer},
};

const GROUP: &str = "rbac.authorization.k8s.io";

static FULL: LazyLock<[Rule; 2]> = LazyLock::new(|| {
    let all = || vec!["*".to_owned()];
    let resources = Rule {
        verbs: all(),
        api_groups: all(),
        resources: all(),
        ..Rule::default()
    };
    let paths = Rule {
        verbs: all(),
        non_resource_urls: all(),
        ..Rule::default()
    };
    [resources, paths]
});

/// The rules of whoever may do everything.
pub fn full_authority() -> &'static [Rule] {
    &*FULL
}

/// Whether `user` may write a role. `resource` is `roles` or `clusterroles`; the namespace is empty for
/// the latter, and `old` is what is stored, if the role is there.
///
/// An update that [`changes_only_gc_fields`] needs no check, and neither do controllers of our own.
pub fn check_role(
    authorizer: &Authorizer<'_>,
    user: &User,
    resource: &str,
    namespace: &str,
    role: &ClusterRole,
    old: Option<&ClusterRole>,
) -> Result<(), Status> {
    if user.is_in(MASTERS) {
        return Ok(());
    }
    // Nothing has a name yet when it is created.
    let name = old.map_or("", |old| &old.role.name);
    let escalate = Attributes::resource("escalate", GROUP, resource, namespace, name);
    if authorizer.authorize(user, &escalate).is_allowed() {
        return Ok(());
    }
    let refused = |why: &str| Status::forbidden(resource, GROUP, &role.role.name, why);
    confirm(authorizer, user, namespace, &role.role.rules).map_err(|why| refused(&why))?;
    let aggregated = role.is_aggregated() || old.is_some_and(ClusterRole::is_aggregated);
    if aggregated && confirm(authorizer, user, namespace, full_authority()).is_err() {
        return Err(refused(
            "must have cluster-admin privileges to use the aggregationRule",
        ));
    }
    Ok(())
}

/// Whether an update touches only what lets the garbage collector delete the object.
pub fn changes_only_gc_fields(new: &Value, old: &Value) -> bool {
    const FIELDS: [&str; 4] = [
        "ownerReferences",
        "finalizers",
        "managedFields",
        "resourceVersion",
    ];
    let rest = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| !FIELDS.contains(&name.as_str()));
        }
        object
    };
    rest(new) == rest(old)
}

/// Whether `user` may give a role away. `resource` is `rolebindings` or `clusterrolebindings`, `name`
/// that of the binding.
pub fn check_binding(
    authorizer: &Authorizer<'_>,
    user: &User,
    resource: &str,
    namespace: &str,
    name: &str,
    role: &RoleRef,
) -> Result<(), Status> {
    if user.is_in(MASTERS) {
        return Ok(());
    }
    let roles = match role.kind.as_str() {
        "ClusterRole" => Some("clusterroles"),
        "Role" => Some("roles"),
        _ => None,
    };
    if let Some(roles) = roles {
        let bind = Attributes::resource("bind", &role.api_group, roles, namespace, &role.name);
        if authorizer.authorize(user, &bind).is_allowed() {
            return Ok(());
        }
    }
    let rules = authorizer
        .rbac
        .role_rules(&role.kind, &role.name, namespace);
    let rules = match (rules, roles) {
        (Ok(rules), _) => rules,
        (Err(_), Some(roles)) => return Err(Status::not_found(roles, GROUP, &role.name)),
        (Err(why), None) => return Err(Status::bad_request(why)),
    };
    confirm(authorizer, user, namespace, rules)
        .map_err(|why| Status::forbidden(resource, GROUP, name, &why))
}

fn confirm(
    authorizer: &Authorizer<'_>,
    user: &User,
    namespace: &str,
    wanted: &[Rule],
) -> Result<(), String> {
    let owned = authorizer.rules_for(user, namespace);
    let missing = covers(owned.rules.iter().copied(), wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let (name, groups) = (&user.name, quoted(&user.groups));
    let missing = describe(&compact(missing));
    let mut text = format!(
        "user {name:?} (groups={groups}) is attempting to grant RBAC permissions not currently held:\n{missing}"
    );
    if !owned.errors.is_empty() {
        let errors = owned.errors.join(", ");
        text.extend(["; resolution errors: [", &errors, "]"]);
    }
    Err(text)
}
