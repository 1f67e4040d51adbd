//! Where clusters are reached: a TLS port of each, or a path below the main port.
//!
//! # Guarantees
//!
//! * At a cluster's port nothing is taken from a web page: requests that say that a page of somebody
//!   else sent them are refused, and there is nothing there without a token or a certificate but
//!   health and public keys.
//! * When a cluster or the server ends, watches end at once, and other requests get the time of
//!   [`Limits::drain`].
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use futures::FutureExt as _;
use http::{StatusCode, Uri, header, uri::PathAndQuery};
use http_body::Frame;
use tokio::{sync::watch, task::JoinHandle};
use wharf_aws::Names;
use wharf_eks::running::{Credentials, Listeners, Running};
use wharf_kubernetes::api::Access;
use wharf_registry::Cx;

use crate::{
    config::{ClusterEndpoint, Config},
    guard::{Guard, Host, HostKind, Name},
    listen::{self, ClusterTls, Limits, envelope},
};

/// How tokens of AWS are checked for clusters.
pub(crate) fn access(domain: &Cx, guard: &Guard, names: &Names) -> Access {
    let guard = guard.clone();
    let is_ours = move |host: &str| {
        let host: Option<Host> = host.parse().ok();
        let name = host.map(|host| match host.name {
            Name::Ip(address) => address.to_string(),
            Name::Dns(name) => name,
        });
        let kind = name.and_then(|name| guard.host_kind(&name));
        kind.is_some_and(|kind| kind != HostKind::EcrPublic)
    };
    Access {
        auth: domain.auth.clone(),
        key: Arc::clone(&domain.key),
        default_account: names.default.account.clone(),
        is_ours: Arc::new(is_ours),
    }
}

/// The ports of clusters. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Ports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: IpAddr,
    host: String,
    base: Option<String>,
    base_authority: Option<String>,
    limits: Limits,
    stop: watch::Receiver<bool>,
    open: Mutex<HashMap<String, Port>>,
    closing: Mutex<Vec<JoinHandle<()>>>,
}

/// A port that was taken.
#[derive(Debug)]
enum Port {
    Bound(TcpListener),
    Serving {
        tls: ClusterTls,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ports {
    /// Ports at the address of the server's first listener. `authority` signs what the server itself
    /// shows.
    pub(crate) fn new(
        config: &Config,
        addresses: &[SocketAddr],
        authority: Option<&str>,
        limits: Limits,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let first = addresses.first();
        let address = first.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), SocketAddr::ip);
        let host = match (config.public_hosts.first(), address) {
            (Some(name), address) if !address.is_loopback() => name.clone(),
            (_, IpAddr::V4(address)) if !address.is_unspecified() => address.to_string(),
            (_, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.to_string(),
            (_, IpAddr::V6(_)) => "localhost".to_owned(),
        };
        let port = first.map_or(0, SocketAddr::port);
        let path = config.cluster_endpoint == ClusterEndpoint::Path;
        Self(Arc::new(Shared {
            address,
            host,
            base: path.then(|| format!("https://localhost:{port}")),
            base_authority: authority.filter(|_| path).map(str::to_owned),
            limits,
            stop,
            open: Mutex::default(),
            closing: Mutex::default(),
        }))
    }

    /// Returns when all ports are closed, after the server was told to stop.
    pub(crate) async fn closed(&self) {
        let open: Vec<String> = lock(&self.0.open).keys().cloned().collect();
        for id in open {
            self.close(&id);
        }
        let closing = std::mem::take(&mut *lock(&self.0.closing));
        for task in closing {
            drop(task.await);
        }
    }
}

impl Listeners for Ports {
    fn host(&self) -> String {
        self.0.host.clone()
    }

    fn base(&self) -> Option<String> {
        self.0.base.clone()
    }

    fn base_authority(&self) -> Option<String> {
        self.0.base_authority.clone()
    }

    fn bind(&self, id: &str, port: Option<u16>) -> io::Result<u16> {
        let mut open = lock(&self.0.open);
        if let Some(Port::Bound(listener)) = open.get(id) {
            return Ok(listener.local_addr()?.port());
        }
        let free = || listen::bind((self.0.address, 0).into());
        let listener = match port {
            None => free()?,
            Some(port) => listen::bind((self.0.address, port).into()).or_else(|_taken| free())?,
        };
        let port = listener.local_addr()?.port();
        open.insert(id.to_owned(), Port::Bound(listener));
        Ok(port)
    }

