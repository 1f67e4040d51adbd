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
pub struct Keys(HashMap<String, Key>);

impl Keys {
    /// Reads a file of `[profile]` sections with `aws_access_key_id`, `aws_secret_access_key` and,
    /// of our own, `account` (else `default_account`) and `user` (else the profile's name; `root`
    /// is the account's root). `policy` names a file with the only policy that the user has; without
    /// one it may do everything in its account. `read` reads that file, or says why it cannot.
    ///
    /// Nothing is skipped: an unknown line could be a misspelt restriction. Errors name the line,
    /// never its text.
    pub fn parse(
        text: &str,
        default_account: &AccountId,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Error> {
        let mut keys = HashMap::new();
        for profile in profiles(text)? {
            let line = profile.line;
            let (id, key) = profile.key(default_account, &read)?;
            if keys.insert(id, key).is_some() {
                return Err(problem(line, "this access key is in the file twice"));
            }
        }
        Ok(Self(keys))
    }

    /// The key that a request claims to be signed with. We issue no temporary credentials, so a
    /// session token is as unknown as an unknown key.
    pub fn find(&self, signed: &Signed) -> Result<&Key, SigError> {
        match (self.0.get(&signed.scope.access_key), &signed.session_token) {
            (Some(key), None) => Ok(key),
            _ => Err(SigError::UnknownKey),
        }
    }

    /// The key with this id.
    pub fn get(&self, access_key: &str) -> Option<&Key> {
        self.0.get(access_key)
    }

    /// Whether nobody can sign.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
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
            name @ ("aws_access_key_id" | "aws_secret_access_key" | "account" | "user" | "policy"),
            value,
        ) => Ok((name, value)),
        _ => Err(
            "unknown setting; there are aws_access_key_id, aws_secret_access_key, account, user, policy",
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
        let account = match setting("account").map(str::parse::<AccountId>) {
            None => default_account.clone(),
            Some(Ok(account)) => account,
            Some(Err(_invalid)) => return Err(wrong("account has 12 digits")),
        };
        let user = match setting("user") {
            None => user_name(self.name),
            Some(user) if user == user_name(user) => user.to_owned(),
            Some(_) => return Err(wrong("user is not a name that IAM allows")),
        };
        let principal = Principal {
            arn: Arn::user(&account, &user),
            account,
            access_key: id.to_owned(),
        };
        let identity = self.identity(&principal, read)?;
        let key = Key {
            secret: Secret::new(secret),
            principal,
            identity,
        };
        Ok((id.to_owned(), key))
    }

    fn identity(
        &self,
        principal: &Principal,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Identity, Error> {
        let Some((path, line)) = self.settings.get("policy") else {
            return Ok(Identity::Full);
        };
        if principal.is_root() {
            return Err(problem(
                *line,
                "the root of an account may do everything: a policy goes with a user",
            ));
        }
        let failed = |problem| Error::PolicyFile {
            line: *line,
            path: (*path).to_owned(),
            problem,
        };
        let text = read(path).map_err(failed)?;
        let policy = Policy::parse(&text, Kind::Identity).map_err(|e| failed(e.to_string()))?;
        Ok(Identity::Policy(Arc::new(policy)))
    }
}

fn problem(line: usize, problem: &'static str) -> Error {
    Error::CredentialsFile { line, problem }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Keys, Error> {
        let read = |path: &str| match path {
            "good.json" => Ok(POLICY.to_owned()),
            "bad.json" => Ok("{}".to_owned()),
            _ => Err("there is no such file".to_owned()),
        };
        Keys::parse(text, &"000000000000".parse().unwrap(), read)
    }

    const POLICY: &str = r#"{"Statement":{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}}"#;

    const FILE: &str = "\
# made up
[default]
aws_access_key_id = AKIAEXAMPLEEXAMPLE00
aws_secret_access_key = not/a+real=secret

; another account
[ ci bot ]
aws_secret_access_key=second
aws_access_key_id=AKIAEXAMPLEEXAMPLE01
account = 123456789012
[admin]
aws_access_key_id = test
aws_secret_access_key = third
user = root
";

    #[test]
    fn a_file_like_that_of_the_aws_cli_is_read() {
        let keys = parse(FILE).unwrap();
        assert_eq!(keys.len(), 3);
        for (id, secret, arn) in [
            (
                "AKIAEXAMPLEEXAMPLE00",
                "not/a+real=secret",
                "arn:aws:iam::000000000000:user/default",
            ),
            (
                "AKIAEXAMPLEEXAMPLE01",
                "second",
                "arn:aws:iam::123456789012:user/ci_bot",
            ),
            ("test", "third", "arn:aws:iam::000000000000:root"),
        ] {
            let key = keys.get(id).unwrap();
            assert_eq!(key.secret.expose(), secret);
            assert_eq!(key.principal.arn.to_string(), arn);
            assert_eq!(key.principal.account.as_str(), key.principal.arn.account);
            assert_eq!(key.principal.access_key, id);
        }
        let printed = format!("{keys:?}");
        assert!(!printed.contains("second"), "{printed}");
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn errors_name_the_line_and_repeat_no_secret() {
        let pair = "aws_access_key_id=A\naws_secret_access_key=hunter2\n";
        for (text, wrong) in [
            ("[a]\nhunter2\n".to_owned(), 2),
            ("\n\n[a]\nhunter2 = x\n".to_owned(), 4),
            ("[a]\naws_session_token = hunter2\n".to_owned(), 2),
            ("user = hunter2\n".to_owned(), 1),
            ("[a]\nuser =\n".to_owned(), 2),
            ("[a]\nuser = x\nuser = hunter2\n".to_owned(), 3),
            ("[a]\n".to_owned(), 1),
            ("[]\n".to_owned(), 1),
            ("[a\n".to_owned(), 1),
            ("[a]\naws_access_key_id=A\n".to_owned(), 1),
            ("[a]\naws_secret_access_key=hunter2\n".to_owned(), 1),
            (
                "[a]\naws_access_key_id=A/B\naws_secret_access_key=x\n".to_owned(),
                1,
            ),
            (format!("[a]\n{pair}account=1\n"), 1),
            (format!("[a]\n{pair}user=a/hunter2\n"), 1),
            (format!("[a]\n{pair}[a]\n{pair}"), 4),
            (format!("[a]\n{pair}[b]\n{pair}"), 4),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(
                matches!(error, Error::CredentialsFile { line, .. } if line == wrong),
                "{text:?}: {error}"
            );
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_policy_is_read_with_its_user_or_the_line_is_named() {
        let file = |rest: &str| {
            parse(&format!(
                "[ci]\naws_access_key_id = A\naws_secret_access_key = b\n{rest}\n"
            ))
        };
        let keys = file("policy = good.json").unwrap();
        let identity = &keys.get("A").unwrap().identity;
        assert!(matches!(identity, Identity::Policy(_)));
        let keys = file("").unwrap();
        assert!(matches!(keys.get("A").unwrap().identity, Identity::Full));
        for (name, wrong) in [("bad.json", "missing field"), ("none", "no such file")] {
            let error = file(&format!("policy = {name}")).unwrap_err().to_string();
            let expected = format!("credentials file, line 4: policy {name}: ");
            assert!(error.starts_with(&expected), "{error}");
            assert!(error.contains(wrong), "{error}");
        }
        let error = file("policy = good.json\nuser = root").unwrap_err();
        assert!(error.to_string().contains("line 4"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "(\\[a?\\]?|aws_access_key_id|aws_secret_access_key|user|policy|=| |\n|#|.){0,40}",
        ) {
            drop(parse(&text));
        }
    }
}
