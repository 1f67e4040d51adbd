//! Authorizations: passwords, and tokens until they are over.
use std::{collections::HashMap, sync::Mutex, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use reqwest::Url;
use serde::Deserialize;
use tokio::time::Instant;

use crate::{Credentials, Error};

/// The largest answer of a token service.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// The longest text of a challenge that is repeated to a token service.
const MAX_SERVICE: usize = 256;

/// How many tokens are kept.
const MAX_TOKENS: usize = 64;

/// How long a token is used whose service does not say.
const USUAL_LIFE: Duration = Duration::from_mins(1);

/// How long a token is used at most.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// What has been found to be accepted, by scope.
#[derive(Debug, Default)]
pub(crate) struct Accepted(Mutex<HashMap<String, (HeaderValue, Instant)>>);

impl Accepted {
    pub(crate) fn get(&self, scope: &str) -> Option<HeaderValue> {
        let known = self.0.lock().ok()?;
        let (value, until) = known.get(scope)?;
        (*until > Instant::now()).then(|| value.clone())
    }

    pub(crate) fn put(&self, scope: &str, value: HeaderValue, life: Duration) {
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= MAX_TOKENS {
                known.clear();
            }
            known.insert(scope.to_owned(), (value, Instant::now() + life));
        }
    }

    pub(crate) fn forget(&self, scope: &str) {
        if let Ok(mut known) = self.0.lock() {
            known.remove(scope);
        }
    }
}

/// The header that carries a password.
pub(crate) fn basic(credentials: &Credentials) -> Result<HeaderValue, Error> {
    let Credentials { username, password } = credentials;
    sensitive(&format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    ))
}

fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_malformed| Error::refused("a token has characters that none can have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where a token for pulling is to be had.
pub(crate) fn url(realm: &Url, service: Option<&str>, scope: &str) -> Url {
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service.filter(|service| service.len() <= MAX_SERVICE) {
            query.append_pair("service", service);
        }
        if !scope.is_empty() {
            query.append_pair("scope", scope);
        }
    }
    url
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Reads the answer of a token service: the header to send, and for how long.
pub(crate) fn read(answer: &[u8]) -> Result<(HeaderValue, Duration), Error> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|_malformed| Error::refused("the token service did not answer with a token"))?;
    let token = answer.token.or(answer.access_token);
    let token = token.filter(|token| !token.is_empty());
    let token =
        token.ok_or_else(|| Error::refused("the token service did not answer with a token"))?;
    let life = answer.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
    // One that ends on its way would be refused.
    let life = life.min(LONGEST_LIFE) * 9 / 10;
    Ok((sensitive(&format!("Bearer {token}"))?, life))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_token_services() {
        let (value, life) = read(br#"{"token":"t","access_token":"a","expires_in":300}"#).unwrap();
        assert_eq!((value.as_bytes(), life.as_secs()), (&b"Bearer t"[..], 270));
        assert!(value.is_sensitive());
        let (value, life) = read(br#"{"access_token":"a"}"#).unwrap();
        assert_eq!((value.as_bytes(), life.as_secs()), (&b"Bearer a"[..], 54));
        assert_eq!(
            read(br#"{"token":"t","expires_in":99999999999}"#)
                .unwrap()
                .1
                .as_secs(),
            3240
        );
        for wrong in [
            "",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":"a\r\nb"}"#,
            r#"{"token":7}"#,
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_challenge_says_cannot_leave_its_parameter() {
        let realm = "https://auth.example/token?x=1".parse().unwrap();
        let url = url(
            &realm,
            Some("a&scope=repository:other:pull"),
            "repository:a/b:pull",
        );
        assert_eq!(
            url.as_str(),
            "https://auth.example/token?x=1&service=a%26scope%3Drepository%3Aother%3Apull&scope=repository%3Aa%2Fb%3Apull"
        );
    }
}
