//! What a server says of itself: discovery, OpenAPI, its version and its health.
//!
//! [`serve`] answers all paths that are not about objects. Whoever calls it has decided whether the
//! user may ask.
mod accept;
mod discovery;
mod health;
mod openapi;
mod openapi_v2;
mod subresources;
#[cfg(test)]
mod tests;
mod version;
mod versions;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, HOST, IF_NONE_MATCH, LOCATION, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

pub use accept::{Form, MetaVersion, form};
pub use discovery::Aggregated;
pub(crate) use openapi::{Documents, type_name};
pub use version::version;
pub(crate) use versions::compare as compare_versions;

use crate::Status;
use crate::cluster::Cluster;

/// An answer that is known as a whole.
pub type Answer = Response<Bytes>;

const JSON: &str = "application/json";

/// A request for something that is no object.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub method: &'a Method,
    /// Within the cluster, as `/apis/apps/v1`.
    pub path: &'a str,
    /// Without the question mark; may be empty.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
}

/// Answers what is no object; none if the path is not one of these.
pub async fn serve(cluster: &Cluster, ask: Ask<'_>) -> Option<Result<Answer, Status>> {
    let path = ask.path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    let known = matches!(
        segments.as_slice(),
        [""] | [
            "api" | "apis" | "version" | "openapi" | "healthz" | "livez" | "readyz",
            ..
        ]
    );
    // Longer paths are about objects.
    let object = matches!(
        segments.as_slice(),
        ["api", _, _, ..] | ["apis", _, _, _, ..]
    );
    if !known || object {
        return None;
    }
    if *ask.method != Method::GET && *ask.method != Method::HEAD {
        return Some(Err(Status::method_not_allowed()));
    }
    let answer = match segments.as_slice() {
        ["healthz" | "livez" | "readyz", ..] => {
            health::answer(ask.method, path, ask.query).ok_or_else(Status::no_such_path)
        }
        ["openapi", rest @ ..] => serve_openapi(cluster, &ask, rest).await,
        other => serve_resources(cluster, &ask, other),
    };
    Some(answer)
}

fn serve_resources(cluster: &Cluster, ask: &Ask<'_>, segments: &[&str]) -> Result<Answer, Status> {
    let resources = cluster.resources();
    let all = &resources.all;
    let found = match segments {
        [""] => Some(paths(cluster)),
        ["version"] => Some(version(&cluster.settings().version)),
        ["api"] => match aggregated_form(ask.headers)? {
            Some(form) => return Ok(tagged(ask, form, &discovery::aggregated_core(all, form))),
            None => Some(discovery::api_versions(host(ask.headers))),
        },
        ["apis"] => match aggregated_form(ask.headers)? {
            Some(form) => return Ok(tagged(ask, form, &discovery::aggregated_groups(all, form))),
            None => Some(discovery::group_list(all)),
        },
        ["api", version] => discovery::resource_list(all, "", version),
        ["apis", group] => discovery::group(all, group),
        ["apis", group, version] => discovery::resource_list(all, group, version),
        _ => None,
    };
    let body = found.ok_or_else(Status::no_such_path)?;
    form(ask.headers)?;
    Ok(json_answer(ask.method, &body))
}

