//! Who may use a cluster: access entries, their policies, and who a caller is by them.
pub mod entries;
pub mod entry;
pub mod policies;
pub mod principals;

use principals::{EntryPrincipal, PrincipalKind, Session};

pub use entry::{AccessEntry, EntryType, Scope};

/// A caller of a cluster as AWS knows one.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Of a user, a root, or a session of a role.
    pub arn: &'a str,
    pub access_key: &'a str,
    /// The private DNS name of the instance that calls, where the session is one of an instance.
    pub private_dns_name: Option<&'a str>,
}

/// Who a caller is in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub username: String,
    pub groups: Vec<String>,
    /// ARNs of access policies, and where they hold.
    pub policies: Vec<(String, Scope)>,
}

/// Finds who a caller is by a cluster's entries; `None` if there is none for it, or one whose user
/// name needs what the caller does not have.
pub fn identify(entries: &[AccessEntry], caller: Caller<'_>) -> Option<Identity> {
    let session = Session::read(caller.arn);
    let own = |entry: &&AccessEntry| match &session {
        None => entry.principal == caller.arn,
        Some(session) => is_role_of(session, &entry.principal),
    };
    let entry = entries.iter().find(own)?;
    let policies = entry.policies.iter();
    Some(Identity {
        username: username(&entry.username, caller, session.as_ref())?,
        groups: entry.groups.clone(),
        policies: policies
            .map(|(arn, association)| (arn.clone(), association.scope.clone()))
            .collect(),
    })
}

/// Whether a principal is the role of a session. Sessions do not tell the path of a role, and names
/// are unique in an account whatever the path.
fn is_role_of(session: &Session, principal: &str) -> bool {
    EntryPrincipal::parse(principal).is_ok_and(|role| {
        role.kind == PrincipalKind::Role
            && role.account == session.account
            && role.name == session.role
    })
}

/// Fills in a template such as `team:{{SessionName}}`, in one pass: what is filled in is not read
/// again.
fn username(template: &str, caller: Caller<'_>, session: Option<&Session>) -> Option<String> {
    let mut name = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (variable, after) = after.split_once("}}")?;
        name.push_str(before);
        match variable {
            // Kubernetes' tools take no @ everywhere; IAM's authenticator does the same.
            "SessionName" => name.push_str(&session?.name.replace('@', "-")),
            "SessionNameRaw" => name.push_str(&session?.name),
            "AccountID" => name.push_str(caller.arn.split(':').nth(4)?),
            "AccessKeyID" => name.push_str(caller.access_key),
            "EC2PrivateDNSName" => name.push_str(caller.private_dns_name?),
            _ => return None,
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{entry::Association, *};

    fn entry(principal: &str, username: &str) -> AccessEntry {
        AccessEntry {
            principal: principal.into(),
            id: String::new(),
            kind: EntryType::Standard,
            username: username.into(),
            groups: vec!["devs".into()],
            policies: BTreeMap::new(),
            token: None,
        }
    }

    fn caller(arn: &str) -> Caller<'_> {
        Caller {
            arn,
            access_key: "AKID",
            private_dns_name: None,
        }
    }

    #[test]
    fn a_user_is_who_its_entry_says() {
        let arn = "arn:aws:iam::000000000000:user/ann";
        let mut ann = entry(arn, arn);
        let association = Association {
            scope: Scope::Namespaces(vec!["web".into()]),
            associated_ms: 0,
            modified_ms: 0,
        };
        let policy = policies::arn("AmazonEKSViewPolicy");
        ann.policies.insert(policy.clone(), association.clone());
        let found = identify(&[ann], caller(arn)).unwrap();
        let expected = Identity {
            username: arn.into(),
            groups: vec!["devs".into()],
            policies: vec![(policy, association.scope)],
        };
        assert_eq!(found, expected);
        let other = "arn:aws:iam::000000000000:user/bob";
        assert_eq!(identify(&[entry(arn, arn)], caller(other)), None);
    }

    #[test]
    fn a_session_is_known_by_its_role_whatever_its_path() {
        let session = "arn:aws:sts::000000000000:assumed-role/ci/ann@example.org";
        for (role, known) in [
            ("arn:aws:iam::000000000000:role/ci", true),
            ("arn:aws:iam::000000000000:role/team/ci", true),
            ("arn:aws:iam::000000000000:user/ci", false),
            ("arn:aws:iam::111122223333:role/ci", false),
            ("arn:aws:iam::000000000000:role/ci2", false),
        ] {
            let entries = [entry(role, "ci:{{SessionName}}")];
            let found = identify(&entries, caller(session));
            let name = found.map(|identity| identity.username);
            assert_eq!(
                name.as_deref(),
                known.then_some("ci:ann-example.org"),
                "{role}"
            );
        }
        let role = "arn:aws:iam::000000000000:role/ci";
        let raw = [entry(
            role,
            "{{AccountID}}:{{SessionNameRaw}}:{{AccessKeyID}}",
        )];
        let found = identify(&raw, caller(session)).unwrap();
        assert_eq!(found.username, "000000000000:ann@example.org:AKID");
    }

    #[test]
    fn a_node_is_named_by_its_instance() {
        let role = "arn:aws:iam::000000000000:role/nodes";
        let entries = [entry(role, "system:node:{{EC2PrivateDNSName}}")];
        let session = "arn:aws:sts::000000000000:assumed-role/nodes/i-1";
        assert_eq!(identify(&entries, caller(session)), None);
        let node = Caller {
            private_dns_name: Some("ip-10-0-0-1.ec2.internal"),
            ..caller(session)
        };
        let found = identify(&entries, node).unwrap();
        assert_eq!(found.username, "system:node:ip-10-0-0-1.ec2.internal");
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let role = "arn:aws:iam::000000000000:role/ci";
        let session = "arn:aws:sts::000000000000:assumed-role/ci/{{AccessKeyID}}";
        let found = identify(&[entry(role, "x:{{SessionName}}")], caller(session)).unwrap();
        assert_eq!(found.username, "x:{{AccessKeyID}}");
    }
}
