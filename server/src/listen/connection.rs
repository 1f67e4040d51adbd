//! One connection, from its first byte to its last.
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use axum::body::Body;
use futures::future::{self, Either};
use http::{Request, Response};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpStream, UnixStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Connection, HttpService, Limits, Tls, body, edge,
    stream::{Stalling, Stream},
};

/// How much is read at once from a body, and written at once of one. Larger than what a header
/// may have, because hyper has one buffer for both.
const BUFFER_BYTES: usize = 256 * 1024;
/// The most bytes of a request's header.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The first byte of a TLS record with a handshake. No HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// An accepted socket.
pub(super) enum Socket {
    Tcp {
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<Tls>,
    },
    Unix(UnixStream),
}

/// Serves a connection until it ends. After the stop signal a request that runs is the last.
pub(super) async fn run(
    socket: Socket,
    service: impl HttpService,
    limits: Arc<Limits>,
    mut stop: watch::Receiver<bool>,
) {
    let owed = body::Owed::default();
    let opened = tokio::select! {
        biased;
        () = stopped(&mut stop) => return,
        opened = open(socket, &limits, &owed) => opened,
    };
    let (stream, connection) = match opened {
        Ok(opened) => opened,
        Err(error) => return tracing::debug!(%error, "connection not opened"),
    };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES);
    let service = service_fn(move |request: Request<Incoming>| {
        owed.set(!request.body().is_end_stream());
        if let Some(refusal) = edge::refuse(&request) {
            return Either::Left(future::ready(Ok(refusal)));
        }
        let mut request = request.map(|incoming| body::paced(incoming, &limits, &owed));
        if let Some(connection) = connection {
            request.extensions_mut().insert(connection);
        }
        Either::Right(call(service.clone(), request))
    });
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "connection broke");
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
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it whoever could want us to go on.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Finds out what the peer speaks, and shakes hands if it is TLS.
async fn open(
    socket: Socket,
    limits: &Limits,
    owed: &body::Owed,
) -> io::Result<(Stream, Option<Connection>)> {
    let watched = limits.write_stall;
    let (stream, peer, tls) = match socket {
        Socket::Tcp { stream, peer, tls } => (stream, peer, tls),
        Socket::Unix(stream) => {
            let stream = Stalling::new(stream, watched, owed.clone());
            return Ok((Stream::Unix(stream), None));
        }
    };
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let mut first = [0];
    if timeout(limits.first_byte, stream.peek(&mut first)).await?? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let plain = Stalling::new(stream, watched, owed.clone());
    let (stream, tls) = match tls {
        Some(tls) if first == [TLS_HANDSHAKE] => {
            let acceptor = TlsAcceptor::from(tls.config(local.ip())?);
            let encrypted = timeout(limits.handshake, acceptor.accept(plain)).await??;
            (Stream::Tls(Box::new(encrypted)), true)
        }
        _ => (Stream::Plain(plain), false),
    };
    Ok((stream, Some(Connection { tls, local, peer })))
}
