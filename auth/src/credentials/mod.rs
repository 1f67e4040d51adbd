//! The access keys that `--auth=strict` knows, from a file in the form of `~/.aws/credentials`.
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use wharf_types::{AccountId, Arn};

use crate::{
    Error, Policy, Principal, Secret, SigError, Signed,
    policy::{Identity, Kind},
    principal::{is_access_key, user_name},
    roles::{Role, Roles},
};

/// One access key.
#[derive(Clone, Debug)]
pub struct Key {
    pub secret: Secret,
    /// Whom the key acts for.
    pub principal: Principal,
    /// What its account lets it do.
    pub identity: Identity,
}

/// All access keys, by their id.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    keys: HashMap<String, Key>,
    roles: Roles,
}

impl Keys {
    /// Reads a file of `[profile]` sections with `aws_access_key_id`, `aws_secret_access_key` and,
    /// of our own, `account` (else `default_account`) and `user` (else the profile's name; `root`
    /// is the account's root). `policy` names a file with the only policy that the user has; without
    /// one it may do everything in its account. A profile with `role`, the name of a role, has no key; its
    /// `trust` names a file with the policy that says who may act as the role. `read` reads those files, or
    /// says why it cannot.
    ///
    /// Nothing is skipped: an unknown line could be a misspelt restriction. Errors name the line,
    /// never its text.
    pub fn parse(
        text: &str,
        default_account: &AccountId,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Error> {
        let (mut keys, mut roles) = (HashMap::new(), Roles::default());
        for profile in profiles(text)? {
            let line = profile.line;
            if profile.settings.contains_key("role") {
                let (account, name, role) = profile.role(default_account, &read)?;
                if !roles.add(account, name, role) {
                    return Err(problem(line, "this role is in the file twice"));
                }
                continue;
            }
            let (id, key) = profile.key(default_account, &read)?;
            if keys.insert(id, key).is_some() {
                return Err(problem(line, "this access key is in the file twice"));
            }
        }
        Ok(Self { keys, roles })
    }

    /// The key that a request claims to be signed with, which has no session token.
    pub fn find(&self, signed: &Signed) -> Result<&Key, SigError> {
        match (
            self.keys.get(&signed.scope.access_key),
            &signed.session_token,
        ) {
            (Some(key), None) => Ok(key),
            _ => Err(SigError::UnknownKey),
        }
    }

    /// The key with this id.
    pub fn get(&self, access_key: &str) -> Option<&Key> {
        self.keys.get(access_key)
    }

    /// The roles that can be assumed.
    pub(crate) const fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Whether nobody can sign.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

#[derive(Default)]
struct Profile<'a> {
    line: usize,
    name: &'a str,
    /// Values and their lines.
    settings: HashMap<&'a str, (&'a str, usize)>,
}

fn profiles(text: &str) -> Result<Vec<Profile<'_>>, Error> {
    let mut profiles: Vec<Profile<'_>> = Vec::new();
    let mut names = HashSet::new();
    for (line, content) in (1..).zip(text.lines().map(str::trim)) {
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            let name = name.trim();
            if name.is_empty() || !names.insert(name) {
                return Err(problem(line, "a profile needs a name of its own"));
            }
            let settings = HashMap::new();
            profiles.push(Profile {
                line,
                name,
                settings,
            });
            continue;
        }
        let (name, value) = setting(content).map_err(|text| problem(line, text))?;
        let Some(profile) = profiles.last_mut() else {
            return Err(problem(line, "a setting before the first [profile]"));
        };
        if profile.settings.insert(name, (value, line)).is_some() {
            return Err(problem(line, "this setting is in the profile twice"));
        }
    }
    Ok(profiles)
}

