//! Tokens of service accounts: JWTs (RS256) that a cluster signs with a key of its own.
//!
//! *Guarantees*: every claim of a token that [`verify`] accepts was signed with one of the given keys,
//! for one of the given issuers, and is valid now. What it is bound to may be gone: only the cluster
//! knows its pods, so the caller must compare their uids.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wharf_types::Timestamp;

mod claims;
mod key;

#[cfg(test)]
mod tests;

pub use claims::{Audiences, Claims, Kubernetes, Reference};
pub use key::Key;

use crate::{Error, Secret};

/// The audience of tokens that are for the Kubernetes API itself.
pub const DEFAULT_AUDIENCE: &str = "https://kubernetes.default.svc";

/// The issuer of tokens that live in secrets.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// Longer tokens are refused unread.
const MAX_BYTES: usize = 64 * 1024;

/// By how much two clocks may differ, as with kube-apiserver.
const LEEWAY_SECS: i64 = 60;

/// Why a token is refused, in the words of kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceAccountTokenError {
    /// It was not issued here: another authenticator may know it.
    #[error("not a token of this cluster")]
    Foreign,
    #[error("invalid bearer token")]
    Invalid,
    #[error("service account token has expired")]
    Expired,
    #[error("service account token is not valid yet")]
    NotYetValid,
    #[error("service account token is issued in the future")]
    FromTheFuture,
    #[error("token audiences {token:?} is invalid for the target audiences {target:?}")]
    Audience {
        token: Vec<String>,
        target: Vec<String>,
    },
}

use ServiceAccountTokenError::{Expired, Foreign, FromTheFuture, Invalid, NotYetValid};

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub claims: Claims,
    /// The audiences that both the token and the verifier named.
    pub audiences: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kid: String,
}

/// Signs a token that says `claims`.
pub fn mint(key: &Key, claims: &Claims) -> Result<Secret, Error> {
    let header = Header {
        alg: "RS256".to_owned(),
        kid: key.kid().to_owned(),
    };
    sign(key, &header, claims)
}

/// Signs the token that lives in a secret of type `kubernetes.io/service-account-token`. It has
/// neither audience nor expiry: it is good as long as the secret is there.
pub fn mint_legacy(
    key: &Key,
    namespace: &str,
    secret: &str,
    account: &Reference,
) -> Result<Secret, Error> {
    let header = Header {
        alg: "RS256".to_owned(),
        kid: key.kid().to_owned(),
    };
    let claims = json!({
        "iss": LEGACY_ISSUER,
        "kubernetes.io/serviceaccount/namespace": namespace,
        "kubernetes.io/serviceaccount/secret.name": secret,
        "kubernetes.io/serviceaccount/service-account.name": account.name,
        "kubernetes.io/serviceaccount/service-account.uid": account.uid,
        "sub": format!("system:serviceaccount:{namespace}:{}", account.name),
    });
    sign(key, &header, &claims)
}

fn sign(key: &Key, header: &Header, claims: &impl Serialize) -> Result<Secret, Error> {
    let json = |e: serde_json::Error| Error::ServiceAccountKey(e.into());
    let header = serde_json::to_vec(header).map_err(json)?;
    let claims = serde_json::to_vec(claims).map_err(json)?;
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(Secret::new(format!("{message}.{signature}")))
}

/// Reads a token. `issuers` are those whose tokens are good (the first one is what new tokens have);
/// a token must name one of `audiences`, except a legacy one, which is good for all of them.
pub fn verify(
    keys: &[Key],
    token: &str,
    issuers: &[&str],
    audiences: &[&str],
    now: Timestamp,
) -> Result<Verified, ServiceAccountTokenError> {
    let (message, signature, header, payload) = split(token).ok_or(Foreign)?;
    let legacy = legacy_claims(&payload);
    let issuer = payload.get("iss").and_then(Value::as_str).ok_or(Foreign)?;
    if legacy.is_none() && !issuers.contains(&issuer) {
        return Err(Foreign);
    }
    if header.alg != "RS256" {
        return Err(Invalid);
    }
    let mut keys = keys
        .iter()
        .filter(|key| header.kid.is_empty() || key.kid() == header.kid);
    if !keys.any(|key| key.is_signature(message.as_bytes(), &signature)) {
        return Err(Invalid);
    }
    if let Some(claims) = legacy {
        let audiences = audiences.iter().map(|a| (*a).to_owned()).collect();
        return Ok(Verified { claims, audiences });
    }
    let claims: Claims = serde_json::from_value(payload).ok().ok_or(Invalid)?;
    check_time(&claims, now)?;
    check_subject(&claims)?;
    let audiences = common(&claims, audiences)?;
    Ok(Verified { claims, audiences })
}

