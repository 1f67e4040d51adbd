//! Sessions of roles: temporary credentials that STS and the agent of pod identities give out.
//!
//! A session token is what the session says, with a code of authentication. Nothing is stored: the
//! secret of the access key follows from the token and the server's key, so sessions outlive a restart.
//!
//! *Guarantees*: every field of a session that [`open`] finds was written by [`issue`] with the same key,
//! and only who was given the secret can sign for it. Codes and secrets are made of texts that begin with
//! prefixes of their own, so that neither can be taken for a signature of a link or a password.
use std::{collections::BTreeMap, fmt, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use wharf_types::{AccountId, Arn, Timestamp};

use crate::{Error, Principal, Secret, SigError, Signed, SigningKey};

const TOKEN_PREFIX: &[u8] = b"wharf session token 1\n";
const SECRET_PREFIX: &[u8] = b"wharf session secret 1\n";

/// Longer tokens are not ours.
const MAX_BYTES: usize = 16 * 1024;

/// How many bytes of the secret are shown: 40 characters, as AWS has them.
const SECRET_BYTES: usize = 30;

/// How many letters come after `ASIA`.
const KEY_LETTERS: usize = 16;

/// Someone who acts as a role for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSession {
    pub account: AccountId,
    /// The role's name, without its path.
    pub role: String,
    pub name: String,
    pub context: SessionContext,
    pub expires_at: Timestamp,
}

/// What a session has besides its role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionContext {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The policy that narrows down what the role may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// Credentials of a session.
#[derive(Clone, Debug)]
pub struct TemporaryCredentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Secret,
    pub expires_at: Timestamp,
}

/// What a token says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    access_key: String,
    account: String,
    role: String,
    name: String,
    context: SessionContext,
    /// In seconds since 1970.
    exp: i64,
}

impl RoleSession {
    /// The ARN of the session: `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
    pub fn arn(&self) -> Arn {
        let Self {
            account,
            role,
            name,
            ..
        } = self;
        Arn {
            partition: "aws".to_owned(),
            service: "sts".to_owned(),
            region: String::new(),
            account: account.to_string(),
            resource: format!("assumed-role/{role}/{name}"),
        }
    }

    /// Who acts with an access key of this session.
    pub fn principal(&self, access_key: &str) -> Principal {
        Principal {
            account: self.account.clone(),
            arn: self.arn(),
            access_key: access_key.to_owned(),
            session: Some(Arc::new(self.context.clone())),
        }
    }
}

fn mac(key: &SigningKey, prefix: &[u8], text: &str) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length; the type cannot say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(prefix);
    mac.update(text.as_bytes());
    Some(mac)
}

fn secret(key: &SigningKey, token: &str) -> Option<Secret> {
    let bytes = mac(key, SECRET_PREFIX, token)?.finalize().into_bytes();
    Some(Secret::new(STANDARD.encode(bytes.get(..SECRET_BYTES)?)))
}

/// Makes credentials of a session.
pub fn issue(key: &SigningKey, session: &RoleSession) -> Result<TemporaryCredentials, Error> {
    issue_long(key, session, 0)
}

/// Makes credentials of a session, with a token of so many bytes at least.
pub fn issue_long(
    key: &SigningKey,
    session: &RoleSession,
    bytes: usize,
) -> Result<TemporaryCredentials, Error> {
    let mut random = [0; KEY_LETTERS];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    let letters = random.iter().map(|byte| match byte & 31 {
        letter @ 0..26 => char::from(b'A' + letter),
        digit => char::from(b'2' + digit - 26),
    });
    let access_key_id: String = "ASIA".chars().chain(letters).collect();
    let claims = Claims {
        access_key: access_key_id.clone(),
        account: session.account.to_string(),
        role: session.role.clone(),
        name: session.name.clone(),
        context: session.context.clone(),
        exp: session.expires_at.as_secs(),
    };
    let mut json = serde_json::to_vec(&claims).map_err(|e| Error::Token(e.into()))?;
    // Spaces say nothing. Three bytes become four letters, and the code is longer than what rounding takes.
    json.resize(json.len().max(bytes * 3 / 4), b' ');
    let message = URL_SAFE_NO_PAD.encode(json);
    let unusable = || Error::Token("the key takes no message".into());
    let code = mac(key, TOKEN_PREFIX, &message).ok_or_else(unusable)?;
    let code = URL_SAFE_NO_PAD.encode(code.finalize().into_bytes());
    let token = format!("{message}.{code}");
    Ok(TemporaryCredentials {
        access_key_id,
        secret_access_key: secret(key, &token).ok_or_else(unusable)?,
        session_token: Secret::new(token),
        expires_at: Timestamp::from_secs(claims.exp),
    })
}

