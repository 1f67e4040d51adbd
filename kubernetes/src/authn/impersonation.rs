//! Acting as somebody else: `kubectl --as`.
use http::{HeaderMap, HeaderName};

use super::{
    ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, User, service_account_groups, service_account_name,
    split_service_account,
};
use crate::{
    Status,
    authz::{Attributes, Decision, forbidden},
};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// More values than these need no check to be refused: each costs a decision.
const MAX_VALUES: usize = 1000;

/// Whom `user` acts as by the headers of a request, if it may; `user` itself without such headers.
pub fn impersonate(
    user: User,
    headers: &HeaderMap,
    authorize: impl Fn(&User, &Attributes) -> Decision,
) -> Result<User, Status> {
    let Some(wanted) = Wanted::of(headers)? else {
        return Ok(user);
    };
    for attributes in wanted.checks() {
        let decision = authorize(&user, &attributes);
        if !decision.is_allowed() {
            return Err(forbidden(&user, &attributes, decision.reason()));
        }
    }
    Ok(wanted.user())
}

/// Removes the headers, so that nobody behind us takes them for its own.
pub fn strip(headers: &mut HeaderMap) {
    let is_ours = |name: &&HeaderName| name.as_str().starts_with("impersonate-");
    let names: Vec<HeaderName> = headers.keys().filter(is_ours).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// What the headers ask for.
#[derive(Debug, Default)]
struct Wanted {
    user: String,
    uid: String,
    groups: Vec<String>,
    extra: Vec<(String, String)>,
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Status> {
        let mut wanted = Self::default();
        let mut count = 0;
        for (name, value) in headers {
            let name = name.as_str();
            if !name.starts_with("impersonate-") {
                continue;
            }
            let Ok(value) = str::from_utf8(value.as_bytes()) else {
                return Err(Status::bad_request(format!("{name} is not UTF-8")));
            };
            let value = value.to_owned();
            count += 1;
            match (name, name.strip_prefix(EXTRA)) {
                (USER, _) if wanted.user.is_empty() => wanted.user = value,
                (UID, _) if wanted.uid.is_empty() => wanted.uid = value,
                (GROUP, _) => wanted.groups.push(value),
                (_, Some(key)) => wanted.extra.push((unescape(key), value)),
                _ => {}
            }
        }
        if count > MAX_VALUES {
            return Err(Status::bad_request("too many impersonation headers"));
        }
        let Self {
            user,
            uid,
            groups,
            extra,
        } = &wanted;
        let more = !uid.is_empty() || !groups.is_empty() || !extra.is_empty();
        match (user.is_empty(), more) {
            (false, _) => Ok(Some(wanted)),
            (true, false) => Ok(None),
            (true, true) => Err(without_user(&wanted)),
        }
    }

    /// What must be allowed, in the order in which it is asked.
    fn checks(&self) -> Vec<Attributes> {
        const AUTHENTICATION: &str = "authentication.k8s.io";
        let ask = |group, resource, namespace, name: &str| {
            Attributes::resource("impersonate", group, resource, namespace, name)
        };
        let mut checks = vec![match split_service_account(&self.user) {
            Some((namespace, name)) => ask("", "serviceaccounts", namespace, name),
            None => ask("", "users", "", &self.user),
        }];
        let groups = self.groups.iter().map(|group| ask("", "groups", "", group));
        checks.extend(groups);
        let extra = self.extra.iter();
        checks.extend(extra.map(|(key, value)| {
            ask(AUTHENTICATION, "userextras", "", value).with_subresource(key)
        }));
        if !self.uid.is_empty() {
            checks.push(ask(AUTHENTICATION, "uids", "", &self.uid));
        }
        checks
    }

    fn user(self) -> User {
        let (name, mut groups) = match split_service_account(&self.user) {
            Some((namespace, name)) if self.groups.is_empty() => (
                service_account_name(namespace, name),
                service_account_groups(namespace),
            ),
            _ => (self.user, self.groups),
        };
        let has = |name: &str| groups.iter().any(|group| group == name);
        if name == ANONYMOUS {
            if !has(UNAUTHENTICATED) {
                groups.push(UNAUTHENTICATED.to_owned());
            }
        } else if !has(AUTHENTICATED) && !has(UNAUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        let mut user = User {
            name,
            uid: self.uid,
            groups,
            ..User::default()
        };
        for (key, value) in self.extra {
            user.extra.entry(key).or_default().push(value);
        }
        user
    }
}

/// kube-apiserver answers 500 here, but the mistake is the client's.
fn without_user(wanted: &Wanted) -> Status {
    let Wanted {
        uid, groups, extra, ..
    } = wanted;
    let extra: Vec<&str> = extra.iter().map(|(key, _)| key.as_str()).collect();
    Status::bad_request(format!(
        "requested uid={uid:?}, groups={groups:?}, extra={extra:?} without impersonating a user"
    ))
}

/// Undoes the escapes in the name of a header; one that is wrong stays as it is.
fn unescape(key: &str) -> String {
    let mut out = Vec::new();
    let mut rest = key.as_bytes();
    let digit = |b: &u8| {
        char::from(*b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    loop {
        let (byte, tail) = match rest {
            [] => break,
            [b'%', high, low, tail @ ..] => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => (high << 4 | low, tail),
                _ => return key.to_owned(),
            },
            [b'%', ..] => return key.to_owned(),
            [byte, tail @ ..] => (*byte, tail),
        };
        out.push(byte);
        rest = tail;
    }
    String::from_utf8(out).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn boss() -> User {
        User::authenticated("boss", Vec::new())
    }

    fn allowed(list: &[(&'static str, &'static str)]) -> User {
        let yes = |_: &User, _: &Attributes| Decision::Allow(String::new());
        impersonate(boss(), &headers(list), yes).unwrap()
    }

    #[test]
    fn groups_follow_from_who_is_impersonated() {
        for (list, name, groups) in [
            (vec![], "boss", vec![AUTHENTICATED]),
            (
                vec![("impersonate-user", "jane")],
                "jane",
                vec![AUTHENTICATED],
            ),
            (
                vec![("impersonate-user", "jane"), ("impersonate-group", "dev")],
                "jane",
                vec!["dev", AUTHENTICATED],
            ),
            (
                vec![
                    ("impersonate-user", "jane"),
                    ("impersonate-group", UNAUTHENTICATED),
                ],
                "jane",
                vec![UNAUTHENTICATED],
            ),
            (
                vec![("impersonate-user", ANONYMOUS)],
                ANONYMOUS,
                vec![UNAUTHENTICATED],
            ),
            (
                vec![("impersonate-user", "system:serviceaccount:shop:app")],
                "system:serviceaccount:shop:app",
                vec![
                    "system:serviceaccounts",
                    "system:serviceaccounts:shop",
                    AUTHENTICATED,
                ],
            ),
        ] {
            let user = allowed(&list);
            assert_eq!((user.name.as_str(), user.groups), (name, owned(&groups)));
        }
    }

    fn owned(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn each_part_must_be_allowed_by_itself() {
        let list = [
            ("impersonate-user", "jane"),
            ("impersonate-group", "dev"),
            ("impersonate-uid", "7"),
            ("impersonate-extra-acme.com%2fteam", "blue"),
        ];
        let user = allowed(&list);
        assert_eq!(
            (user.uid.as_str(), &user.extra["acme.com/team"]),
            ("7", &owned(&["blue"]))
        );
        for (resource, text) in [
            (
                "users",
                r#"users "jane" is forbidden: User "boss" cannot impersonate resource "users" in API group "" at the cluster scope"#,
            ),
            (
                "groups",
                r#"groups "dev" is forbidden: User "boss" cannot impersonate resource "groups" in API group "" at the cluster scope"#,
            ),
            (
                "userextras",
                r#"userextras.authentication.k8s.io "blue" is forbidden: User "boss" cannot impersonate resource "userextras/acme.com/team" in API group "authentication.k8s.io" at the cluster scope"#,
            ),
            (
                "uids",
                r#"uids.authentication.k8s.io "7" is forbidden: User "boss" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope"#,
            ),
        ] {
            let but = |user: &User, a: &Attributes| {
                assert_eq!(
                    (user.name.as_str(), a.verb.as_str()),
                    ("boss", "impersonate")
                );
                if a.resource == resource {
                    Decision::NoOpinion(String::new())
                } else {
                    Decision::Allow(String::new())
                }
            };
            let error = impersonate(boss(), &headers(&list), but).unwrap_err();
            assert_eq!(error.message, text);
        }
    }

    #[test]
    fn nobody_takes_a_group_without_a_user() {
        let yes = |_: &User, _: &Attributes| Decision::Allow(String::new());
        let list = headers(&[("impersonate-group", "system:masters")]);
        let error = impersonate(boss(), &list, yes).unwrap_err();
        assert!(
            error.message.ends_with("without impersonating a user"),
            "{error}"
        );
    }

    #[test]
    fn the_headers_go_no_further() {
        let mut all = headers(&[
            ("impersonate-user", "x"),
            ("impersonate-extra-a", "y"),
            ("accept", "z"),
        ]);
        strip(&mut all);
        assert_eq!(all, headers(&[("accept", "z")]));
    }
}
