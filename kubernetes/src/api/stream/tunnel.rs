//! A stream of bytes inside WebSocket messages, which begin and end anywhere in it.
use std::io;

use bytes::Bytes;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex, split,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::LAST_WORDS;
use super::websocket::{self, BINARY, Event, PIECE, Reader};

/// What is held of the stream in either direction.
const HELD: usize = 64 * 1024;

/// Runs `inner` over the stream that a client tunnels.
pub(super) async fn serve<I, F>(io: I, inner: impl FnOnce(DuplexStream) -> F)
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
    F: Future<Output = ()>,
{
    let (read, write) = split(io);
    let (ours, theirs) = duplex(HELD);
    let (from, to) = split(ours);
    let (pinged, pings) = mpsc::channel(1);
    let listen = listen(Reader::new(read), to, pinged);
    let mut listen = std::pin::pin!(listen);
    // What `inner` wrote last is sent after it has ended.
    let talk = futures::future::join(inner(theirs), speak(write, from, pings));
    let ended = tokio::select! {
        ended = listen.as_mut() => ended,
        ((), ended) = talk => match ended {
            Ok(()) => timeout(LAST_WORDS, listen).await.unwrap_or(Ok(())),
            failed => failed,
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's tunnel broke");
    }
}

async fn listen<R, W>(
    mut reader: Reader<R>,
    mut to: W,
    pings: mpsc::Sender<Bytes>,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut open = true;
    loop {
        match reader.next().await? {
            Event::Close => return Ok(()),
            Event::Ping(payload) => {
                let _asked = pings.try_send(payload);
            }
            Event::Piece(piece) if open => open = to.write_all(&piece.bytes).await.is_ok(),
            Event::Piece(_) => {}
        }
    }
}

async fn speak<R, W>(mut io: W, mut from: R, mut pings: mpsc::Receiver<Bytes>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; PIECE];
    loop {
        let frame = tokio::select! {
            read = from.read(&mut buffer) => {
                let bytes = buffer.get(..read?).unwrap_or_default();
                if bytes.is_empty() {
                    break;
                }
                websocket::message(BINARY, &[], bytes)
            }
            Some(payload) = pings.recv() => websocket::pong(&payload),
        };
        io.write_all(&frame).await?;
        io.flush().await?;
    }
    io.write_all(&websocket::close()).await?;
    io.flush().await
}
