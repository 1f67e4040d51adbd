//! One request: to a pod, and its answer back. Nothing is kept of either.
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::sync::watch;
use wharf_runtime::network::Reach;

use super::headers::{self, Came};
use super::routes::{Backend, Route, Routes};
use crate::listener::dial;

/// From a pod, or our own text.
pub(super) type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// What all requests of a port have in common.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) routes: watch::Receiver<Arc<Routes>>,
    pub(super) reach: Arc<dyn Reach>,
    /// Where requests go that have to be made by TLS.
    pub(super) https_port: u16,
    /// Ends with the port.
    pub(super) life: watch::Receiver<()>,
}

impl Site {
    pub(super) async fn answer(self, request: Request<Incoming>, came: Came) -> Answer {
        let Some(authority) = authority(&request) else {
            return text(StatusCode::BAD_REQUEST, "the request names no host\n");
        };
        let path = request.uri().path();
        let route = self.routes.borrow().find(name(&authority), path).cloned();
        let Some(route) = route else {
            let why = format!("no rule of an Ingress is for {authority}{path}\n");
            return text(StatusCode::NOT_FOUND, &why);
        };
        if route.to_https && !came.tls {
            return self.redirect(&authority, request.uri());
        }
        let Some(origin) = origin(request.uri(), &route) else {
            return text(StatusCode::BAD_REQUEST, "the path cannot be rewritten\n");
        };
        self.forward(request, came, &authority, origin, &route.backend)
            .await
    }

    fn redirect(&self, authority: &str, uri: &Uri) -> Answer {
        let host = name(authority);
        let port = match self.https_port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let mut answer = text(StatusCode::PERMANENT_REDIRECT, "");
        if let Ok(to) = HeaderValue::from_str(&format!("https://{host}{port}{path}")) {
            answer.headers_mut().insert(LOCATION, to);
        }
        answer
    }

    async fn forward(
        self,
        mut request: Request<Incoming>,
        came: Came,
        authority: &str,
        origin: PathAndQuery,
        backend: &Backend,
    ) -> Answer {
        let name = &backend.name;
        if backend.is_empty() {
            let why = format!("the service {name} has no endpoint that is ready\n");
            return text(StatusCode::SERVICE_UNAVAILABLE, &why);
        }
        let targets = || backend.targets();
        let dialled = dial(&*self.reach, backend.choice(), came.from, targets);
        let stream = match dialled.await {
            Ok(stream) => stream,
            Err(error) => {
                let why = format!("no endpoint of the service {name} answers: {error}\n");
                return text(StatusCode::BAD_GATEWAY, &why);
            }
        };
        let protocol = headers::upgrade(request.headers());
        let client = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
        *request.uri_mut() = Uri::from(origin);
        *request.version_mut() = Version::HTTP_11;
        headers::end_to_end(request.headers_mut());
        headers::forwarded(request.headers_mut(), came, authority);
        if let Some(protocol) = protocol {
            headers::set_upgrade(request.headers_mut(), protocol);
        }
        let asked = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // Ends with the answer's body, which the client's connection holds.
            tokio::spawn(connection.with_upgrades());
            sender.send_request(request).await
        };
        let mut answer = match asked.await {
            Ok(answer) => answer,
            Err(error) => {
                let why = format!("the service {name} broke the connection off: {error}\n");
                return text(StatusCode::BAD_GATEWAY, &why);
            }
        };
        let changed = headers::upgrade(answer.headers());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(client) = client
        {
            let pod = hyper::upgrade::on(&mut answer);
            tokio::spawn(connect(client, pod, self.life));
        }
        headers::end_to_end(answer.headers_mut());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(protocol) = changed
        {
            headers::set_upgrade(answer.headers_mut(), protocol);
        }
        *answer.version_mut() = Version::default();
        answer.map(Either::Left)
    }
}

/// Carries bytes between two that changed to another protocol.
async fn connect(
    client: hyper::upgrade::OnUpgrade,
    pod: hyper::upgrade::OnUpgrade,
    mut life: watch::Receiver<()>,
) {
    let carried = async {
        let (client, pod) = tokio::try_join!(client, pod)?;
        let (mut client, mut pod) = (TokioIo::new(client), TokioIo::new(pod));
        let carried = copy_bidirectional(&mut client, &mut pod).await;
        if let Err(error) = carried {
            tracing::debug!(%error, "an upgraded connection broke off");
        }
        Ok::<_, hyper::Error>(())
    };
    tokio::select! {
        ended = carried => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection was not upgraded");
            }
        }
        // Nothing is ever sent: this is the end of the sender.
        _end = life.changed() => {}
    }
}

/// The host that is asked for, maybe with a port.
fn authority(request: &Request<Incoming>) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    let host = request.headers().get(HOST)?.to_str().ok()?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// What the pod is asked for.
fn origin(uri: &Uri, route: &Route) -> Option<PathAndQuery> {
    let path = route.rewritten(uri.path());
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.into_owned(),
    };
    PathAndQuery::try_from(text).ok()
}

/// A host without its port.
fn name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn text(status: StatusCode, why: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(why.as_bytes()));
    let mut answer = Response::new(Either::Right(body));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
