//! A reverse proxy: one port for HTTP and one for HTTPS, with routes by host and path.
//!
//! Every request has a connection of its own to a pod: it is a stream of the pod's link and costs no
//! handshake of the network.
mod forward;
mod headers;
mod routes;
#[cfg(test)]
mod tests;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use forward::Site;
use headers::Came;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
pub use routes::{Backend, PathMatch, Route, Routes};
use rustls::ServerConfig;
pub use tls::{BadCertificate, Certificate, Certificates};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use wharf_runtime::network::Reach;

use crate::listener::accept;

/// How long a client may take for its header, and for the handshake of TLS.
const HEADER: Duration = Duration::from_mins(1);
/// The most requests at once on a connection.
const STREAMS: u32 = 250;

/// The two ports. Dropping it closes them and their connections.
#[derive(Debug)]
pub struct HttpListener {
    http: SocketAddr,
    https: SocketAddr,
    routes: watch::Sender<Arc<Routes>>,
    certificates: watch::Sender<Arc<Certificates>>,
    tasks: [JoinHandle<()>; 2],
    _life: watch::Sender<()>,
}

impl Drop for HttpListener {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl HttpListener {
    /// Begins to answer at two sockets that listen.
    pub fn serve(
        http: TcpListener,
        https: TcpListener,
        routes: Routes,
        certificates: Certificates,
        reach: Arc<dyn Reach>,
    ) -> io::Result<Self> {
        let (routes, known) = watch::channel(Arc::new(routes));
        let (certificates, shown) = watch::channel(Arc::new(certificates));
        let (alive, life) = watch::channel(());
        let places = (http.local_addr()?, https.local_addr()?);
        let site = Site {
            routes: known,
            reach,
            https_port: places.1.port(),
            life,
        };
        let config = tls::config(shown)?;
        let tasks = [
            tokio::spawn(plain(http, places.0.port(), site.clone())),
            tokio::spawn(secure(https, places.1.port(), site, config)),
        ];
        Ok(Self {
            http: places.0,
            https: places.1,
            routes,
            certificates,
            tasks,
            _life: alive,
        })
    }

    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    pub const fn https(&self) -> SocketAddr {
        self.https
    }

    /// Changes what counts for the next requests.
    pub fn change(&self, routes: Routes, certificates: Certificates) {
        self.certificates.send_replace(Arc::new(certificates));
        self.routes.send_replace(Arc::new(routes));
    }

    /// Closes both; the ports are free afterwards.
    pub async fn close(mut self) {
        for task in &mut self.tasks {
            task.abort();
            // It was cancelled.
            let _end = task.await;
        }
    }
}

async fn plain(socket: TcpListener, port: u16, site: Site) {
    accept(socket, move |client, from| {
        let site = site.clone();
        let came = Came {
            from: from.ip(),
            port,
            tls: false,
        };
        async move {
            let _slower = client.set_nodelay(true);
            one(client, came, site).await;
        }
    })
    .await;
}

async fn secure(socket: TcpListener, port: u16, site: Site, config: Arc<ServerConfig>) {
    accept(socket, move |client, from| {
        let (site, acceptor) = (site.clone(), TlsAcceptor::from(Arc::clone(&config)));
        let came = Came {
            from: from.ip(),
            port,
            tls: true,
        };
        async move { handshake(client, came, site, acceptor).await }
    })
    .await;
}

async fn handshake(client: TcpStream, came: Came, site: Site, acceptor: TlsAcceptor) {
    let _slower = client.set_nodelay(true);
    let stream = match timeout(HEADER, acceptor.accept(client)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "no TLS with a client"),
        Err(_late) => return,
    };
    if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2) {
        many(stream, came, site).await;
    } else {
        one(stream, came, site).await;
    }
}

/// Requests one after the other.
async fn one(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, came: Came, site: Site) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(request, came).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a client's connection broke off");
    }
}

/// Requests at once.
async fn many(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    came: Came,
    site: Site,
) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(request, came).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a client's connection broke off");
    }
}