    fn serve(&self, cluster: &Running, credentials: &Credentials) -> io::Result<()> {
        let tls = ClusterTls::new(credentials)?;
        let mut open = lock(&self.0.open);
        let Some(Port::Bound(listener)) = open.remove(cluster.id()) else {
            return Err(io::Error::other("no port was taken for the cluster"));
        };
        let (stop, stopping) = watch::channel(false);
        let service = Service {
            cluster: cluster.clone(),
            stop: stopping.clone(),
        };
        let limits = self.0.limits.clone();
        let (encrypted, mut all) = (tls.clone(), self.0.stop.clone());
        let told = stop.clone();
        let task = tokio::spawn(async move {
            let serving = listen::serve_cluster(listener, encrypted, service, limits, stopping);
            let mut serving = std::pin::pin!(serving);
            let ended = tokio::select! {
                ended = serving.as_mut() => ended,
                () = listen::stopped(&mut all) => {
                    told.send_replace(true);
                    serving.await
                }
            };
            if let Err(error) = ended {
                tracing::error!(%error, "the port of a cluster failed");
            }
        });
        open.insert(cluster.id().to_owned(), Port::Serving { tls, stop, task });
        Ok(())
    }

    fn renew(&self, id: &str, credentials: &Credentials) -> io::Result<()> {
        match lock(&self.0.open).get(id) {
            Some(Port::Serving { tls, .. }) => tls.replace(credentials),
            _ => Ok(()),
        }
    }

    fn close(&self, id: &str) {
        let port = lock(&self.0.open).remove(id);
        if let Some(Port::Serving { stop, task, .. }) = port {
            stop.send_replace(true);
            let mut closing = lock(&self.0.closing);
            closing.retain(|task| !task.is_finished());
            closing.push(task);
        }
    }
}

/// What answers at a cluster's port.
#[derive(Clone, Debug)]
struct Service {
    cluster: Running,
    stop: watch::Receiver<bool>,
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { cluster, stop } = self.clone();
        Box::pin(async move {
            if is_foreign(&request) {
                return Ok(envelope(
                    StatusCode::FORBIDDEN,
                    "DENIED",
                    "requests of web pages are not served",
                ));
            }
            Ok(answer(&cluster, request, &stop).await)
        })
    }
}

/// Whether a page sent it that is not one of the cluster's own: there are none. Programs that open a
/// WebSocket may say that its origin is the server itself.
fn is_foreign(request: &Request<Body>) -> bool {
    let headers = request.headers();
    let host = headers.get(header::HOST);
    let own = host.map(|host| [b"https://", host.as_bytes()].concat());
    let origin = headers.get(header::ORIGIN);
    let ours = origin.map(http::HeaderValue::as_bytes) == own.as_deref()
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
        && headers.contains_key(header::AUTHORIZATION);
    let site = headers
        .get("sec-fetch-site")
        .map(http::HeaderValue::as_bytes);
    (origin.is_some() && !ours) || !matches!(site, None | Some(b"none"))
}

/// Answers a request whose path begins with `/k8s/<id>`.
pub(crate) async fn below(
    cluster: Option<Running>,
    path: &str,
    mut request: Request<Body>,
    stop: &watch::Receiver<bool>,
) -> Response {
    const NONE: &str = "there is no cluster of this id";
    let Some(cluster) = cluster else {
        return envelope(StatusCode::NOT_FOUND, "UNSUPPORTED", NONE);
    };
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(target) = target.parse::<PathAndQuery>() else {
        return envelope(StatusCode::BAD_REQUEST, "UNSUPPORTED", "not a path");
    };
    *request.uri_mut() = Uri::from(target);
    answer(&cluster, request, stop).await
}

/// Answers, and ends the answer when the cluster stops if it has no end of its own.
async fn answer(cluster: &Running, request: Request, stop: &watch::Receiver<bool>) -> Response {
    let endless = is_endless(request.uri().query().unwrap_or_default());
    let response = cluster.serve(request).await;
    if !endless {
        return response;
    }
    let mut stop = stop.clone();
    let stopped = async move { listen::stopped(&mut stop).await };
    response.map(|body| {
        Body::new(Until {
            body,
            stopped: Box::pin(stopped),
        })
    })
}

/// Whether a query asks for an answer that goes on: a watch, or a log that is followed.
fn is_endless(query: &str) -> bool {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.any(|(name, value)| {
        matches!(&*name, "watch" | "follow") && !matches!(&*value, "false" | "0")
    })
}

/// A body that ends when something has happened.
struct Until {
    body: Body,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.stopped.poll_unpin(cx).map(|()| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_pages_are_foreign_and_programs_that_name_the_server_are_not() {
        let ask = |headers: &[(&str, &str)]| {
            let request = Request::get("/api").header("host", "127.0.0.1:6443");
            let all = headers.iter();
            let request = all.fold(request, |request, (name, value)| {
                request.header(*name, *value)
            });
            is_foreign(&request.body(Body::empty()).unwrap())
        };
        let own = ("origin", "https://127.0.0.1:6443");
        let socket = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let token = ("authorization", "Bearer x");
        assert!(!ask(&[]));
        assert!(!ask(&[own, socket, token]));
        assert!(ask(&[own, socket]), "a page cannot send the header");
        assert!(ask(&[own, token]), "only WebSockets have an origin");
        assert!(ask(&[("origin", "https://evil.test"), socket, token]));
        assert!(ask(&[
            own,
            socket,
            token,
            ("sec-fetch-site", "same-origin")
        ]));
    }
}
