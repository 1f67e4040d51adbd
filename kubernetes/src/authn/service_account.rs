//! Tokens of service accounts as users, if all that they are bound to is still there.
use wharf_auth::service_account::{Claims, Reference};

use super::{User, service_account_groups};

/// What a token can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    ServiceAccount,
    Pod,
    Secret,
    Node,
}

/// An object that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub uid: String,
    /// Whether its deletion began more than a minute ago.
    pub deleted: bool,
    /// The token in a secret (`data.token`, decoded); `None` for everything else.
    pub token: Option<String>,
}

/// The user that `token`, which says `claims`, stands for. `find` looks objects up by kind, namespace (empty for a node) and
/// name. The error is what the log says; the client gets a 401.
pub fn user(
    token: &str,
    claims: &Claims,
    find: impl Fn(Bound, &str, &str) -> Option<Found>,
) -> Result<User, String> {
    let bound = &claims.kubernetes;
    let namespace = bound.namespace.as_str();
    let name = &bound.serviceaccount.name;
    let Some(account) = find(Bound::ServiceAccount, namespace, name) else {
        return Err(format!("serviceaccounts {name:?} not found"));
    };
    if account.uid != bound.serviceaccount.uid {
        let (uid, claim) = (account.uid, &bound.serviceaccount.uid);
        return Err(format!(
            "service account UID ({uid}) does not match claim ({claim})"
        ));
    }
    if account.deleted {
        return Err(format!(
            "service account {namespace}/{name} has been deleted"
        ));
    }
    let check = |kind, what, namespace, reference: &Option<Reference>| match reference {
        None => Ok(()),
        Some(reference) => {
            let found = find(kind, namespace, &reference.name);
            check(what, reference, found, token)
        }
    };
    check(Bound::Secret, "secret", namespace, &bound.secret)?;
    check(Bound::Pod, "pod", namespace, &bound.pod)?;
    // The node of a pod is only told, not checked: the pod is.
    if bound.pod.is_none() {
        check(Bound::Node, "node", "", &bound.node)?;
    }
    Ok(whole(claims))
}

fn check(
    what: &str,
    reference: &Reference,
    found: Option<Found>,
    presented: &str,
) -> Result<(), String> {
    let gone = || Err("service account token has been invalidated".to_owned());
    let Some(Found {
        uid,
        deleted,
        token,
    }) = found
    else {
        return gone();
    };
    if deleted {
        return gone();
    }
    // The token of a secret of the old kind names no uid: a secret made anew has another token.
    if reference.uid.is_empty() {
        return match token {
            Some(token) if token == presented => Ok(()),
            _ => Err("service account token does not match server's copy".to_owned()),
        };
    }
    if uid == reference.uid {
        return Ok(());
    }
    let claim = &reference.uid;
    Err(format!(
        "{what} UID ({uid}) does not match service account {what} ref claim ({claim})"
    ))
}

fn whole(claims: &Claims) -> User {
    let bound = &claims.kubernetes;
    let groups = service_account_groups(&bound.namespace);
    let mut user = User::authenticated(claims.sub.clone(), groups);
    user.uid.clone_from(&bound.serviceaccount.uid);
    let mut add = |key: &str, value: &str| {
        let key = format!("authentication.kubernetes.io/{key}");
        user.extra.insert(key, vec![value.to_owned()]);
    };
    if let Some(pod) = &bound.pod {
        add("pod-name", &pod.name);
        add("pod-uid", &pod.uid);
    }
    if !claims.jti.is_empty() {
        add("credential-id", &format!("JTI={}", claims.jti));
    }
    if let Some(node) = &bound.node {
        add("node-name", &node.name);
        if !node.uid.is_empty() {
            add("node-uid", &node.uid);
        }
    }
    user
}

#[cfg(test)]
mod tests {
    use wharf_auth::service_account::Kubernetes;

    use super::*;

    fn reference(name: &str, uid: &str) -> Reference {
        Reference {
            name: name.to_owned(),
            uid: uid.to_owned(),
        }
    }

    fn claims() -> Claims {
        Claims {
            sub: "system:serviceaccount:shop:app".to_owned(),
            jti: "7".to_owned(),
            kubernetes: Kubernetes {
                namespace: "shop".to_owned(),
                serviceaccount: reference("app", "u1"),
                pod: Some(reference("app-0", "u2")),
                node: Some(reference("n", "u3")),
                ..Kubernetes::default()
            },
            ..Claims::default()
        }
    }

    fn find(kind: Bound, namespace: &str, name: &str) -> Option<Found> {
        let uid = match (kind, namespace, name) {
            (Bound::ServiceAccount, "shop", "app") => "u1",
            (Bound::Pod, "shop", "app-0") => "u2",
            (Bound::Secret, "shop", "app-token") => "u4",
            _ => return None,
        };
        Some(Found {
            uid: uid.to_owned(),
            deleted: false,
            token: (kind == Bound::Secret).then(|| "t".to_owned()),
        })
    }

    #[test]
    fn a_bound_token_tells_its_pod_and_node() {
        let user = user("t", &claims(), find).unwrap();
        assert_eq!(user.name, "system:serviceaccount:shop:app");
        assert_eq!(user.uid, "u1");
        assert_eq!(
            user.groups,
            [
                "system:serviceaccounts",
                "system:serviceaccounts:shop",
                "system:authenticated"
            ]
        );
        for (key, value) in [
            ("pod-name", "app-0"),
            ("pod-uid", "u2"),
            ("node-name", "n"),
            ("node-uid", "u3"),
            ("credential-id", "JTI=7"),
        ] {
            let key = format!("authentication.kubernetes.io/{key}");
            assert_eq!(user.extra[&key], [value]);
        }
    }

    #[test]
    fn a_token_dies_with_what_it_is_bound_to() {
        let mut other = claims();
        other.kubernetes.serviceaccount.uid = "old".to_owned();
        let mut no_pod = claims();
        no_pod.kubernetes.pod = Some(reference("app-1", "u2"));
        let mut new_pod = claims();
        new_pod.kubernetes.pod = Some(reference("app-0", "old"));
        let mut node = claims();
        node.kubernetes.pod = None;
        for (claims, text) in [
            (other, "service account UID (u1) does not match claim (old)"),
            (no_pod, "service account token has been invalidated"),
            (
                new_pod,
                "pod UID (u2) does not match service account pod ref claim (old)",
            ),
            (node, "service account token has been invalidated"),
        ] {
            assert_eq!(user("t", &claims, find).unwrap_err(), text);
        }
        let deleted = |kind, namespace: &str, name: &str| {
            find(kind, namespace, name).map(|found| Found {
                deleted: kind == Bound::Pod,
                ..found
            })
        };
        assert!(user("t", &claims(), deleted).is_err());
    }

    #[test]
    fn the_token_of_a_secret_needs_the_secret_by_name() {
        let mut claims = claims();
        claims.kubernetes.pod = None;
        claims.kubernetes.node = None;
        claims.kubernetes.secret = Some(reference("app-token", ""));
        assert!(user("t", &claims, find).is_ok());
        assert!(user("older", &claims, find).is_err());
        claims.kubernetes.secret = Some(reference("gone", ""));
        assert!(user("t", &claims, find).is_err());
    }
}