fn split(token: &str) -> Option<(&str, Vec<u8>, Header, Value)> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let header = serde_json::from_slice(&decode(header)?).ok()?;
    let payload = serde_json::from_slice(&decode(payload)?).ok()?;
    Some((message, decode(signature)?, header, payload))
}

/// Who says to have issued a token, before anything of it is verified: to find whose keys to verify it
/// with. `None`: it is no token.
pub fn issuer(token: &str) -> Option<String> {
    let (_, _, _, payload) = split(token)?;
    Some(payload.get("iss")?.as_str()?.to_owned())
}

/// When a token says that it ends, in seconds since 1970. Nothing of it is verified.
pub fn expiry(token: &str) -> Option<i64> {
    let (_, _, _, payload) = split(token)?;
    payload.get("exp")?.as_i64()
}

/// The claims of a token that lives in a secret, as those of a new one.
fn legacy_claims(payload: &Value) -> Option<Claims> {
    let text = |name: &str| {
        let name = format!("kubernetes.io/serviceaccount/{name}");
        payload.get(name)?.as_str().map(str::to_owned)
    };
    if payload.get("iss")?.as_str()? != LEGACY_ISSUER {
        return None;
    }
    let namespace = text("namespace")?;
    let serviceaccount = Reference {
        name: text("service-account.name")?,
        uid: text("service-account.uid")?,
    };
    let sub = format!("system:serviceaccount:{namespace}:{}", serviceaccount.name);
    if payload.get("sub")?.as_str()? != sub {
        return None;
    }
    Some(Claims {
        iss: LEGACY_ISSUER.to_owned(),
        sub,
        kubernetes: Kubernetes {
            namespace,
            serviceaccount,
            secret: Some(Reference {
                name: text("secret.name")?,
                uid: String::new(),
            }),
            ..Kubernetes::default()
        },
        ..Claims::default()
    })
}

fn check_time(claims: &Claims, now: Timestamp) -> Result<(), ServiceAccountTokenError> {
    let now = now.as_secs();
    match claims {
        Claims { nbf: Some(nbf), .. } if now.saturating_add(LEEWAY_SECS) < *nbf => Err(NotYetValid),
        Claims { exp: Some(exp), .. } if now.saturating_sub(LEEWAY_SECS) > *exp => Err(Expired),
        Claims { iat: Some(iat), .. } if now.saturating_add(LEEWAY_SECS) < *iat => {
            Err(FromTheFuture)
        }
        Claims { exp: Some(_), .. } => Ok(()),
        // Every token that we mint ends.
        Claims { exp: None, .. } => Err(Invalid),
    }
}

fn check_subject(claims: &Claims) -> Result<(), ServiceAccountTokenError> {
    let Kubernetes {
        namespace,
        serviceaccount,
        ..
    } = &claims.kubernetes;
    let expected = format!("system:serviceaccount:{namespace}:{}", serviceaccount.name);
    if claims.sub == expected && !namespace.is_empty() && !serviceaccount.name.is_empty() {
        Ok(())
    } else {
        Err(Invalid)
    }
}

/// An old token without an audience is for whoever verifies it.
fn common(claims: &Claims, target: &[&str]) -> Result<Vec<String>, ServiceAccountTokenError> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let token = &claims.aud.0;
    if token.is_empty() {
        return Ok(owned(target));
    }
    let both: Vec<String> = token
        .iter()
        .filter(|name| target.contains(&name.as_str()))
        .cloned()
        .collect();
    if both.is_empty() {
        return Err(ServiceAccountTokenError::Audience {
            token: token.clone(),
            target: owned(target),
        });
    }
    Ok(both)
}

/// `/.well-known/openid-configuration` of an issuer.
pub fn discovery(issuer: &str, jwks_uri: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

/// `/openid/v1/jwks`: the public halves of keys.
pub fn jwks(keys: &[Key]) -> Value {
    let keys: Vec<Value> = keys.iter().map(Key::jwk).collect();
    json!({ "keys": keys })
}
