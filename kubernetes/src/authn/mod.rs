//! Who is asking: users, and how credentials become one.
//!
//! Everything here is a function over plain data; the API server owns headers, keys and the store.
use std::collections::BTreeMap;

use http::{HeaderMap, header::AUTHORIZATION};
use serde_json::{Value, json};

pub mod aws;
pub mod aws_auth;
pub mod impersonation;
pub(crate) mod issue;
pub mod reviews;
pub mod service_account;
pub mod token_request;

/// Whoever may do everything.
pub const MASTERS: &str = "system:masters";
/// Everybody with valid credentials.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Everybody without credentials.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user without credentials.
pub const ANONYMOUS: &str = "system:anonymous";

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";

/// An identity that was proven, or impersonated by leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    /// Empty for most.
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user who proved who it is: in `groups` and in `system:authenticated`.
    pub fn authenticated(name: impl Into<String>, groups: Vec<String>) -> Self {
        let user = Self {
            name: name.into(),
            groups,
            ..Self::default()
        };
        user.with_group(AUTHENTICATED)
    }

    /// Whoever shows no credentials. Where it may go is [`is_open`].
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// The holder of a client certificate whose chain was verified.
    pub fn of_certificate(holder: wharf_auth::certificate::Holder) -> Self {
        Self::authenticated(holder.user, holder.groups)
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// Puts the user into one more group, if it is not in it.
    #[must_use]
    pub fn with_group(mut self, group: &str) -> Self {
        if !self.is_in(group) {
            self.groups.push(group.to_owned());
        }
        self
    }

    /// `UserInfo` of `authentication.k8s.io`, without what is empty.
    pub fn to_json(&self) -> Value {
        let mut info = json!({});
        if !self.name.is_empty() {
            info["username"] = self.name.as_str().into();
        }
        if !self.uid.is_empty() {
            info["uid"] = self.uid.as_str().into();
        }
        if !self.groups.is_empty() {
            info["groups"] = json!(self.groups);
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }
}

/// Whether a path may be asked without credentials. Everything else answers 401 to strangers, as on
/// EKS since 1.32: [anonymous authentication] is for these paths and nothing below them.
///
/// [anonymous authentication]: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions-standard.html
pub fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz")
}

/// The token of `Authorization: Bearer …`. `None` without the header or for another scheme.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = value.split_once(' ')?;
    let token = rest.split(' ').next().filter(|token| !token.is_empty())?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The user's name of a service account.
pub fn service_account_name(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT}{namespace}:{name}")
}

/// The groups of every service account of a namespace.
pub fn service_account_groups(namespace: &str) -> Vec<String> {
    vec![
        SERVICE_ACCOUNTS.to_owned(),
        format!("{SERVICE_ACCOUNTS}:{namespace}"),
    ]
}

/// Namespace and name of the service account with this user's name.
pub fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    (is_label(namespace) && is_subdomain(name)).then_some((namespace, name))
}

/// A DNS label, as names of namespaces are.
fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A DNS subdomain, as names of service accounts are.
fn is_subdomain(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |part: &str| {
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_health_is_open_to_strangers() {
        for path in ["/healthz", "/livez", "/readyz"] {
            assert!(is_open(path), "{path}");
        }
        let closed = [
            "/",
            "/version",
            "/api",
            "/healthzz",
            "/apis/healthz",
            "",
            "/readyz/ping",
            "/livez/",
        ];
        for path in closed {
            assert!(!is_open(path), "{path}");
        }
    }

    #[test]
    fn only_the_bearer_scheme_carries_a_token() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Bearer", None),
            ("Bearer  abc", None),
            ("Basic abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer_token(&headers), token, "{value}");
        }
        assert_eq!(bearer_token(&HeaderMap::new()), None);
    }

    #[test]
    fn names_of_service_accounts_are_split_and_checked() {
        let name = service_account_name("shop", "app.v1");
        assert_eq!(split_service_account(&name), Some(("shop", "app.v1")));
        for bad in [
            "shop:app",
            "system:serviceaccount:shop",
            "system:serviceaccount::app",
            "system:serviceaccount:shop:",
            "system:serviceaccount:a:b:c",
            "system:serviceaccount:Shop:app",
        ] {
            assert_eq!(split_service_account(bad), None, "{bad}");
        }
    }

    #[test]
    fn whoever_proved_who_it_is_is_authenticated_once() {
        let user = User::authenticated("jane", vec!["dev".to_owned()]);
        assert_eq!(user.groups, ["dev", AUTHENTICATED]);
        assert_eq!(user.clone().with_group("dev"), user);
        assert_eq!(
            user.to_json(),
            json!({ "username": "jane", "groups": ["dev", "system:authenticated"] })
        );
    }
}
