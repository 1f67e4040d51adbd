//! The least that a push can cost: hyper, sha256, write, fsync. And the least that a pull can:
//! read and send. No checks, no database, no concurrency to speak of.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::payload::hex;

const READ_BYTES: usize = 256 * 1024;

/// Serves `PUT /anything` and `GET /sha256:…` until killed.
pub(crate) async fn serve(listen: SocketAddr, data_dir: &Path) -> Result<()> {
    fs::create_dir_all(data_dir)?;
    let data_dir = Arc::new(data_dir.to_owned());
    let listener = TcpListener::bind(listen).await.context("cannot listen")?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let data_dir = Arc::clone(&data_dir);
        let service = service_fn(move |request| {
            let data_dir = Arc::clone(&data_dir);
            async move { answer(request, &data_dir).await }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// An error closes the connection, which fails the measurement.
async fn answer(request: Request<Incoming>, data_dir: &Path) -> Result<Response<Sent>> {
    let response = Response::builder();
    if request.method() == Method::PUT {
        let digest = store(request.into_body(), data_dir).await?;
        let response = response.status(StatusCode::CREATED);
        return Ok(response
            .header("Docker-Content-Digest", digest)
            .body(Sent::nothing())?);
    }
    let path = data_dir.join(request.uri().path().trim_start_matches('/'));
    Ok(if path.is_file() {
        response.body(Sent::file(File::open(&path)?)?)?
    } else {
        response
            .status(StatusCode::NOT_FOUND)
            .body(Sent::nothing())?
    })
}

/// Writes where the bytes arrive: a thread for the disk would cost CPU time, and that is compared.
async fn store(mut body: Incoming, data_dir: &Path) -> Result<String> {
    let staging = data_dir.join("staging");
    let mut file = File::create(&staging)?;
    let mut hash = Sha256::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            hash.update(&data);
            file.write_all(&data)?;
        }
    }
    file.sync_all()?;
    let digest = format!("sha256:{}", hex(&hash.finalize()));
    fs::rename(&staging, data_dir.join(&digest))?;
    File::open(data_dir)?.sync_all()?;
    Ok(digest)
}

/// A file read as it is sent, or nothing. Buffers that hyper has written are used again.
#[derive(Debug)]
struct Sent {
    file: Option<File>,
    left: u64,
    used: VecDeque<Bytes>,
}

impl Sent {
    const fn nothing() -> Self {
        Self {
            file: None,
            left: 0,
            used: VecDeque::new(),
        }
    }

    fn file(file: File) -> Result<Self> {
        let left = file.metadata()?.len();
        Ok(Self {
            file: Some(file),
            left,
            used: VecDeque::new(),
        })
    }

    fn buffer(&mut self) -> BytesMut {
        match self.used.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(buffer)) => buffer,
            Some(Err(busy)) => {
                self.used.push_front(busy);
                BytesMut::zeroed(READ_BYTES)
            }
            None => BytesMut::zeroed(READ_BYTES),
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let mut buffer = self.buffer();
        let read = match &mut self.file {
            Some(file) => file.read(&mut buffer),
            None => Ok(0),
        };
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(count) => {
                self.left = self.left.saturating_sub(count as u64);
                let buffer = buffer.freeze();
                self.used.push_back(buffer.clone());
                Some(Ok(Frame::data(buffer.slice(..count))))
            }
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