fn setting(line: &str) -> Result<(&str, &str), &'static str> {
    let (name, value) = line
        .split_once('=')
        .ok_or("neither [profile] nor name = value")?;
    match (name.trim(), value.trim()) {
        (_, "") => Err("a setting without a value"),
        (
            name @ ("aws_access_key_id"
            | "aws_secret_access_key"
            | "account"
            | "user"
            | "policy"
            | "role"
            | "trust"),
            value,
        ) => Ok((name, value)),
        _ => Err(
            "unknown setting; there are aws_access_key_id, aws_secret_access_key, account, user, policy, role, trust",
        ),
    }
}

impl Profile<'_> {
    fn key(
        &self,
        default_account: &AccountId,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<(String, Key), Error> {
        let wrong = |text| problem(self.line, text);
        let setting = |name| self.settings.get(name).map(|(value, _)| *value);
        let id = setting("aws_access_key_id")
            .ok_or_else(|| wrong("the profile has no aws_access_key_id"))?;
        let secret = setting("aws_secret_access_key")
            .ok_or_else(|| wrong("the profile has no aws_secret_access_key"))?;
        if !is_access_key(id) {
            return Err(wrong("aws_access_key_id cannot be an access key"));
        }
        if setting("trust").is_some() {
            return Err(wrong("trust goes with a role"));
        }
        let account = self.account(default_account)?;
        let user = match setting("user") {
            None => user_name(self.name),
            Some(user) if user == user_name(user) => user.to_owned(),
            Some(_) => return Err(wrong("user is not a name that IAM allows")),
        };
        let principal = Principal {
            arn: Arn::user(&account, &user),
            account,
            access_key: id.to_owned(),
            session: None,
        };
        if principal.is_root()
            && let Some((_, line)) = self.settings.get("policy")
        {
            return Err(problem(
                *line,
                "the root of an account may do everything: a policy goes with a user",
            ));
        }
        let identity = self.identity(&read)?;
        let key = Key {
            secret: Secret::new(secret),
            principal,
            identity,
        };
        Ok((id.to_owned(), key))
    }

    fn account(&self, default_account: &AccountId) -> Result<AccountId, Error> {
        match self.settings.get("account").map(|(text, _)| text.parse()) {
            None => Ok(default_account.clone()),
            Some(Ok(account)) => Ok(account),
            Some(Err(_invalid)) => Err(problem(self.line, "account has 12 digits")),
        }
    }

    fn role(
        &self,
        default_account: &AccountId,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<(AccountId, String, Role), Error> {
        let wrong = |text| Err(problem(self.line, text));
        let has = |name| self.settings.contains_key(name);
        if has("aws_access_key_id") || has("aws_secret_access_key") || has("user") {
            return wrong("a role has neither keys nor a user");
        }
        let name = self.settings.get("role").map_or("", |(name, _)| *name);
        if name != user_name(name) {
            return wrong("role is not a name that IAM allows");
        }
        let Some(trust) = self.policy("trust", Kind::Trust, &read)? else {
            return wrong("a role needs trust: who may act as it");
        };
        let role = Role {
            identity: self.identity(&read)?,
            trust,
        };
        Ok((self.account(default_account)?, name.to_owned(), role))
    }

    fn identity(&self, read: impl Fn(&str) -> Result<String, String>) -> Result<Identity, Error> {
        let policy = self.policy("policy", Kind::Identity, read)?;
        Ok(policy.map_or(Identity::Full, |policy| Identity::Policy(Arc::new(policy))))
    }

    /// The policy in the file that a setting names.
    fn policy(
        &self,
        setting: &str,
        kind: Kind,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Option<Policy>, Error> {
        let Some((path, line)) = self.settings.get(setting) else {
            return Ok(None);
        };
        let failed = |problem| Error::PolicyFile {
            line: *line,
            path: (*path).to_owned(),
            problem,
        };
        let text = read(path).map_err(failed)?;
        let policy = Policy::parse(&text, kind).map_err(|e| failed(e.to_string()))?;
        Ok(Some(policy))
    }
}

fn problem(line: usize, problem: &'static str) -> Error {
    Error::CredentialsFile { line, problem }
}

#[cfg(test)]
mod tests;
