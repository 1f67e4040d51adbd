//! The answers to `SubjectAccessReview` and its relatives: the `status` of what was posted.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Attributes, Authorizer, Decision};
use crate::{Errors, Path, Status, authn::User};

const GROUP: &str = "authorization.k8s.io";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    resource_attributes: Option<ResourceAttributes>,
    non_resource_attributes: Option<PathAttributes>,
    user: String,
    groups: Option<Vec<String>>,
    uid: String,
    extra: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceAttributes {
    namespace: String,
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    name: String,
    field_selector: Option<FieldSelector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FieldSelector {
    raw_selector: String,
    requirements: Option<Vec<Requirement>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Requirement {
    key: String,
    operator: String,
    values: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PathAttributes {
    path: String,
    verb: String,
}

/// `SelfSubjectAccessReview`: may I?
pub fn self_subject_access_review(
    object: &Value,
    user: &User,
    authorizer: &Authorizer<'_>,
) -> Result<Value, Status> {
    let kind = "SelfSubjectAccessReview";
    let spec = spec(object)?;
    let mut errors = Errors::default();
    check_exactly_one(object, &spec, &mut errors);
    check_metadata(object, &mut errors, &[]);
    refuse(kind, &errors)?;
    Ok(status(&authorizer.authorize(user, &spec.attributes())))
}

/// `SubjectAccessReview`: may somebody?
pub fn subject_access_review(object: &Value, authorizer: &Authorizer<'_>) -> Result<Value, Status> {
    let spec = spec(object)?;
    let mut errors = Errors::default();
    check_subject(object, &spec, &mut errors);
    check_metadata(object, &mut errors, &[]);
    refuse("SubjectAccessReview", &errors)?;
    Ok(spec.answer(authorizer))
}

/// `LocalSubjectAccessReview`: may somebody, in the namespace of the request?
pub fn local_subject_access_review(
    object: &Value,
    namespace: &str,
    authorizer: &Authorizer<'_>,
) -> Result<Value, Status> {
    let spec = spec(object)?;
    let mut errors = Errors::default();
    check_subject(object, &spec, &mut errors);
    check_metadata(object, &mut errors, &["namespace"]);
    let path = Path::new("spec");
    let own = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or(namespace);
    if let Some(resource) = &spec.resource_attributes
        && resource.namespace != own
    {
        let path = path.field("resourceAttributes").field("namespace");
        let value = json!(resource.namespace);
        errors.invalid(&path, &value, "must match metadata.namespace");
    }
    if spec.non_resource_attributes.is_some() {
        let value = &object["spec"]["nonResourceAttributes"];
        let path = path.field("nonResourceAttributes");
        errors.invalid(&path, value, "disallowed on this kind of request");
    }
    refuse("LocalSubjectAccessReview", &errors)?;
    if own != namespace {
        let text = format!("spec.resourceAttributes.namespace must match namespace: {namespace}");
        return Err(Status::bad_request(text));
    }
    Ok(spec.answer(authorizer))
}

/// `SelfSubjectRulesReview`: what may I in a namespace?
pub fn self_subject_rules_review(
    object: &Value,
    user: &User,
    authorizer: &Authorizer<'_>,
) -> Result<Value, Status> {
    let namespace = object["spec"]["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let found = authorizer.rules_for(user, namespace);
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    for rule in found.rules {
        if !rule.resources.is_empty() {
            let mut info = json!({
                "verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources,
            });
            if !rule.resource_names.is_empty() {
                info["resourceNames"] = json!(rule.resource_names);
            }
            resources.push(info);
        }
        if !rule.non_resource_urls.is_empty() {
            let urls = &rule.non_resource_urls;
            paths.push(json!({ "verbs": rule.verbs, "nonResourceURLs": urls }));
        }
    }
    let mut status = json!({
        "resourceRules": resources, "nonResourceRules": paths, "incomplete": found.incomplete,
    });
    if !found.errors.is_empty() {
        status["evaluationError"] = found.errors.join(", ").into();
    }
    Ok(status)
}

fn spec(object: &Value) -> Result<Spec, Status> {
    match &object["spec"] {
        Value::Null => Ok(Spec::default()),
        spec => Spec::deserialize(spec)
            .map_err(|e| Status::bad_request(format!("the spec cannot be read: {e}"))),
    }
}

impl Spec {
    fn attributes(&self) -> Attributes {
        let path = self.non_resource_attributes.as_ref();
        match (&self.resource_attributes, path) {
            (Some(resource), _) => resource.attributes(),
            (None, Some(PathAttributes { path, verb })) => Attributes::path(verb, path),
            (None, None) => Attributes::default(),
        }
    }

    fn answer(self, authorizer: &Authorizer<'_>) -> Value {
        let attributes = self.attributes();
        let user = User {
            name: self.user,
            uid: self.uid,
            groups: self.groups.unwrap_or_default(),
            extra: self.extra.unwrap_or_default(),
        };
        status(&authorizer.authorize(&user, &attributes))
    }
}

impl ResourceAttributes {
    fn attributes(&self) -> Attributes {
        let Self {
            verb,
            group,
            resource,
            namespace,
            name,
            ..
        } = self;
        let mut attributes = Attributes::resource(verb, group, resource, namespace, name)
            .with_subresource(&self.subresource);
        if !self.version.is_empty() {
            attributes.version.clone_from(&self.version);
        }
        if let Some(selector) = &self.field_selector {
            attributes.fields = selector.equalities();
        }
        attributes
    }
}

impl FieldSelector {
    /// What is asked with `=`. Leaving the rest out only makes the question wider.
    fn equalities(&self) -> Vec<(String, String)> {
        let raw = self
            .raw_selector
            .split(',')
            .filter(|term| !term.contains("!="));
        let raw = raw.filter_map(|term| term.split_once('='));
        let raw = raw.map(|(key, value)| (key, value.strip_prefix('=').unwrap_or(value)));
        let requirements = self.requirements.iter().flatten();
        let listed = requirements.filter_map(|requirement| {
            match (requirement.operator.as_str(), requirement.values.as_deref()) {
                ("In", Some([value])) => Some((requirement.key.as_str(), value.as_str())),
                _ => None,
            }
        });
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        raw.chain(listed).map(owned).collect()
    }
}

fn check_exactly_one(object: &Value, spec: &Spec, errors: &mut Errors) {
    let (path, value) = (Path::new("spec"), &object["spec"]["nonResourceAttributes"]);
    match (&spec.resource_attributes, &spec.non_resource_attributes) {
        (Some(_), Some(_)) => errors.invalid(
            &path.field("nonResourceAttributes"),
            value,
            "cannot be specified in combination with resourceAttributes",
        ),
        (None, None) => errors.invalid(
            &path.field("resourceAttributes"),
            value,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        _ => {}
    }
}

fn check_subject(object: &Value, spec: &Spec, errors: &mut Errors) {
    check_exactly_one(object, spec, errors);
    if spec.user.is_empty() && spec.groups.as_ref().is_none_or(Vec::is_empty) {
        let path = Path::new("spec").field("user");
        let why = "at least one of user or group must be specified";
        errors.invalid(&path, &json!(spec.user), why);
    }
}

/// A review has no metadata. What the server itself fills in does not count.
fn check_metadata(object: &Value, errors: &mut Errors, allowed: &[&str]) {
    let metadata = &object["metadata"];
    let is_set = |field: &&str| match &metadata[*field] {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    let fields = ["name", "generateName", "namespace", "labels", "annotations"];
    let mut set = fields
        .iter()
        .filter(|field| !allowed.contains(field) && is_set(field));
    if set.next().is_some() {
        let why = if allowed.is_empty() {
            "must be empty"
        } else {
            "must be empty except for namespace"
        };
        errors.invalid(&Path::new("metadata"), metadata, why);
    }
}

fn refuse(kind: &str, errors: &Errors) -> Result<(), Status> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Status::invalid(kind, GROUP, "", errors))
    }
}

fn status(decision: &Decision) -> Value {
    let mut status = json!({ "allowed": decision.is_allowed() });
    if decision.is_denied() {
        status["denied"] = true.into();
    }
    if !decision.reason().is_empty() {
        status["reason"] = decision.reason().into();
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::{AccessPolicies, NodeView, bootstrap, rbac::Index};

    #[derive(Debug)]
    struct NoPods;

    impl NodeView for NoPods {
        fn is_related(&self, _: &str, _: &str, _: &str, _: &str) -> bool {
            false
        }
    }

    fn with<T>(ask: impl FnOnce(&Authorizer<'_>) -> T) -> T {
        let mut objects = bootstrap::objects();
        objects.push(json!({
            "kind": "RoleBinding", "metadata": { "name": "jane", "namespace": "shop" },
            "subjects": [{ "kind": "User", "name": "jane" }],
            "roleRef": { "kind": "ClusterRole", "name": "view" },
        }));
        let rbac = Index::of_objects(&objects);
        let policies = AccessPolicies::default();
        ask(&Authorizer {
            nodes: &NoPods,
            rbac: &rbac,
            policies: &policies,
        })
    }

    fn jane() -> User {
        User::authenticated("jane", Vec::new())
    }

    #[test]
    fn can_i_is_answered_with_a_reason() {
        let ask = |namespace: &str| {
            let object = json!({ "metadata": {}, "spec": { "resourceAttributes": {
                "verb": "list", "resource": "pods", "namespace": namespace,
            } } });
            with(|a| self_subject_access_review(&object, &jane(), a)).unwrap()
        };
        assert_eq!(
            ask("shop"),
            json!({
                "allowed": true,
                "reason": "RBAC: allowed by RoleBinding \"jane/shop\" of ClusterRole \"view\" to User \"jane\"",
            })
        );
        assert_eq!(ask("other"), json!({ "allowed": false }));
    }

    #[test]
    fn somebody_else_is_answered_for() {
        let object = json!({ "spec": {
            "user": "x", "groups": ["system:masters"],
            "nonResourceAttributes": { "path": "/metrics", "verb": "get" },
        } });
        let answer = with(|a| subject_access_review(&object, a)).unwrap();
        assert_eq!(answer, json!({ "allowed": true }));
    }

    #[test]
    fn a_review_that_asks_nothing_or_too_much_is_invalid() {
        let refused = |object: &Value| with(|a| subject_access_review(object, a)).unwrap_err();
        let error = refused(&json!({ "spec": { "user": "x" } }));
        assert_eq!(
            error.message,
            "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: \
             Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        );
        let error = refused(&json!({
            "metadata": { "name": "x" },
            "spec": { "resourceAttributes": {}, "nonResourceAttributes": {} },
        }));
        for part in [
            "cannot be specified in combination with resourceAttributes",
            "at least one of user or group must be specified",
            "metadata: Invalid value",
        ] {
            assert!(error.message.contains(part), "{error}");
        }
        let spec = json!({ "user": "x", "resourceAttributes": { "namespace": "a" } });
        let object = json!({ "metadata": { "namespace": "b" }, "spec": spec });
        let error = with(|a| local_subject_access_review(&object, "b", a)).unwrap_err();
        assert!(error.message.contains("must match metadata.namespace"));
    }

    #[test]
    fn rules_are_listed_for_one_namespace() {
        let object = json!({ "spec": { "namespace": "shop" } });
        let status = with(|a| self_subject_rules_review(&object, &jane(), a)).unwrap();
        assert_eq!(status["incomplete"], false);
        let rules = status["resourceRules"].as_array().unwrap();
        assert!(
            rules
                .iter()
                .any(|r| r["resources"].as_array().unwrap().contains(&json!("pods")))
        );
        let object = json!({ "spec": { "namespace": "other" } });
        let status = with(|a| self_subject_rules_review(&object, &jane(), a)).unwrap();
        assert!(status["resourceRules"].as_array().unwrap().len() < rules.len());
        assert!(with(|a| self_subject_rules_review(&json!({}), &jane(), a)).is_err());
    }
}