/// Whose session a request claims to be of, and the secret that it must be signed with. `None`: it
/// shows no token of ours.
pub(crate) fn open(
    key: &SigningKey,
    signed: &Signed,
    now: Timestamp,
) -> Result<Option<(Principal, Secret)>, SigError> {
    let Some(token) = &signed.session_token else {
        return Ok(None);
    };
    let token = token.expose();
    let Some(claims) = claims(key, token) else {
        return Ok(None);
    };
    if claims.access_key != signed.scope.access_key {
        return Err(SigError::UnknownKey);
    }
    let session = session(&claims).ok_or(SigError::UnknownKey)?;
    if now >= session.expires_at {
        return Err(SigError::Expired);
    }
    let secret = secret(key, token).ok_or(SigError::UnknownKey)?;
    Ok(Some((session.principal(&claims.access_key), secret)))
}

fn claims(key: &SigningKey, token: &str) -> Option<Claims> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let (message, code) = token.split_once('.')?;
    let code = URL_SAFE_NO_PAD.decode(code).ok()?;
    mac(key, TOKEN_PREFIX, message)?.verify_slice(&code).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(message).ok()?).ok()
}

fn session(claims: &Claims) -> Option<RoleSession> {
    Some(RoleSession {
        account: claims.account.parse().ok()?,
        role: claims.role.clone(),
        name: claims.name.clone(),
        context: claims.context.clone(),
        expires_at: Timestamp::from_secs(claims.exp),
    })
}

impl fmt::Display for RoleSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arn().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{Auth, Keys, Payload, Signer, sigv4};

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32]).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }

    fn made() -> RoleSession {
        let tags = BTreeMap::from([("kubernetes-namespace".to_owned(), "web".to_owned())]);
        RoleSession {
            account: "123456789012".parse().unwrap(),
            role: "shop".to_owned(),
            name: "eks-dev".to_owned(),
            context: SessionContext { tags, policy: None },
            expires_at: Timestamp::from_secs(1_800_003_600),
        }
    }

    /// A request that somebody signed with these.
    fn request(access_key: &str, secret: &Secret, token: &str) -> http::request::Parts {
        let request = Request::post("http://sts.local/")
            .header("host", "sts.local")
            .header("x-amz-security-token", token);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let signer = Signer {
            access_key,
            secret,
            region: &"eu-central-1".parse().unwrap(),
            service: "sts",
        };
        signer.sign(&mut parts, b"", now()).unwrap();
        parts
    }

    fn whose(
        auth: &Auth,
        parts: &http::request::Parts,
        at: Timestamp,
    ) -> Result<Principal, SigError> {
        let signed = sigv4::parse(parts)?;
        let account = "000000000000".parse().unwrap();
        auth.principal(&key(), &signed, parts, Payload::Bytes(b""), &account, at)
    }

    #[test]
    fn who_has_the_secret_is_the_session_under_either_check_of_keys() {
        let given = issue(&key(), &made()).unwrap();
        assert_eq!(given.secret_access_key.expose().len(), 40);
        assert_eq!(given.access_key_id.len(), 20);
        let token = given.session_token.expose();
        for auth in [Auth::Local, Auth::Strict(Arc::new(Keys::default()))] {
            let parts = request(&given.access_key_id, &given.secret_access_key, token);
            let principal = whose(&auth, &parts, now()).unwrap();
            let arn = "arn:aws:sts::123456789012:assumed-role/shop/eks-dev";
            assert_eq!(principal.arn.to_string(), arn);
            assert!(principal.user_id().ends_with(":eks-dev"));
            let wrong = Secret::new("wrong");
            let parts = request(&given.access_key_id, &wrong, token);
            assert_eq!(whose(&auth, &parts, now()), Err(SigError::Mismatch));
            let parts = request("ASIAOTHER", &given.secret_access_key, token);
            assert_eq!(whose(&auth, &parts, now()), Err(SigError::UnknownKey));
        }
    }

    #[test]
    fn a_token_may_be_long() {
        for bytes in [0, 100, 1000, 4095, 4096] {
            let given = issue_long(&key(), &made(), bytes).unwrap();
            let token = given.session_token.expose();
            assert!(token.len() >= bytes && token.len() < bytes.max(500) + 100);
            let parts = request(&given.access_key_id, &given.secret_access_key, token);
            whose(&Auth::Local, &parts, now()).unwrap();
        }
    }

    #[test]
    fn a_session_ends() {
        let given = issue(&key(), &made()).unwrap();
        let token = given.session_token.expose();
        let parts = request(&given.access_key_id, &given.secret_access_key, token);
        let late = made().expires_at;
        assert_eq!(whose(&Auth::Local, &parts, late), Err(SigError::Expired));
    }

    #[test]
    fn a_token_of_somebody_else_is_no_session() {
        let given = issue(&SigningKey::from_bytes(&[8; 32]).unwrap(), &made()).unwrap();
        let token = given.session_token.expose();
        let parts = request(&given.access_key_id, &given.secret_access_key, token);
        let strict = Auth::Strict(Arc::new(Keys::default()));
        assert_eq!(whose(&strict, &parts, now()), Err(SigError::UnknownKey));
        // Where keys are not checked, it is a key like any other.
        let local = whose(&Auth::Local, &parts, now()).unwrap();
        assert_eq!(local.session, None);
        let (message, code) = token.split_once('.').unwrap();
        let changed = message.replacen('e', "f", 1);
        assert!(claims(&key(), &format!("{changed}.{code}")).is_none());
    }
}
