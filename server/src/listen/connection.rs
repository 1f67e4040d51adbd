//! One connection, from its first byte to its last.
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use futures::future::{self, Either};
use http::{HeaderValue, Request, Response, Version, header::HOST};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UnixStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use wharf_kubernetes::api::Patience;

use super::{
    ClusterTls, Connection, HttpService, Limits, PeerCertificate, Tls, body, edge,
    stream::{Stalling, Stream},
};

/// How much is read at once from a body, and written at once of one. Larger than what a header
/// may have, because hyper has one buffer for both.
const BUFFER_BYTES: usize = 256 * 1024;
/// The most bytes of a request's header.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The same for HTTP/2.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;
/// The most requests at once on a connection: as many as Go's servers allow.
const MAX_STREAMS: u32 = 250;
/// What Go's servers say to who speaks plain HTTP to them.
const NOT_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// How often a silent peer is asked whether it is there, and how long it may think.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(20);
/// The first byte of a TLS record with a handshake. No HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// An accepted socket.
pub(super) enum Socket {
    Tcp {
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<Tls>,
    },
    /// TLS alone, with what the cluster's clients speak.
    Cluster {
        stream: TcpStream,
        peer: SocketAddr,
        tls: ClusterTls,
    },
    Unix(UnixStream),
}

/// A connection that is open, and what is known of its peer.
struct Opened {
    stream: Stream,
    connection: Option<Connection>,
    /// What the peer showed, if it was verified.
    certificate: Option<PeerCertificate>,
    http2: bool,
    /// Whether it is to the port of a cluster.
    cluster: bool,
}

/// Serves a connection until it ends. After the stop signal a request that runs is the last.
pub(super) async fn run(
    socket: Socket,
    service: impl HttpService,
    limits: Arc<Limits>,
    mut stop: watch::Receiver<bool>,
) {
    let owed = body::Owed::default();
    let patience = Patience::default();
    let opened = tokio::select! {
        biased;
        () = stopped(&mut stop) => return,
        opened = open(socket, &limits, &owed, &patience) => opened,
    };
    let Opened {
        stream,
        connection,
        certificate,
        http2,
        cluster,
    } = match opened {
        Ok(opened) => opened,
        Err(error) => return tracing::debug!(%error, "connection not opened"),
    };
    let io = TokioIo::new(stream);
    let pace = Arc::clone(&limits);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if http2 {
            name_host(&mut request);
        } else {
            owed.set(!request.body().is_end_stream());
        }
        let refusal = if cluster {
            edge::refuse_to_cluster(&request)
        } else {
            edge::refuse(&request)
        };
        if let Some(refusal) = refusal {
            return Either::Left(future::ready(Ok(refusal)));
        }
        let mut request = request.map(|incoming| body::paced(incoming, &pace, &owed));
        if let Some(connection) = connection {
            request.extensions_mut().insert(connection);
        }
        if !http2 {
            request.extensions_mut().insert(patience.clone());
        }
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        Either::Right(call(service.clone(), request))
    });
    let ended = if http2 {
        serve_http2(io, service, &mut stop).await
    } else {
        serve_http1(io, service, &limits, &mut stop).await
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "connection broke");
    }
}

async fn serve_http1<S>(
    io: TokioIo<Stream>,
    service: S,
    limits: &Limits,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), hyper::Error>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES);
    let connection = http.serve_connection(io, service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Many requests at once, as Kubernetes' clients have their watches. A peer that is silent is asked
/// whether it is there.
async fn serve_http2<S>(
    io: TokioIo<Stream>,
    service: S,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), hyper::Error>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE);
    let mut connection = std::pin::pin!(http.serve_connection(io, service));
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// HTTP/2 has the host in the target: who reads `Host` finds it there.
fn name_host(request: &mut Request<Incoming>) {
    if request.version() != Version::HTTP_2 || request.headers().contains_key(HOST) {
        return;
    }
    let authority = request.uri().authority();
    if let Some(host) = authority.and_then(|a| HeaderValue::try_from(a.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
}

async fn call(
    mut service: impl HttpService,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// Ready once the server is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it whoever could want us to go on.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Finds out what the peer speaks, and shakes hands if it is TLS.
async fn open(
    socket: Socket,
    limits: &Limits,
    owed: &body::Owed,
    patience: &Patience,
) -> io::Result<Opened> {
    let watched = limits.write_stall;
    match socket {
        Socket::Tcp { stream, peer, tls } => {
            let first = first_byte(&stream, limits).await?;
            let local = stream.local_addr()?;
            let plain = Stalling::new(stream, watched, owed.clone(), patience.clone());
            let (stream, tls) = match tls {
                Some(tls) if first == TLS_HANDSHAKE => {
                    let acceptor = TlsAcceptor::from(tls.config(local.ip())?);
                    let encrypted = timeout(limits.handshake, acceptor.accept(plain)).await??;
                    (Stream::Tls(Box::new(encrypted)), true)
                }
                _ => (Stream::Plain(plain), false),
            };
            Ok(Opened::plain(stream, Some(Connection { tls, local, peer })))
        }
        Socket::Cluster { stream, peer, tls } => {
            let first = first_byte(&stream, limits).await?;
            let local = stream.local_addr()?;
            let mut plain = Stalling::new(stream, watched, owed.clone(), patience.clone());
            if first != TLS_HANDSHAKE {
                timeout(limits.handshake, plain.write_all(NOT_TLS)).await??;
                return Err(io::Error::other("plain HTTP to a cluster"));
            }
            let side = tls.side();
            let acceptor = TlsAcceptor::from(Arc::clone(&side.config));
            let encrypted = timeout(limits.handshake, acceptor.accept(plain)).await??;
            let session = encrypted.get_ref().1;
            Ok(Opened {
                certificate: side.verified(session),
                http2: session.alpn_protocol() == Some(b"h2"),
                cluster: true,
                connection: Some(Connection {
                    tls: true,
                    local,
                    peer,
                }),
                stream: Stream::Tls(Box::new(encrypted)),
            })
        }
        Socket::Unix(stream) => {
            let stream = Stalling::new(stream, watched, owed.clone(), patience.clone());
            Ok(Opened::plain(Stream::Unix(stream), None))
        }
    }
}

impl Opened {
    const fn plain(stream: Stream, connection: Option<Connection>) -> Self {
        Self {
            stream,
            connection,
            certificate: None,
            http2: false,
            cluster: false,
        }
    }
}

async fn first_byte(stream: &TcpStream, limits: &Limits) -> io::Result<u8> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if timeout(limits.first_byte, stream.peek(&mut first)).await?? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(first[0])
}
