//! The answer to who may not.
use super::Attributes;
use crate::{Status, authn::User};

/// The 403 for what `user` may not do. `reason` is that of the decision.
pub fn forbidden(user: &User, attributes: &Attributes, reason: &str) -> Status {
    let mut text = escape(&sentence(user, attributes));
    if !reason.is_empty() {
        text.push_str(": ");
        text.push_str(reason);
    }
    let Attributes {
        resource,
        group,
        name,
        ..
    } = attributes;
    if attributes.is_resource {
        return Status::forbidden(resource, group, name, &text);
    }
    let message = format!("forbidden: {text}");
    Status {
        details: serde_json::json!({}),
        ..Status::new(http::StatusCode::FORBIDDEN, "Forbidden", message)
    }
}

fn sentence(user: &User, attributes: &Attributes) -> String {
    let Attributes {
        verb,
        group,
        namespace,
        path,
        ..
    } = attributes;
    let user = &user.name;
    if !attributes.is_resource {
        return format!("User {user:?} cannot {verb} path {path:?}");
    }
    let resource = attributes.combined();
    let what = format!("User {user:?} cannot {verb} resource {resource:?} in API group {group:?}");
    if namespace.is_empty() {
        format!("{what} at the cluster scope")
    } else {
        format!("{what} in the namespace {namespace:?}")
    }
}

/// Names come from clients; a browser must not take them for HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: &Attributes) -> String {
        let user = User::authenticated("x", Vec::new());
        forbidden(&user, attributes, "").message
    }

    #[test]
    fn the_texts_are_those_of_kube_apiserver() {
        let list = Attributes::resource("list", "", "pods", "default", "");
        assert_eq!(
            message(&list),
            r#"pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default""#
        );
        let log = Attributes::resource("get", "", "pods", "d", "n").with_subresource("log");
        assert_eq!(
            message(&log),
            r#"pods "n" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "d""#
        );
        let roles =
            Attributes::resource("list", "rbac.authorization.k8s.io", "clusterroles", "", "");
        assert_eq!(
            message(&roles),
            r#"clusterroles.rbac.authorization.k8s.io is forbidden: User "x" cannot list resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope"#
        );
        let path = Attributes::path("get", "/x<y>");
        assert_eq!(
            message(&path),
            r#"forbidden: User "x" cannot get path "/x&lt;y&gt;""#
        );
    }

    #[test]
    fn details_and_the_reason_go_with_it() {
        let get = Attributes::resource("get", "apps", "deployments", "d", "n");
        let status = forbidden(&User::anonymous(), &get, "why");
        assert!(status.message.ends_with(": why"), "{status}");
        assert_eq!(
            status.to_json()["details"],
            serde_json::json!({ "name": "n", "group": "apps", "kind": "deployments" })
        );
        assert_eq!(status.to_json()["code"], 403);
    }
}
