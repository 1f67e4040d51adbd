//! Signing, for our own commands.
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{
    HeaderValue,
    header::{AUTHORIZATION, HOST},
    request::Parts,
};
use sha2::{Digest as _, Sha256};
use wharf_types::{Region, Timestamp};

use super::{ALGORITHM, Payload, Scope, TERMINATOR, canonical, time};
use crate::{Error, Secret};

/// An access key and what it is used for.
#[derive(Clone, Debug)]
pub struct Signer<'a> {
    pub access_key: &'a str,
    pub secret: &'a Secret,
    pub region: &'a Region,
    /// The name under which the service signs, such as `ecr` or `sts`.
    pub service: &'a str,
}

impl Signer<'_> {
    /// Adds `Host`, `X-Amz-Date` and `Authorization` to a request whose other headers and URI are
    /// final. Signs the host, the content type and every `x-amz-` header.
    pub fn sign(&self, parts: &mut Parts, body: &[u8], now: Timestamp) -> Result<(), Error> {
        let at = time::basic(now);
        name_host(parts)?;
        parts.headers.insert("x-amz-date", value(at.clone())?);
        let mut names: Vec<String> = parts
            .headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| matches!(*name, "host" | "content-type") || name.starts_with("x-amz-"))
            .map(str::to_owned)
            .collect();
        names.sort();
        let payload = Payload::Bytes(body).canonical(parts);
        let canonical = canonical::request(parts, &names, &payload).ok_or(Error::Unsignable)?;
        let scope = self.scope(&at);
        let signature = signature(self.secret, &scope, now, &canonical);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.access_key,
            scope.credential(),
            names.join(";"),
        );
        parts.headers.insert(AUTHORIZATION, value(authorization)?);
        Ok(())
    }

    /// Presigns a request without a body: adds `Host`, if it is missing, and parameters to the URI.
    /// Signs every header, so whoever uses the URI has to send them all.
    pub fn presign(
        &self,
        parts: &mut Parts,
        expires: Duration,
        now: Timestamp,
    ) -> Result<(), Error> {
        name_host(parts)?;
        let at = time::basic(now);
        let mut names: Vec<String> = parts.headers.keys().map(ToString::to_string).collect();
        names.sort();
        let scope = self.scope(&at);
        let credential = format!("{}/{}", self.access_key, scope.credential());
        let added = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &at),
            ("X-Amz-Expires", &expires.as_secs().to_string()),
            ("X-Amz-SignedHeaders", &names.join(";")),
        ];
        for (name, value) in added {
            add_parameter(parts, name, value)?;
        }
        let payload = Payload::Bytes(b"").canonical(parts);
        let canonical = canonical::request(parts, &names, &payload).ok_or(Error::Unsignable)?;
        let signature = signature(self.secret, &scope, now, &canonical);
        add_parameter(parts, "X-Amz-Signature", &signature)
    }

    fn scope(&self, at: &str) -> Scope {
        Scope {
            access_key: self.access_key.to_owned(),
            date: at.chars().take(8).collect(),
            region: self.region.clone(),
            service: self.service.to_owned(),
        }
    }
}

fn name_host(parts: &mut Parts) -> Result<(), Error> {
    let authority = parts.uri.authority().map(ToString::to_string);
    match (parts.headers.contains_key(HOST), authority) {
        (true, _) => {}
        (false, Some(host)) => drop(parts.headers.insert(HOST, value(host)?)),
        (false, None) => return Err(Error::Unsignable),
    }
    Ok(())
}

/// Adds a parameter to a URI, encoded as in the canonical request.
fn add_parameter(parts: &mut Parts, name: &str, value: &str) -> Result<(), Error> {
    let mark = if parts.uri.query().is_some() {
        '&'
    } else {
        '?'
    };
    let value = canonical::encoded(value.as_bytes());
    let uri = format!("{}{mark}{name}={value}", parts.uri);
    parts.uri = uri.parse().ok().ok_or(Error::Unsignable)?;
    Ok(())
}

fn value(text: String) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text).ok().ok_or(Error::Unsignable)
}

/// The signature of a canonical request, in hexadecimal.
pub(super) fn signature(secret: &Secret, scope: &Scope, at: Timestamp, canonical: &str) -> String {
    let at = time::basic(at);
    let credential = scope.credential();
    let hash = canonical::hex(&Sha256::digest(canonical));
    let text = format!("{ALGORITHM}\n{at}\n{credential}\n{hash}");
    let secret = format!("AWS4{}", secret.expose());
    let parts = [
        &scope.date,
        scope.region.as_str(),
        &scope.service,
        TERMINATOR,
    ];
    let key = parts
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part).to_vec());
    canonical::hex(&hmac(&key, &text))
}

/// HMAC-SHA256. A key is filled up to a block here, for then its length cannot be wrong.
fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}