/// The aggregated form of discovery, if it is preferred to the plain one.
fn aggregated_form(headers: &HeaderMap) -> Result<Option<Aggregated>, Status> {
    for clause in accept::clauses(headers) {
        if !clause.takes("application", "json") {
            continue;
        }
        let parameter = |name| clause.parameter(name);
        match (parameter("g"), parameter("v"), parameter("as")) {
            (None, None, None) => return Ok(None),
            (Some("apidiscovery.k8s.io"), Some(version), Some("APIGroupDiscoveryList")) => {
                match version {
                    "v2" => return Ok(Some(Aggregated::V2)),
                    "v2beta1" => return Ok(Some(Aggregated::V2beta1)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    form(headers).map(|_form| None)
}

/// The names that the server has in the paths of its own.
fn paths(cluster: &Cluster) -> Value {
    let resources = cluster.resources();
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ]
    .map(str::to_owned)
    .to_vec();
    for group in discovery::groups(&resources.all) {
        if group.name.is_empty() {
            continue;
        }
        paths.push(format!("/apis/{}", group.name));
        let versions = group.versions.iter();
        paths.extend(versions.map(|version| format!("/apis/{}/{version}", group.name)));
    }
    paths.sort_unstable();
    json!({ "paths": paths })
}

fn host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.unwrap_or("localhost")
}

/// Serves `/openapi/<rest>`.
async fn serve_openapi(cluster: &Cluster, ask: &Ask<'_>, rest: &[&str]) -> Result<Answer, Status> {
    let (group, version) = match rest {
        ["v2"] => return openapi_v2::serve(ask).await,
        ["v3"] => ("", ""),
        ["v3", "api", version] => ("", *version),
        ["v3", "apis", group, version] => (*group, *version),
        _ => return Err(Status::no_such_path()),
    };
    let json = |clause: &accept::Clause| clause.takes("application", "json");
    if !accept::clauses(ask.headers).iter().any(json) {
        let only = "only the following media types are accepted: application/json";
        return Err(Status::not_acceptable(only));
    }
    let resources = cluster.resources();
    let (handle, of) = (cluster.clone(), std::sync::Arc::clone(&resources));
    let index = blocking(move || handle.documents().index(&of)).await?;
    if version.is_empty() {
        return Ok(cached(ask, JSON, &index.etag, index.body.clone()));
    }
    let hash = index
        .hash(group, version)
        .ok_or_else(Status::no_such_path)?;
    let asked = form_urlencoded::parse(ask.query.as_bytes())
        .find_map(|(key, value)| (key == "hash").then(|| value.into_owned()))
        .unwrap_or_default();
    if !asked.is_empty() && asked != hash {
        let url = format!("{}?hash={hash}", ask.path.trim_end_matches('/'));
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
        put(answer.headers_mut(), LOCATION, &url);
        return Ok(answer);
    }
    let (handle, hash) = (cluster.clone(), hash.to_owned());
    let (group, version, known) = (group.to_owned(), version.to_owned(), hash.clone());
    let body = blocking(move || {
        let documents = handle.documents();
        documents.document(&resources, &group, &version, &known)
    });
    let mut answer = cached(ask, JSON, &hash, body.await?);
    put(answer.headers_mut(), VARY, "Accept");
    if !asked.is_empty() {
        let at = cluster.now() + YEAR;
        let expires = jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default();
        let expires = expires.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        put(answer.headers_mut(), CACHE_CONTROL, "public, immutable");
        put(answer.headers_mut(), EXPIRES, &expires);
    }
    Ok(answer)
}

/// What never changes may be kept for so long.
const YEAR: std::time::Duration = std::time::Duration::from_hours(365 * 24);

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Status::internal)
}

fn tagged(ask: &Ask<'_>, form: Aggregated, body: &Value) -> Answer {
    let body = Bytes::from(body.to_string());
    let etag = wharf_kubernetes_schema::openapi::hash(&body);
    let mut answer = cached(ask, &form.content_type(), &etag, body);
    put(answer.headers_mut(), VARY, "Accept");
    put(answer.headers_mut(), CACHE_CONTROL, "public");
    answer
}

/// An answer that the client may have already.
fn cached(ask: &Ask<'_>, content_type: &str, etag: &str, body: Bytes) -> Answer {
    let etag = format!("\"{etag}\"");
    let known = ask.headers.get_all(IF_NONE_MATCH).iter();
    let known = known.filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    let same = known.any(|own| own == etag || own.strip_prefix("W/") == Some(&etag));
    let mut answer = if same {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        whole(ask.method, StatusCode::OK, content_type, body)
    };
    put(answer.headers_mut(), ETAG, &etag);
    answer
}

fn json_answer(method: &Method, body: &Value) -> Answer {
    let body = Bytes::from(body.to_string());
    let mut answer = whole(method, StatusCode::OK, JSON, body);
    put(answer.headers_mut(), CACHE_CONTROL, "no-cache, private");
    answer
}

fn text(method: &Method, status: StatusCode, body: String) -> Answer {
    let mut answer = whole(method, status, "text/plain; charset=utf-8", body.into());
    put(answer.headers_mut(), CACHE_CONTROL, "no-cache, private");
    let sniff = HeaderName::from_static("x-content-type-options");
    put(answer.headers_mut(), sniff, "nosniff");
    answer
}

fn whole(method: &Method, status: StatusCode, content_type: &str, body: Bytes) -> Answer {
    let body = if *method == Method::HEAD {
        Bytes::new()
    } else {
        body
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    put(answer.headers_mut(), CONTENT_TYPE, content_type);
    answer
}

/// Sets a header whose value we made.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
