//! Credentials for upstreams, which AWS keeps in Secrets Manager.
use std::collections::BTreeMap;

use wharf_types::{Arn, Registry};
use wharf_upstream::Credentials;

/// How many characters AWS adds to a secret's name in its ARN, with the dash before them.
const SUFFIX: usize = 7;

/// Secrets by ARN or name; `None` is one that is not a user name with an access token.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<String, Option<Credentials>>);

/// Why there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("was not found")]
    NotFound,
    #[error("cannot be accessed: it must be of the registry's account and region")]
    Inaccessible,
    #[error("cannot be decrypted: it must have the keys username and accessToken")]
    Undecryptable,
}

impl Secrets {
    pub const fn new(secrets: BTreeMap<String, Option<Credentials>>) -> Self {
        Self(secrets)
    }

    /// The credentials of an ARN on behalf of a registry.
    pub(super) fn find(&self, registry: &Registry, arn: &str) -> Result<Credentials, SecretError> {
        let parsed: Arn = arn.parse().map_err(|_malformed| SecretError::NotFound)?;
        let Registry { account, region } = registry;
        if parsed.account != account.as_str() || parsed.region != region.as_str() {
            return Err(SecretError::Inaccessible);
        }
        let name = parsed.resource.strip_prefix("secret:");
        let name = name.ok_or(SecretError::NotFound)?;
        let found = [Some(arn), Some(name), without_suffix(name)]
            .into_iter()
            .flatten()
            .find_map(|key| self.0.get(key));
        match found {
            None => Err(SecretError::NotFound),
            Some(None) => Err(SecretError::Undecryptable),
            Some(Some(credentials)) => Ok(credentials.clone()),
        }
    }
}

/// The name that was given to a secret, of that in its ARN.
fn without_suffix(name: &str) -> Option<&str> {
    let (given, suffix) = name.split_at_checked(name.len().checked_sub(SUFFIX)?)?;
    let random = suffix.strip_prefix('-')?;
    random
        .bytes()
        .all(|b| b.is_ascii_alphanumeric())
        .then_some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_arn_and_by_name() {
        let key = |username: &str| {
            Some(Credentials {
                username: username.into(),
                password: "p".into(),
            })
        };
        let arn =
            |rest: &str| format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{rest}");
        let secrets = Secrets::new(BTreeMap::from([
            (arn("ecr-pullthroughcache/whole-AbCdEf"), key("whole")),
            ("ecr-pullthroughcache/named".into(), key("named")),
            ("ecr-pullthroughcache/broken".into(), None),
        ]));
        let registry = Registry {
            account: "000000000000".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        let find = |arn: &str| secrets.find(&registry, arn).map(|c| c.username);
        for (name, expected) in [
            ("ecr-pullthroughcache/whole-AbCdEf", Ok("whole")),
            ("ecr-pullthroughcache/whole", Err(SecretError::NotFound)),
            ("ecr-pullthroughcache/named-AbCdEf", Ok("named")),
            ("ecr-pullthroughcache/named", Ok("named")),
            ("ecr-pullthroughcache/named-AbC", Err(SecretError::NotFound)),
            (
                "ecr-pullthroughcache/broken-AbCdEf",
                Err(SecretError::Undecryptable),
            ),
        ] {
            assert_eq!(find(&arn(name)), expected.map(Into::into), "{name}");
        }
        for elsewhere in ["us-east-1:111111111111", "eu-west-1:000000000000"] {
            let arn =
                format!("arn:aws:secretsmanager:{elsewhere}:secret:ecr-pullthroughcache/named");
            assert_eq!(find(&arn), Err(SecretError::Inaccessible));
        }
    }
}
