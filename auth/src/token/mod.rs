//! Registry passwords: what `GetAuthorizationToken` hands out and docker sends back.
//!
//! A password is a JWT (HS256) that names a principal and the registry it was asked for. It grants
//! nothing by itself: what the principal may do is decided on every request.
//!
//! *Guarantees*: every field of a password that [`verify`] accepts was written by [`issue`] with the
//! same key. The header is compared as a whole with the one that [`issue`] writes, so that there is
//! no algorithm to choose, no key to look up and no extension to ignore. Time is the caller's.
use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde::{Deserialize, Serialize};
use wharf_types::{Arn, Registry, Timestamp};

use crate::{Error, Principal, Secret, role_session::SessionContext};

#[cfg(test)]
mod tests;

/// How long a password is valid, as with ECR.
pub const LIFETIME: Duration = Duration::from_hours(12);

/// By how much two clocks may differ.
const LEEWAY_SECS: u64 = 5;

/// Longer passwords are refused unread.
const MAX_BYTES: usize = 16 * 1024;

/// `{"alg":"HS256","typ":"JWT","kid":"wharf-1"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IndoYXJmLTEifQ";
const ISSUER: &str = "wharf";
const AUDIENCE: &str = "wharf-registry";

/// The secret that signs passwords: 32 bytes, kept in a file that only the server reads.
#[derive(Clone)]
pub struct SigningKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    const BYTES: usize = 32;

    /// Makes a new key from the system's randomness.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(Error::Random)?;
        Self::from_bytes(&bytes)
    }

    /// Takes a stored key. A truncated or blank file is an error, never a weak key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != Self::BYTES {
            return Err(Error::KeyLength(bytes.len()));
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(Error::KeyIsZero);
        }
        Ok(Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        })
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        self.encoding.as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

/// A new password.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Letters, digits, `-`, `_` and `.`: the AWS CLI splits `AWS:<password>` at every colon.
    pub password: Secret,
    pub expires_at: Timestamp,
}

/// What a valid password says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub principal: Principal,
    /// The registry that the password was asked for.
    pub registry: Registry,
}

/// Why a password is refused. ECR answers 403 to an expired one and 401 to everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the password has expired")]
    Expired,
    #[error("the password is not valid")]
    Invalid,
}

/// The types are the check: no claim (but that of a session) may be missing, unknown, repeated or of another type.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    account: String,
    region: String,
    access_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionContext>,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// Makes the password with which `principal` uses `registry`.
pub fn issue(
    key: &SigningKey,
    principal: &Principal,
    registry: &Registry,
    now: Timestamp,
) -> Result<Issued, Error> {
    let now = secs(now);
    let claims = Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        sub: principal.arn.to_string(),
        account: registry.account.to_string(),
        region: registry.region.to_string(),
        access_key: principal.access_key.clone(),
        session: principal.session.as_deref().cloned(),
        iat: now,
        nbf: now,
        exp: now + LIFETIME.as_secs(),
    };
    let json = serde_json::to_vec(&claims).map_err(|e| Error::Token(e.into()))?;
    let message = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(json));
    let signature = crypto::sign(message.as_bytes(), &key.encoding, Algorithm::HS256)
        .map_err(|e| Error::Token(e.into()))?;
    Ok(Issued {
        password: Secret::new(format!("{message}.{signature}")),
        expires_at: Timestamp::from_secs(i64::try_from(claims.exp).unwrap_or(i64::MAX)),
    })
}

/// Reads a password. It is [`Expired`](TokenError::Expired) only if nothing else is wrong with it.
pub fn verify(key: &SigningKey, password: &str, now: Timestamp) -> Result<Session, TokenError> {
    let now = secs(now);
    let claims = signed_claims(key, password).ok_or(TokenError::Invalid)?;
    let lifetime = claims.exp.checked_sub(claims.iat);
    let valid = claims.iss == ISSUER
        && claims.aud == AUDIENCE
        && claims.iat <= now + LEEWAY_SECS
        && claims.nbf <= now + LEEWAY_SECS
        && lifetime.is_some_and(|secs| secs <= LIFETIME.as_secs());
    if !valid {
        return Err(TokenError::Invalid);
    }
    let session = session(&claims).ok_or(TokenError::Invalid)?;
    if now > claims.exp.saturating_add(LEEWAY_SECS) {
        return Err(TokenError::Expired);
    }
    Ok(session)
}

fn signed_claims(key: &SigningKey, password: &str) -> Option<Claims> {
    if password.len() > MAX_BYTES {
        return None;
    }
    let (message, signature) = password.rsplit_once('.')?;
    let payload = message.strip_prefix(HEADER)?.strip_prefix('.')?;
    let message = message.as_bytes();
    match crypto::verify(signature, message, &key.decoding, Algorithm::HS256) {
        Ok(true) => serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok(),
        Ok(false) | Err(_) => None,
    }
}

fn session(claims: &Claims) -> Option<Session> {
    let arn: Arn = claims.sub.parse().ok()?;
    Some(Session {
        principal: Principal {
            account: arn.account.parse().ok()?,
            arn,
            access_key: claims.access_key.clone(),
            session: claims.session.clone().map(Arc::new),
        },
        registry: Registry {
            account: claims.account.parse().ok()?,
            region: claims.region.parse().ok()?,
        },
    })
}

fn secs(time: Timestamp) -> u64 {
    u64::try_from(time.as_secs()).unwrap_or(0)
}
