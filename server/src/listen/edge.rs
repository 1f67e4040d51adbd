//! What is refused before any service sees it, whatever the service is.
use axum::body::Body;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
};

/// The longest request target.
const MAX_URI_BYTES: usize = 8 * 1024;
/// The most header fields of a request.
const MAX_HEADERS: usize = 64;

/// An error in the envelope of the distribution specification.
pub(crate) fn envelope(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let json = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
    let mut response = Response::new(Body::from(json.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer to a request that is not to be served, after which the connection closes.
pub(super) fn refuse<B>(request: &Request<B>) -> Option<Response<Body>> {
    let (status, message) = fault(request, MAX_URI_BYTES)?;
    let mut response = envelope(status, "UNSUPPORTED", message);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
        headers.insert(ALLOW, methods);
    }
    Some(response)
}

/// The same at the port of a cluster, in the words of Kubernetes. Selectors may make targets as long
/// as a whole header may be.
pub(super) fn refuse_to_cluster<B>(request: &Request<B>) -> Option<Response<Body>> {
    let (status, message) = fault(request, usize::MAX)?;
    let status = wharf_kubernetes::Status::new(status, "", message);
    let mut response = axum::response::IntoResponse::into_response(status);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    Some(response)
}

fn fault<B>(request: &Request<B>, longest: usize) -> Option<(StatusCode, &'static str)> {
    let headers = request.headers();
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        let message = "this method is not supported";
        return Some((StatusCode::METHOD_NOT_ALLOWED, message));
    }
    if target_bytes(request.uri()) > longest {
        return Some((StatusCode::URI_TOO_LONG, "the request target is too long"));
    }
    if headers.len() > MAX_HEADERS {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some((status, "there are too many header fields"));
    }
    // <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>
    let mut hosts = headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next().is_some());
    if more || (host.is_none() && request.version() == Version::HTTP_11) {
        return Some((StatusCode::BAD_REQUEST, "exactly one Host header is needed"));
    }
    if let Some(authority) = request.uri().authority() {
        let same = host.is_some_and(|host| {
            host.as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes())
        });
        if !same {
            let message = "the request target and Host differ";
            return Some((StatusCode::BAD_REQUEST, message));
        }
    }
    // <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        let message = "Transfer-Encoding and Content-Length exclude each other";
        return Some((StatusCode::BAD_REQUEST, message));
    }
    None
}

fn target_bytes(uri: &Uri) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    path + uri.authority().map_or(0, |a| a.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> u16 {
        let request = request.body(()).unwrap();
        refuse(&request).map_or(200, |response| response.status().as_u16())
    }

    fn get(uri: &str) -> http::request::Builder {
        Request::get(uri)
    }

    #[test]
    fn a_request_has_exactly_one_host() {
        assert_eq!(status(get("/").header(HOST, "a")), 200);
        assert_eq!(status(get("/")), 400);
        assert_eq!(status(get("/").header(HOST, "a").header(HOST, "a")), 400);
        assert_eq!(status(get("/").version(Version::HTTP_10)), 200);
    }

    #[test]
    fn an_absolute_target_agrees_with_host() {
        assert_eq!(
            status(get("http://Localhost:1/v2/").header(HOST, "localhost:1")),
            200
        );
        assert_eq!(
            status(get("http://evil/v2/").header(HOST, "localhost:1")),
            400
        );
        assert_eq!(
            status(get("http://u@localhost:1/").header(HOST, "localhost:1")),
            400
        );
        let old = get("http://evil/").version(Version::HTTP_10);
        assert_eq!(status(old), 400);
    }

    #[test]
    fn targets_end_at_8_kib_and_headers_at_64() {
        let uri = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert_eq!(status(get(&uri(8192)).header(HOST, "a")), 200);
        assert_eq!(status(get(&uri(8193)).header(HOST, "a")), 414);
        let fields = |n: usize| (1..n).fold(get("/").header(HOST, "a"), |r, _| r.header("x", "y"));
        assert_eq!(status(fields(64)), 200);
        assert_eq!(status(fields(65)), 431);
    }

    #[test]
    fn trace_and_connect_are_405() {
        for method in ["TRACE", "CONNECT"] {
            let request = Request::builder()
                .method(method)
                .uri("a:1")
                .header(HOST, "a:1");
            assert_eq!(status(request), 405);
        }
        let request = Request::trace("/").body(()).unwrap();
        assert!(refuse(&request).unwrap().headers().contains_key(ALLOW));
    }

    #[test]
    fn two_framings_are_400() {
        let both = get("/")
            .header(HOST, "a")
            .header(TRANSFER_ENCODING, "chunked")
            .header(CONTENT_LENGTH, "3");
        assert_eq!(status(both), 400);
    }
}
