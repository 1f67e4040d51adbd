//! Principals of AWS as users: by access entry, by the config map `aws-auth`, or as local administrator.
use std::collections::BTreeMap;

use wharf_auth::eks_token::Caller;

use super::{MASTERS, User, aws_auth::AwsAuth};

/// The member of a user's `extra` with the ARN that its access entry has.
pub const CANONICAL_ARN: &str = "canonicalArn";

/// `accessConfig.authenticationMode` of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Api,
    ApiAndConfigMap,
    ConfigMap,
}

/// What an access entry says of its principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// May contain `{{SessionName}}`, `{{SessionNameRaw}}`, `{{AccountID}}` and `{{AccessKeyID}}`.
    pub username: String,
    pub groups: Vec<String>,
}

/// Whom a caller is in a cluster; `None` if nobody let it in, which is a 401.
///
/// An access entry wins over the config map. Where keys are not checked (`local`), a caller that is
/// named nowhere is an administrator.
pub fn user(
    caller: &Caller,
    mode: Mode,
    entry: Option<&Entry>,
    aws_auth: &AwsAuth,
    local: bool,
) -> Option<User> {
    let entry = entry.filter(|_| mode != Mode::ConfigMap).cloned();
    let mapped = || match mode {
        Mode::Api => None,
        Mode::ApiAndConfigMap | Mode::ConfigMap => aws_auth.identity(caller),
    };
    let administrator = || {
        local.then(|| Entry {
            username: caller.arn.clone(),
            groups: vec![MASTERS.to_owned()],
        })
    };
    let Entry { username, groups } = entry.or_else(mapped).or_else(administrator)?;
    // Only an instance can say what its private name is.
    if username.contains("{{EC2PrivateDNSName}}") {
        return None;
    }
    let user = User::authenticated(expand(&username, caller), groups);
    Some(User {
        uid: format!(
            "aws-iam-authenticator:{}:{}",
            caller.principal.account,
            caller.principal.user_id()
        ),
        extra: extra(caller),
        ..user
    })
}

fn extra(caller: &Caller) -> BTreeMap<String, Vec<String>> {
    let id = caller.principal.user_id();
    let members = [
        ("accessKeyId", caller.access_key.clone()),
        ("arn", caller.arn.clone()),
        (CANONICAL_ARN, caller.canonical_arn.clone()),
        ("principalId", id.clone()),
        ("sessionName", caller.session_name.clone()),
        ("sigs.k8s.io/aws-iam-authenticator/principalId", id),
    ];
    let members = members.into_iter();
    members.map(|(k, v)| (k.to_owned(), vec![v])).collect()
}

/// Fills in what a template of a user's name or group asks for. Where the raw name is not asked for, a
/// session's name has no `@`, as with aws-iam-authenticator.
pub(super) fn expand(template: &str, caller: &Caller) -> String {
    let mut out = String::new();
    let mut rest = template;
    // One pass, so that what is filled in is not itself a template.
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        match name {
            "SessionName" => out.push_str(&caller.session_name.replace('@', "-")),
            "SessionNameRaw" => out.push_str(&caller.session_name),
            "AccountID" => out.push_str(caller.principal.account.as_str()),
            "AccessKeyID" => out.push_str(&caller.access_key),
            unknown => out.extend(["{{", unknown, "}}"]),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
pub(super) mod tests {
    use wharf_auth::Principal;

    use super::*;

    pub(in crate::authn) fn caller(arn: &str, session: &str) -> Caller {
        Caller {
            principal: Principal::local("AKIDEXAMPLE", &"123456789012".parse().unwrap()),
            arn: arn.to_owned(),
            canonical_arn: wharf_auth::eks_token::canonical_arn(arn),
            access_key: "AKIDEXAMPLE".to_owned(),
            session_name: session.to_owned(),
        }
    }

    const JANE: &str = "arn:aws:iam::123456789012:user/jane";

    #[test]
    fn an_entry_names_the_user_and_its_only_groups() {
        let entry = Entry {
            username: "jane".to_owned(),
            groups: vec!["dev".to_owned()],
        };
        let none = AwsAuth::default();
        let user = user(&caller(JANE, ""), Mode::Api, Some(&entry), &none, true).unwrap();
        assert_eq!(user.name, "jane");
        assert_eq!(user.groups, ["dev", "system:authenticated"]);
        assert_eq!(user.extra[CANONICAL_ARN], [JANE]);
        assert!(
            user.uid
                .starts_with("aws-iam-authenticator:123456789012:AIDA")
        );
    }

    #[test]
    fn without_an_entry_only_local_keys_are_let_in() {
        let none = AwsAuth::default();
        let caller = caller(JANE, "");
        let local = user(&caller, Mode::Api, None, &none, true).unwrap();
        assert_eq!((local.name.as_str(), local.is_in(MASTERS)), (JANE, true));
        assert_eq!(user(&caller, Mode::Api, None, &none, false), None);
        let node = Entry {
            username: "system:node:{{EC2PrivateDNSName}}".to_owned(),
            groups: vec!["system:nodes".to_owned()],
        };
        assert_eq!(user(&caller, Mode::Api, Some(&node), &none, true), None);
        // Entries are not looked at in the old mode.
        let entry = Entry::default();
        assert_eq!(
            user(&caller, Mode::ConfigMap, Some(&entry), &none, false),
            None
        );
    }

    #[test]
    fn templates_are_filled_in_once() {
        let arn = "arn:aws:sts::123456789012:assumed-role/Admin/a@b";
        let mut caller = caller(arn, "a@b");
        let text = expand(
            "{{AccountID}}:{{SessionName}}:{{SessionNameRaw}}:{{X}}:{{",
            &caller,
        );
        assert_eq!(text, "123456789012:a-b:a@b:{{X}}:{{");
        caller.session_name = "{{AccountID}}".to_owned();
        assert_eq!(expand("{{SessionName}}", &caller), "{{AccountID}}");
    }
}
