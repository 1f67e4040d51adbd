//! Answering a registry's challenges:
//! <https://distribution.github.io/distribution/spec/auth/token/>.
use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::{challenge::Challenge, transport};
use crate::Credentials;

/// The most tokens that are remembered.
const MAX_TOKENS: usize = 64;

/// The credentials and the tokens that were given for them.
#[derive(Debug)]
pub(crate) struct Auth {
    credentials: Option<Credentials>,
    /// Set once the registry has asked for Basic.
    basic: OnceLock<HeaderValue>,
    tokens: Mutex<HashMap<Scope, HeaderValue>>,
}

/// What a request needs permission for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    repo: String,
    action: &'static str,
    /// The repository that a blob is mounted from.
    from: Option<String>,
}

impl Scope {
    pub(crate) fn of(method: &Method, url: &Url) -> Self {
        let path = url.path().strip_prefix("/v2/").unwrap_or_default();
        let ends = ["/blobs/", "/manifests/", "/tags/", "/referrers/"];
        let end = ends.iter().filter_map(|end| path.rfind(end)).min();
        let repo = end.and_then(|end| path.get(..end)).unwrap_or(path);
        let action = match *method {
            Method::GET | Method::HEAD => "pull",
            Method::DELETE => "delete",
            _ => "push",
        };
        let from = url.query_pairs().find(|(key, _)| key == "from");
        Self {
            repo: repo.to_owned(),
            action,
            from: from.map(|(_, repo)| repo.into_owned()),
        }
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl Auth {
    pub(crate) fn new(credentials: Option<Credentials>) -> Self {
        Self {
            credentials,
            basic: OnceLock::new(),
            tokens: Mutex::default(),
        }
    }

    /// What is known to be demanded for such a request.
    pub(crate) fn header(&self, scope: &Scope) -> Option<HeaderValue> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(scope).or_else(|| self.basic.get()).cloned()
    }

    /// Does what a 401 demands. `Ok(None)` if nothing can be done about it.
    pub(crate) async fn answer(
        &self,
        http: &reqwest::Client,
        (at, headers): (&Url, &HeaderMap),
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, String> {
        let texts = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let challenges: Vec<_> = texts
            .filter_map(|text| text.to_str().ok())
            .flat_map(Challenge::parse_all)
            .collect();
        if let Some(bearer) = challenges.iter().find(|c| c.scheme == "bearer") {
            let token = self.token(http, at, bearer, scope).await?;
            self.remember(scope, &token);
            return Ok(Some(token));
        }
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        if !challenges.iter().any(|c| c.scheme == "basic") {
            return Ok(None);
        }
        let header = basic(http, at, credentials)?;
        Ok(Some(self.basic.get_or_init(|| header).clone()))
    }

    fn remember(&self, scope: &Scope, token: &HeaderValue) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(scope.clone(), token.clone());
    }

    async fn token(
        &self,
        http: &reqwest::Client,
        at: &Url,
        challenge: &Challenge,
        scope: &Scope,
    ) -> Result<HeaderValue, String> {
        let realm = challenge
            .param("realm")
            .ok_or("the Bearer challenge has no realm")?;
        let mut url = at
            .join(realm)
            .map_err(|e| format!("realm {realm:?}: {e}"))?;
        if at.scheme() == "https" && url.scheme() != "https" {
            return Err(format!("the credentials are not sent to {url} without TLS"));
        }
        for name in ["service", "scope"] {
            if let Some(value) = challenge.param(name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        if let Some(from) = &scope.from {
            url.query_pairs_mut()
                .append_pair("scope", &format!("repository:{from}:pull"));
        }
        let mut request = http.get(url.clone());
        if let Some(Credentials { username, password }) = &self.credentials {
            request = request.basic_auth(username, Some(password));
        }
        let answer = request.send().await.map_err(transport)?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(format!(
                "the token server {} answered {status}",
                url.origin().ascii_serialization()
            ));
        }
        let body = answer.bytes().await.map_err(transport)?;
        let answer: TokenAnswer =
            serde_json::from_slice(&body).map_err(|e| format!("the token server's answer: {e}"))?;
        let token = answer
            .token
            .or(answer.access_token)
            .ok_or("the token server gave no token")?;
        secret(&format!("Bearer {token}"))
    }
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_invalid| "the token is no header")?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header that the HTTP library makes of credentials.
fn basic(http: &reqwest::Client, at: &Url, of: &Credentials) -> Result<HeaderValue, String> {
    let request = http
        .get(at.clone())
        .basic_auth(&of.username, Some(&of.password))
        .build();
    let request = request.map_err(transport)?;
    let header = request.headers().get(header::AUTHORIZATION).cloned();
    header.ok_or_else(|| "the credentials are no header".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(method: &Method, path: &str) -> Scope {
        Scope::of(method, &format!("http://host{path}").parse().unwrap())
    }

    #[test]
    fn a_scope_is_a_repository_and_an_action() {
        let pull = scope(&Method::GET, "/v2/team/app/manifests/v1");
        assert_eq!((pull.repo.as_str(), pull.action), ("team/app", "pull"));
        let push = scope(&Method::PATCH, "/v2/team/app/blobs/uploads/1?_state=x");
        assert_eq!((push.repo.as_str(), push.action), ("team/app", "push"));
        assert_eq!(scope(&Method::HEAD, "/v2/a/tags/list").repo, "a");
        assert_eq!(scope(&Method::GET, "/v2/").repo, "");
    }

    #[test]
    fn a_mount_needs_the_other_repository_too() {
        let mount = scope(
            &Method::POST,
            "/v2/a/blobs/uploads/?mount=sha256:0&from=b%2Fc",
        );
        assert_eq!(mount.from.as_deref(), Some("b/c"));
    }
}
