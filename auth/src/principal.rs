//! Who a request acts for.
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wharf_types::{AccountId, Arn};

use crate::role_session::SessionContext;

/// The access key that `aws configure` examples for local servers use; it stands for the account.
const LOCAL_ROOT_KEY: &str = "test";

/// The most characters that IAM allows in a user's name.
const MAX_USER: usize = 64;

/// An identity of IAM and the access key that it used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub account: AccountId,
    /// A user or the root of `account`, or a session of one of its roles.
    pub arn: Arn,
    pub access_key: String,
    /// What a session of a role has besides; `None` for everyone else.
    pub session: Option<Arc<SessionContext>>,
}

impl Principal {
    /// The principal of any access key where keys are not checked.
    ///
    /// Twelve digits name the account to act as, and `test` the default account: both are its
    /// root. Every other key is a user of the default account, named after the key.
    pub fn local(access_key: &str, default_account: &AccountId) -> Self {
        let named = access_key.parse().ok();
        let user = if named.is_some() || access_key == LOCAL_ROOT_KEY {
            "root".to_owned()
        } else {
            user_name(access_key)
        };
        let account = named.unwrap_or_else(|| default_account.clone());
        let arn = Arn::user(&account, &user);
        Self {
            account,
            arn,
            access_key: access_key.to_owned(),
            session: None,
        }
    }

    /// The names of the role and the session, if this is a session of a role.
    pub fn role(&self) -> Option<(&str, &str)> {
        let resource = self.arn.resource.strip_prefix("assumed-role/")?;
        self.session.as_ref()?;
        resource.rsplit_once('/')
    }

    /// Whether this is the account itself.
    pub fn is_root(&self) -> bool {
        self.arn.resource == "root"
    }

    /// The `UserId` of STS: the account for its root, the id of a role and the name of its session, else
    /// an `AIDA` id that depends on the key alone. Ids stay the same from run to run.
    pub fn user_id(&self) -> String {
        if self.is_root() {
            return self.account.to_string();
        }
        match self.role() {
            Some((role, session)) => {
                let id = unique_id("AROA", &format!("{}/{role}", self.account));
                format!("{id}:{session}")
            }
            None => unique_id("AIDA", &self.access_key),
        }
    }
}

/// An id of IAM that follows from a text.
fn unique_id(prefix: &str, text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let id = hash.iter().take(17).map(|byte| match byte & 31 {
        letter @ 0..26 => char::from(b'A' + letter),
        digit => char::from(b'2' + digit - 26),
    });
    prefix.chars().chain(id).collect()
}

/// Whether a credential scope can carry this text as its access key.
pub(crate) fn is_access_key(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b','))
}

/// Makes a name out of text by replacing what [IAM] does not allow in one.
///
/// [IAM]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
pub(crate) fn user_name(text: &str) -> String {
    text.chars()
        .take(MAX_USER)
        .map(|c| match c {
            '+' | '=' | ',' | '.' | '@' | '_' | '-' => c,
            c if c.is_ascii_alphanumeric() => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(key: &str) -> Principal {
        Principal::local(key, &"000000000000".parse().unwrap())
    }

    #[test]
    fn twelve_digits_are_the_account_and_test_is_the_default_one() {
        for (key, arn) in [
            ("test", "arn:aws:iam::000000000000:root"),
            ("123456789012", "arn:aws:iam::123456789012:root"),
            ("AKIDEXAMPLE", "arn:aws:iam::000000000000:user/AKIDEXAMPLE"),
            ("ci bot:1/x", "arn:aws:iam::000000000000:user/ci_bot_1_x"),
            ("12345678901", "arn:aws:iam::000000000000:user/12345678901"),
        ] {
            let principal = local(key);
            assert_eq!(principal.arn.to_string(), arn);
            assert_eq!(principal.arn.account, principal.account.as_str());
            assert_eq!(principal.access_key, key);
        }
        let long = local(&"x".repeat(200));
        assert_eq!(long.arn.resource.len(), "user/".len() + MAX_USER);
    }

    #[test]
    fn user_ids_look_like_iam_and_do_not_change() {
        assert_eq!(local("123456789012").user_id(), "123456789012");
        let id = local("AKIDEXAMPLE").user_id();
        assert_eq!(id, local("AKIDEXAMPLE").user_id());
        assert_ne!(id, local("AKIDEXAMPLF").user_id());
        assert_eq!(id.len(), 21);
        let base32 = |b: u8| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b);
        assert!(id.starts_with("AIDA") && id.bytes().all(base32), "{id}");
    }
}
