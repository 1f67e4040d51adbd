//! The RSA key with which a cluster signs tokens.
use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Error, Secret};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A private key and what is published of it. Clones share it.
#[derive(Clone)]
pub struct Key {
    pair: Arc<KeyPair>,
    kid: Arc<str>,
}

impl Key {
    /// Makes a new key of 2048 bits. Takes up to a second.
    pub fn generate() -> Result<Self, Error> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        Self::new(pair)
    }

    /// Reads a key that [`to_pem`](Self::to_pem) wrote.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let body = pem
            .trim()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END))
            .ok_or(Error::ServiceAccountKeyFile)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD
            .decode(body)
            .ok()
            .ok_or(Error::ServiceAccountKeyFile)?;
        let pair = KeyPair::from_pkcs8(&der).map_err(failed)?;
        Self::new(pair)
    }

    /// The private key to store (PKCS#8).
    pub fn to_pem(&self) -> Result<Secret, Error> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(failed)?;
        let body = STANDARD.encode(der.as_ref());
        let mut pem = format!("{BEGIN}\n");
        for (at, letter) in body.chars().enumerate() {
            if at > 0 && at % 64 == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.extend(["\n", END, "\n"]);
        Ok(Secret::new(pem))
    }

    /// The id of the key, made of its public half as Kubernetes does.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    fn new(pair: KeyPair) -> Result<Self, Error> {
        let spki = pair.public_key().as_der().map_err(failed)?;
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(spki.as_ref()));
        Ok(Self {
            pair: Arc::new(pair),
            kid: kid.into(),
        })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(failed)?;
        Ok(signature)
    }

    pub(super) fn is_signature(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = self.pair.public_key();
        let components = RsaPublicKeyComponents {
            n: public.modulus().big_endian_without_leading_zero(),
            e: public.exponent().big_endian_without_leading_zero(),
        };
        components
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }

    /// The public half as a JSON Web Key.
    pub(super) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid(),
            "alg": "RS256",
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::ServiceAccountKey(error.into())
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.kid)
    }
}
