//! ECR Public: `public.ecr.aws/<alias>/<name>`, which anyone may pull.
//!
//! A public repository is reached under that host, whose password docker asks for with a Bearer
//! challenge, so that it pulls without one; and under any plain host of ours as
//! `<host>/public.ecr.aws/<alias>/<name>`, because few systems know the address of another name. The
//! host of a private registry shows nothing but that registry.
//!
//! *Guarantees*: a request without a password reads one public repository, and nothing else.
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts, uri::PathAndQuery};
use serde_json::json;
use wharf_auth::{Credentials, Principal};
use wharf_types::{Arn, Registry};

use super::{HostRegistry, Route, reply};
use crate::{Caller, Cx};

/// The request was sent to the host of all public registries. An extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct PublicHost {
    pub tls: bool,
}

/// What the name of a public repository begins with on any other host.
const PREFIX: &str = "public.ecr.aws/";

/// The Bearer token of one who has no password.
const ANONYMOUS: &str = "anonymous";

/// The public registry that a request means.
#[derive(Debug)]
pub(super) struct Public {
    pub(super) registry: Registry,
    /// What was cut out of the path.
    prefix: String,
}

impl Public {
    /// The public registry of a request, if it means one. The path then names the repository alone.
    pub(super) fn take(parts: &mut Parts) -> Option<Self> {
        let path = parts.uri.path();
        let rest = path.strip_prefix("/v2/")?;
        let (before, rest) = if parts.extensions.get::<PublicHost>().is_some() {
            ("", rest)
        } else if parts.extensions.get::<HostRegistry>().is_none() {
            (PREFIX, rest.strip_prefix(PREFIX)?)
        } else {
            return None;
        };
        let (alias, rest) = rest.split_once('/')?;
        let registry = Registry::by_alias(alias)?;
        let query = parts.uri.query().map(|q| format!("?{q}"));
        let path = format!("/v2/{rest}{}", query.unwrap_or_default());
        let prefix = format!("{before}{alias}/");
        parts.uri = Uri::from(path.parse::<PathAndQuery>().ok()?);
        Some(Self { registry, prefix })
    }

    /// What the names of its repositories begin with, as the client says them.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes links lead back to where the request came from.
    pub(super) fn give_back(&self, headers: &mut HeaderMap) {
        for name in [header::LOCATION, header::LINK] {
            let text = headers.get(&name).and_then(|value| value.to_str().ok());
            // A bucket's URL is none of ours, whatever its path.
            let ours = |text: &&str| text.starts_with("/v2/") || text.starts_with("</v2/");
            if let Some(text) = text.filter(ours) {
                let whole = text.replacen("/v2/", &format!("/v2/{}", self.prefix), 1);
                headers.insert(name, reply::value(whole));
            }
        }
    }

    /// One without a password, who may only read.
    pub(super) fn stranger(&self, parts: &Parts) -> Option<Caller> {
        let route = Route::parse(parts.uri.path()).ok()?;
        is_read_of_image(&parts.method, &route).then(|| Caller {
            principal: Principal {
                account: self.registry.account.clone(),
                arn: Arn::user(&self.registry.account, ANONYMOUS),
                access_key: String::new(),
                session: None,
            },
            registry: self.registry.clone(),
        })
    }
}

/// Whether anyone may do this in a public registry. An upload is its owner's, also to look at, and so
/// is the list of repositories.
pub(super) fn is_read_of_image(method: &Method, route: &Route) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let upload = matches!(route, Route::Uploads(_) | Route::Upload(..));
    reads && route.repository().is_some() && !upload
}

/// The `Authorization` of a request without that of one who says to have no password.
pub(super) fn credentials(headers: &HeaderMap) -> Result<Option<Credentials>, wharf_auth::Error> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "));
    match bearer {
        Some(ANONYMOUS) => Ok(None),
        Some(password) => Ok(Some(Credentials::bearer(password))),
        None => Credentials::from_headers(headers),
    }
}

fn unauthorized(parts: &Parts, PublicHost { tls }: PublicHost) -> Response {
    let mut response = reply::unauthorized(super::host(parts));
    let scheme = if tls { "https" } else { "http" };
    // The host is one of two, which the server knows.
    let host = super::host(parts);
    let challenge =
        format!(r#"Bearer realm="{scheme}://{host}/token/",service="public.ecr.aws",scope="aws""#);
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The 401 of a request to any host.
pub(super) fn challenge(parts: &Parts) -> Response {
    match parts.extensions.get::<PublicHost>() {
        Some(host) => unauthorized(parts, *host),
        None => reply::unauthorized(super::host(parts)),
    }
}

/// Answers `GET /token/`: a password becomes a Bearer token, and so does none.
pub fn token(cx: &Cx, parts: &Parts, host: PublicHost) -> Response {
    let token = match Credentials::from_headers(&parts.headers) {
        Ok(None) => ANONYMOUS.to_owned(),
        Ok(Some(credentials)) if credentials.verify(&cx.key, cx.store.now()).is_ok() => {
            credentials.password.expose().to_owned()
        }
        _ => return unauthorized(parts, host),
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (no_store, Json(json!({ "token": token, "expires_in": 300 }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_ours_are_changed() {
        let public = Public {
            registry: Registry::public("000000000000".parse().unwrap()),
            prefix: "public.ecr.aws/w000000000000/".into(),
        };
        let ours = "/v2/public.ecr.aws/w000000000000/app/tags/list?n=1";
        for (link, expected) in [
            ("/v2/app/tags/list?n=1", ours),
            (
                "https://bucket.example/v2/x?signature=1",
                "https://bucket.example/v2/x?signature=1",
            ),
        ] {
            let mut headers = HeaderMap::from_iter([(header::LOCATION, reply::value(link))]);
            public.give_back(&mut headers);
            assert_eq!(headers[header::LOCATION], expected);
        }
    }
}
