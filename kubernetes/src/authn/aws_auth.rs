//! The config map `aws-auth` of `kube-system`: the older way to let principals of AWS in.
//!
//! What is in it is text that anybody with access to the map wrote. A list that cannot be read is as
//! if it were empty, and [`AwsAuth::problems`] says why: nobody is let in by half of a document.
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use wharf_auth::eks_token::{Caller, canonical_arn};

use super::aws::{Entry, expand};

/// Where it is.
pub const NAMESPACE: &str = "kube-system";
pub const NAME: &str = "aws-auth";

/// Longer documents are not read; the whole config map may have 1 MiB.
const MAX_BYTES: usize = 1024 * 1024;

/// What the config map says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsAuth {
    roles: Vec<Mapping>,
    users: Vec<Mapping>,
    accounts: Vec<String>,
    problems: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    /// In lower case, as principals are compared.
    arn: String,
    entry: Entry,
}

#[derive(Deserialize)]
struct MapRole {
    rolearn: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct MapUser {
    userarn: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Option<Vec<String>>,
}

impl AwsAuth {
    /// Reads the config map.
    pub fn from_config_map(config_map: &Value) -> Self {
        let mut problems = Vec::new();
        let text = |name| (name, config_map["data"][name].as_str().unwrap_or_default());
        let [roles, users, accounts] = ["mapRoles", "mapUsers", "mapAccounts"].map(text);
        let roles: Vec<MapRole> = read(roles, &mut problems);
        let users: Vec<MapUser> = read(users, &mut problems);
        let accounts = read(accounts, &mut problems);
        let roles = roles
            .into_iter()
            .map(|r| Mapping::new(&r.rolearn, r.username, r.groups));
        let users = users
            .into_iter()
            .map(|u| Mapping::new(&u.userarn, u.username, u.groups));
        Self {
            roles: roles.collect(),
            users: users.collect(),
            accounts,
            problems,
        }
    }

    /// What could not be read.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What the config map says of a caller: of its role or user, else of its account.
    pub fn identity(&self, caller: &Caller) -> Option<Entry> {
        let arn = caller.canonical_arn.to_ascii_lowercase();
        let mut mappings = self.roles.iter().chain(&self.users);
        if let Some(mapping) = mappings.find(|mapping| mapping.arn == arn) {
            let Entry { username, groups } = &mapping.entry;
            let username = if username.is_empty() {
                caller.arn.clone()
            } else {
                username.clone()
            };
            let groups = groups.iter().map(|group| expand(group, caller)).collect();
            return Some(Entry { username, groups });
        }
        let account = caller.principal.account.as_str();
        self.accounts
            .iter()
            .any(|own| own == account)
            .then(|| Entry {
                username: caller.canonical_arn.clone(),
                groups: Vec::new(),
            })
    }
}

impl Mapping {
    fn new(arn: &str, username: String, groups: Option<Vec<String>>) -> Self {
        Self {
            arn: canonical_arn(arn.trim()).to_ascii_lowercase(),
            entry: Entry {
                username,
                groups: groups.unwrap_or_default(),
            },
        }
    }
}

fn read<T: DeserializeOwned>((name, text): (&str, &str), problems: &mut Vec<String>) -> Vec<T> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    match yaml(text) {
        Ok(list) => list,
        Err(why) => {
            problems.push(format!("{NAMESPACE}/{NAME}: {name}: {why}"));
            Vec::new()
        }
    }
}

/// Reads one YAML document, within the limits of the library on depth, aliases and nodes.
fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if text.len() > MAX_BYTES {
        return Err("too long".to_owned());
    }
    serde_saphyr::from_str(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authn::aws::tests::caller;

    const ROLES: &str = "\
- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::123456789012:role/NodeRole
  username: system:node:{{EC2PrivateDNSName}}
- rolearn: arn:aws:iam::123456789012:role/Admin
  username: admin:{{SessionName}}
  groups: [system:masters]
";

    fn map(data: &Value) -> AwsAuth {
        AwsAuth::from_config_map(&json!({ "data": data }))
    }

    #[test]
    fn roles_users_and_accounts_are_found() {
        let auth = map(&json!({
            "mapRoles": ROLES,
            "mapUsers": "- userarn: arn:aws:iam::123456789012:user/ops\n  username: ops\n",
            "mapAccounts": "- \"123456789012\"\n- 210987654321\n- 000000000001\n",
        }));
        assert!(auth.problems().is_empty(), "{:?}", auth.problems());
        let admin = "arn:aws:sts::123456789012:assumed-role/Admin/jane";
        let entry = auth.identity(&caller(admin, "jane")).unwrap();
        assert_eq!(entry.username, "admin:{{SessionName}}");
        assert_eq!(entry.groups, ["system:masters"]);
        let ops = auth.identity(&caller("arn:aws:iam::123456789012:user/ops", ""));
        assert_eq!(ops.unwrap().username, "ops");
        let other = "arn:aws:iam::123456789012:user/other";
        let entry = auth.identity(&caller(other, "")).unwrap();
        assert_eq!((entry.username.as_str(), entry.groups.len()), (other, 0));
        let accounts = ["123456789012", "210987654321", "000000000001"];
        assert_eq!(auth.accounts, accounts);
    }

    #[test]
    fn what_cannot_be_read_lets_nobody_in() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
        for text in [
            "{",
            "- rolearn",
            "rolearn: x",
            "- username: admin",
            bomb,
            "- [[[[[[",
        ] {
            let auth = map(&json!({ "mapRoles": text }));
            assert_eq!(auth.problems().len(), 1, "{text}");
            assert!(auth.roles.is_empty());
        }
        let none = map(&json!({}));
        assert_eq!(none, AwsAuth::default());
        assert_eq!(none.identity(&caller("arn:aws:iam::1:user/x", "")), None);
    }
}
