//! The OCI distribution API: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>.
//!
//! A request is authenticated, its path becomes a [`Route`], a handler gets parsed values and
//! returns a reply. Statuses, headers and the texts of errors are in [`reply`] and [`error`] alone.
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use wharf_auth::{Credentials, TokenError, challenge};
use wharf_types::{Registry, RepoName};

use crate::{Caller, Cx, policies::Origin, pull_through::Puller};

mod access;
mod blobs;
mod download;
mod error;
mod lists;
mod manifests;
mod public;
mod query;
mod reply;
mod route;
mod uploads;

pub use error::{Code, Refusal};
use public::Public;
pub use public::{PublicHost, token};
use query::Query;
pub use route::Route;

/// The registry that the request's host names, if it names one. An extension of the request.
#[derive(Clone, Debug)]
pub struct HostRegistry(pub Registry);

/// A request as a handler sees it.
#[derive(Debug)]
struct Asked<'a> {
    cx: &'a Cx,
    caller: &'a Caller,
    origin: Option<Origin>,
    headers: &'a HeaderMap,
    query: &'a Query,
    /// The repository that a blob may be mounted from.
    mount_from: Option<RepoName>,
    /// What the names of repositories begin with, as the client says them.
    prefix: &'a str,
}

impl Asked<'_> {
    /// The length that the client announced, if it did.
    fn announced(&self) -> Option<u64> {
        self.headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    fn puller(&self) -> Puller<'_> {
        Puller {
            caller: self.caller,
            origin: self.origin,
        }
    }

    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers a request to `/v2/`.
pub async fn serve(cx: &Cx, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let public = Public::take(&mut parts);
    let mut response = match admitted(cx, &parts, public.as_ref()).await {
        Err(answered) => answered,
        Ok(caller) => {
            let prefix = public.as_ref().map_or("", Public::prefix);
            match answer(cx, &caller, &parts, prefix, body).await {
                Ok(response) => response,
                Err(refusal) => refusal.into_response(),
            }
        }
    };
    let headers = response.headers_mut();
    if let Some(public) = public {
        public.give_back(headers);
    }
    headers.insert(
        "docker-distribution-api-version",
        HeaderValue::from_static("registry/2.0"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Who asks; or the answer to one who need not say so, or who is refused.
async fn admitted(cx: &Cx, parts: &Parts, public: Option<&Public>) -> Result<Caller, Response> {
    match download::serve(cx, parts).await {
        Some(answered) => Err(answered),
        None => authenticate(cx, parts, public).map_err(|refused| *refused),
    }
}

/// Who asks and which registry is meant: that of an ECR host name or a public one, else that of the
/// password. Who has none may still read what is public.
fn authenticate(cx: &Cx, parts: &Parts, public: Option<&Public>) -> Result<Caller, Box<Response>> {
    let unauthorized = || Box::new(public::challenge(parts));
    let at_public = public.is_some() || parts.extensions.get::<PublicHost>().is_some();
    let found = if at_public {
        public::credentials(&parts.headers)
    } else {
        Credentials::from_headers(&parts.headers)
    };
    let stranger = public.and_then(|public| public.stranger(parts));
    let credentials = match (found, stranger) {
        (Ok(Some(credentials)), _) => credentials,
        (Ok(None), Some(stranger)) => return Ok(stranger),
        _ => return Err(unauthorized()),
    };
    let session = match credentials.verify(&cx.key, cx.store.now()) {
        Ok(session) => session,
        Err(TokenError::Expired) => {
            return Err(Box::new(
                Refusal::new(Code::Denied, challenge::EXPIRED).into_response(),
            ));
        }
        Err(TokenError::Invalid) => return Err(unauthorized()),
    };
    let registry = match (public, parts.extensions.get::<HostRegistry>()) {
        (Some(public), _) => public.registry.clone(),
        (None, Some(HostRegistry(registry))) => registry.clone(),
        (None, None) if at_public && parts.uri.path().len() > "/v2/".len() => {
            let text = "the name of a public repository begins with the alias of its registry";
            return Err(Box::new(
                Refusal::new(Code::NameUnknown, text).into_response(),
            ));
        }
        (None, None) => session.registry,
    };
    let principal = session.principal;
    // Others read what is public as strangers do.
    if principal.account != registry.account
        && let Some(stranger) = public.and_then(|public| public.stranger(parts))
    {
        return Ok(stranger);
    }
    // Where policies are enforced, they say who may use the registry of another account.
    let foreign = principal.account != registry.account && !cx.auth.is_strict();
    if foreign || cx.auth.identity(&principal).is_none() {
        let arn = &principal.arn;
        let text = format!(
            "User: {arn} is not authorized to use the registry of account {}",
            registry.account
        );
        return Err(Box::new(Refusal::new(Code::Denied, text).into_response()));
    }
    Ok(Caller {
        principal,
        registry,
    })
}

fn host(parts: &Parts) -> &str {
    let header = parts
        .headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok());
    header
        .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or("localhost")
}

async fn answer(
    cx: &Cx,
    caller: &Caller,
    parts: &Parts,
    prefix: &str,
    body: Body,
) -> Result<Response, Refusal> {
    let route = Route::parse(parts.uri.path())?;
    let query = Query::parse(parts.uri.query())?;
    let asked = Asked {
        cx,
        caller,
        origin: parts.extensions.get::<Origin>().copied(),
        headers: &parts.headers,
        query: &query,
        mount_from: access::admit(cx, caller, parts, &route, &query, prefix).await?,
        prefix,
    };
    let a = &asked;
    let get = parts.method == Method::GET;
    Ok(match (&parts.method, &route) {
        (&Method::GET | &Method::HEAD, Route::Ping) => reply::ping(),
        (&Method::GET, Route::Catalog) => lists::catalog(a).await?.into_response(),
        (&Method::GET, Route::Tags(name)) => lists::tags(a, name).await?.into_response(),
        (&Method::GET, Route::Referrers(name, digest)) => {
            lists::referrers(a, name, digest).await?.into_response()
        }
        (&Method::GET | &Method::HEAD, Route::Manifest(name, at)) => {
            manifests::get(a, name, at, get).await?
        }
        (&Method::PUT, Route::Manifest(name, at)) => {
            manifests::put(a, name, at, body).await?.into_response()
        }
        (&Method::DELETE, Route::Manifest(name, at)) => {
            manifests::delete(a, name, at).await?.into_response()
        }
        (&Method::GET, Route::Blob(name, digest)) => blobs::get(a, name, digest).await?,
        (&Method::HEAD, Route::Blob(name, digest)) => blobs::head(a, name, digest).await?,
        (&Method::DELETE, Route::Blob(name, digest)) => {
            blobs::delete(a, name, digest).await?.into_response()
        }
        (&Method::POST, Route::Uploads(name)) => uploads::begin(a, name, body).await?,
        (&Method::GET | &Method::HEAD, Route::Upload(name, id)) => {
            uploads::status(a, name, id).await?.into_response()
        }
        (&Method::PATCH, Route::Upload(name, id)) => {
            uploads::append(a, name, id, body).await?.into_response()
        }
        (&Method::PUT, Route::Upload(name, id)) => {
            uploads::finish(a, name, id, body).await?.into_response()
        }
        (&Method::DELETE, Route::Upload(name, id)) => {
            uploads::cancel(a, name, id).await?.into_response()
        }
        (_, route) => return Err(Refusal::method_not_allowed(route.methods())),
    })
}
