//! Listeners, the loop that accepts from them, and how it ends.
use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    os::unix::{fs::PermissionsExt as _, net as unix},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket, UnixListener},
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{
    ClusterTls, HttpService, Limits, Tls,
    admit::{Admission, Slot},
    connection::{self, Socket, stopped},
};

/// Connections that the kernel holds until we accept them.
const BACKLOG: u32 = 1024;
/// How long to let connections end when there are no file descriptors for another.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How often the log says so, however long it lasts.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Binds under another name first, so that the socket is never there with wider permissions and
/// one that a killed process left is replaced.
pub(super) fn bind_unix(path: &Path) -> io::Result<unix::UnixListener> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = unix::UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    Ok(listener)
}

pub(super) fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_refused) => limit.current,
    }
}

/// A listener, and what is spoken on it.
pub(super) enum Listener {
    Tcp(TcpListener, Option<Tls>),
    Cluster(TcpListener, ClusterTls),
    Unix(UnixListener),
}

impl Listener {
    pub(super) fn cluster(listener: std::net::TcpListener, tls: ClusterTls) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Cluster(TcpListener::from_std(listener)?, tls))
    }

    pub(super) fn tcp(listener: std::net::TcpListener, tls: Option<Tls>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(listener)?, tls))
    }

    pub(super) fn unix(listener: unix::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(UnixListener::from_std(listener)?))
    }

    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener, tls) => {
                let (stream, peer) = listener.accept().await?;
                let tls = tls.clone();
                Ok(Socket::Tcp { stream, peer, tls })
            }
            Self::Cluster(listener, tls) => {
                let (stream, peer) = listener.accept().await?;
                let tls = tls.clone();
                Ok(Socket::Cluster { stream, peer, tls })
            }
            Self::Unix(listener) => Ok(Socket::Unix(listener.accept().await?.0)),
        }
    }
}

impl Socket {
    fn peer_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { peer, .. } | Self::Cluster { peer, .. } => Some(peer.ip()),
            Self::Unix(_) => None,
        }
    }
}

/// Accepts from all listeners until the stop signal, then waits for the connections to end.
pub(super) async fn run(
    listeners: Vec<Listener>,
    service: impl HttpService,
    limits: Arc<Limits>,
    stop: watch::Receiver<bool>,
) {
    let admission = Admission::new(&limits);
    let acceptors = listeners.into_iter().map(|listener| Acceptor {
        listener,
        service: service.clone(),
        limits: Arc::clone(&limits),
        admission: Arc::clone(&admission),
        connections: JoinSet::new(),
        complained: None,
    });
    join_all(acceptors.map(|acceptor| acceptor.run(stop.clone()))).await;
}

struct Acceptor<S> {
    listener: Listener,
    service: S,
    limits: Arc<Limits>,
    admission: Arc<Admission>,
    connections: JoinSet<()>,
    /// When the log last said that accepting fails.
    complained: Option<Instant>,
}

impl<S: HttpService> Acceptor<S> {
    async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut stopping = stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => break,
                Some(ended) = self.connections.join_next() => report(ended),
                accepted = self.listener.accept() => {
                    tokio::select! {
                        () = stopped(&mut stopping) => break,
                        () = self.accepted(accepted, &stop) => {}
                    }
                }
            }
        }
        let Self {
            listener,
            connections,
            limits,
            ..
        } = self;
        drop(listener);
        drain(connections, limits.drain).await;
    }

    async fn accepted(&mut self, accepted: io::Result<Socket>, stop: &watch::Receiver<bool>) {
        let socket = match accepted {
            Ok(socket) => socket,
            Err(error) => return self.failed(&error).await,
        };
        let Some(slot) = self.admission.slot(socket.peer_ip()) else {
            metrics::counter!("wharf_connections_refused_total").increment(1);
            return tracing::debug!(peer = ?socket.peer_ip(), "too many connections of one peer");
        };
        let Some(permit) = self.admission.permit().await else {
            return;
        };
        let (service, limits) = (self.service.clone(), Arc::clone(&self.limits));
        let stop = stop.clone();
        self.connections.spawn(async move {
            let _held: (Slot, _, Open) = (slot, permit, Open::new());
            connection::run(socket, service, limits, stop).await;
        });
    }

    /// A peer that hung up in the queue is nothing; anything else is a lack of something that
    /// connections give back when they end.
    async fn failed(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted
        ) {
            return;
        }
        if self
            .complained
            .is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY)
        {
            self.complained = Some(Instant::now());
            tracing::error!(%error, "cannot accept connections; trying again until it works");
        }
        sleep(BACK_OFF).await;
    }
}

/// Counts a connection as open while it lives.
struct Open;

impl Open {
    fn new() -> Self {
        metrics::gauge!("wharf_connections").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("wharf_connections").decrement(1.0);
    }
}

async fn drain(mut connections: JoinSet<()>, grace: Duration) {
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if timeout(grace, all).await.is_err() {
        let left = connections.len();
        tracing::warn!(
            left,
            "requests still run at the end of the grace period: aborting them"
        );
        connections.shutdown().await;
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a request handler panicked; its connection is closed");
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn q5_without_file_descriptors_accepting_waits_and_says_so_once_a_minute() {
        const EMFILE: i32 = 24;
        let limits = Limits::default();
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut acceptor = Acceptor {
            listener: Listener::tcp(listener, None).unwrap(),
            service: Router::new(),
            admission: Admission::new(&limits),
            limits: Arc::new(limits),
            connections: JoinSet::new(),
            complained: None,
        };
        let start = Instant::now();
        acceptor
            .failed(&io::ErrorKind::ConnectionAborted.into())
            .await;
        assert_eq!(start.elapsed(), Duration::ZERO, "one peer's trouble");

        let full = io::Error::from_raw_os_error(EMFILE);
        acceptor.failed(&full).await;
        assert!(start.elapsed() >= BACK_OFF);
        let complained = acceptor.complained;
        acceptor.failed(&full).await;
        assert_eq!(acceptor.complained, complained);
        tokio::time::advance(COMPLAIN_EVERY).await;
        acceptor.failed(&full).await;
        assert!(acceptor.complained > complained);
    }
}
