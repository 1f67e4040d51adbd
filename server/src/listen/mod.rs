//! The network edge: one port for plain HTTP and TLS, with a limit on everything a peer can hold.
//!
//! An accept loop of our own around hyper's HTTP/1.1, because the ready-made ones time neither the
//! first byte nor the header, and never count connections.
//!
//! # Guarantees
//!
//! * Whoever is silent or slow is gone after the time that [`Limits`] names for it: before the first
//!   byte, in the handshake, in the header, between requests, in a body, and when not reading.
//! * A service sees one `Host`, an origin-form target or one that agrees with it, and no framing
//!   that two parsers could read differently. (With both `Transfer-Encoding` and `Content-Length`
//!   hyper drops the length before anyone sees it, reads the chunks, and closes the connection
//!   after the answer, as RFC 9112, section 6.3, demands.)
//! * HTTP/2 is spoken to clients of clusters alone ([`serve_cluster`]): elsewhere its preface on a
//!   plain connection is a bad request, and TLS offers `http/1.1` alone.
//! * After the stop signal nothing is accepted, requests that run get [`Limits::drain`] to finish,
//!   and [`serve`] returns when the last connection is gone.
//!
//! # Assumptions
//!
//! Requests that hyper cannot parse it answers itself, with a status and no body.
use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use tokio::sync::watch;

pub(crate) use self::edge::envelope;
pub use self::{body::BodyError, ca::Error as TlsError, tls::Tls};
pub(crate) use self::{cluster::ClusterTls, connection::stopped};

mod accept;
mod admit;
mod body;
mod ca;
mod cluster;
mod connection;
mod edge;
mod stream;
mod tls;
mod watchdog;

#[cfg(test)]
mod tests;

/// What a peer may hold, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections of all peers together; more wait in the listener's queue.
    pub connections: usize,
    /// Connections of one address (an IPv6 /64); more are closed at once. Loopback is exempt:
    /// there every client shares one address, and who can open a thousand sockets on this machine
    /// has no need of ours to harm it.
    pub connections_per_ip: usize,
    /// From accepting to the first byte.
    pub first_byte: Duration,
    /// For the whole TLS handshake.
    pub handshake: Duration,
    /// For a complete request header, and for an idle connection to send one.
    pub header: Duration,
    /// The time over which a request's body must bring `body_bytes`. Only waiting for the peer
    /// counts, not what we do with the bytes.
    pub body_window: Duration,
    /// The fewest bytes that a body brings in a `body_window`.
    pub body_bytes: u64,
    /// How long a peer may take no byte of what we have for it.
    pub write_stall: Duration,
    /// What running requests get after the stop signal.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_ip: 256,
            first_byte: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body_window: Duration::from_secs(30),
            body_bytes: 30 * 1024,
            write_stall: Duration::from_mins(1),
            drain: Duration::from_secs(30),
        }
    }
}

/// Where a request came in: an extension of every request that came over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whether it is encrypted.
    pub tls: bool,
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

pub(crate) use wharf_kubernetes::api::PeerCertificate;

/// What requests are given to: an axum `Router`, or anything of its form.
pub trait HttpService:
    tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> HttpService for S where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Binds a TCP listener with a queue long enough for a burst of clients. Needs a Tokio runtime.
///
/// Port 0 takes a free one; ask the listener which.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    accept::bind(address)
}

/// Binds a Unix socket that only its owner can connect to (0600), in place of one that an earlier
/// process left. The caller holds the directory's lock. Needs a Tokio runtime.
pub fn bind_unix(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    accept::bind_unix(path)
}

/// Raises the limit on open files to the most that this process may have, and says how many.
pub fn raise_open_files() -> Option<u64> {
    accept::raise_open_files()
}

/// Serves `listeners` until `stop` holds true or its sender is gone, then drains and returns.
///
/// Without `tls`, a handshake is a bad request. Dropping the future aborts everything at once.
///
/// # Errors
///
/// When a listener cannot be used at all. Errors of accepting and of connections are not errors.
pub async fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    service: impl HttpService,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listeners = listeners
        .into_iter()
        .map(|listener| accept::Listener::tcp(listener, tls.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    accept::run(listeners, service, Arc::new(limits), stop).await;
    Ok(())
}

/// [`serve`] for the Kubernetes API of a cluster: TLS alone, HTTP/2 too, client certificates asked for.
pub(crate) async fn serve_cluster(
    listener: TcpListener,
    tls: ClusterTls,
    service: impl HttpService,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = accept::Listener::cluster(listener, tls)?;
    accept::run(vec![listener], service, Arc::new(limits), stop).await;
    Ok(())
}

/// [`serve`] for a Unix socket. Its requests have no [`Connection`] extension.
pub async fn serve_unix(
    listener: std::os::unix::net::UnixListener,
    service: impl HttpService,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = accept::Listener::unix(listener)?;
    accept::run(vec![listener], service, Arc::new(limits), stop).await;
    Ok(())
}
