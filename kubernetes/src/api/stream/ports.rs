//! Ports of a pod over WebSocket channels, as clients speak it that cannot tunnel: two channels for
//! each port, for data and for errors, which both begin with the port's number.
use std::io;

use bytes::Bytes;
use futures::future::{join, join_all};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::LAST_WORDS;
use super::channels::{Messages, Protocol, speak};
use super::idle::Idle;
use super::remote::{self, feed};
use super::websocket::{Event, PIECE, Reader};
use crate::Status;
use crate::kubelet::Door;

/// How many pieces wait in either direction.
const WAITING: usize = 4;

/// The most ports: their channels have numbers of one byte.
const PORTS: usize = 64;

/// Reads the ports of a request.
pub(super) fn read(values: &[String]) -> Result<Vec<u16>, Status> {
    let all = values.iter().flat_map(|value| value.split(','));
    let ports: Option<Vec<u16>> = all
        .map(|text| text.parse().ok().filter(|port| *port > 0))
        .take(PORTS + 1)
        .collect();
    match ports {
        Some(ports) if ports.is_empty() => {
            Err(Status::bad_request("query parameter \"port\" is required"))
        }
        Some(ports) if ports.len() <= PORTS => Ok(ports),
        Some(_) => Err(Status::bad_request(format!("at most {PORTS} ports"))),
        None => Err(Status::bad_request("ports are numbers from 1 to 65535")),
    }
}

/// Connects a client to each port once, until it goes.
pub(super) async fn serve<I>(io: I, protocol: Protocol, door: Door, ports: Vec<u16>, idle: &Idle)
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (read, write) = split(io);
    let (out, outputs) = mpsc::channel(WAITING);
    let (pinged, pings) = mpsc::channel(1);
    let mut inputs = Vec::new();
    let mut connections = Vec::new();
    for (port, data) in ports.into_iter().zip((0..=u8::MAX).step_by(2)) {
        let (input, typed) = mpsc::channel(WAITING);
        inputs.push(Some(input));
        connections.push(connect(door.clone(), port, data, typed, out.clone()));
    }
    drop(out);
    let mut listen = std::pin::pin!(listen(Reader::new(read), protocol, inputs, pinged, idle));
    let speak = speak(write, outputs, |output| output, pings, protocol, idle);
    let ended = tokio::select! {
        ended = listen.as_mut() => ended,
        (_, ended) = join(join_all(connections), speak) => match ended {
            Ok(()) => timeout(LAST_WORDS, listen).await.unwrap_or(Ok(())),
            failed => failed,
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection to a port broke");
    }
}

async fn listen<R: AsyncRead + Unpin>(
    mut reader: Reader<R>,
    protocol: Protocol,
    mut inputs: Vec<Option<mpsc::Sender<Bytes>>>,
    pings: mpsc::Sender<Bytes>,
    idle: &Idle,
) -> io::Result<()> {
    let mut messages = Messages::new(protocol, |channel| channel.is_multiple_of(2));
    loop {
        match reader.next().await? {
            Event::Close => return Ok(()),
            Event::Ping(payload) => {
                let _asked = pings.try_send(payload);
            }
            Event::Piece(piece) => {
                idle.touch();
                let Some((channel, bytes)) = messages.take(piece)? else {
                    continue;
                };
                // Nothing is to be said on the channels for errors.
                let input = inputs.get_mut(usize::from(channel / 2));
                if channel.is_multiple_of(2)
                    && !bytes.is_empty()
                    && let Some(input) = input
                    && let Some(open) = input
                    && open.send(bytes).await.is_err()
                {
                    *input = None;
                }
            }
        }
    }
}

async fn connect(
    door: Door,
    port: u16,
    data: u8,
    input: mpsc::Receiver<Bytes>,
    out: mpsc::Sender<(u8, Bytes)>,
) {
    let number = Bytes::copy_from_slice(&port.to_le_bytes());
    for channel in [data, data + 1] {
        let _heard = out.send((channel, number.clone())).await;
    }
    let failure = match door.port(port).await {
        Ok(io) => {
            let (read, write) = split(io);
            let up = async {
                feed(Some(input), Some(write)).await;
                std::future::pending().await
            };
            tokio::select! {
                failure = copy(read, data, &out) => failure.map(|error| error.to_string()),
                failure = up => failure,
            }
        }
        Err(error) => Some(remote::text(&error)),
    };
    if let Some(failure) = failure {
        let uid = &door.uid;
        let text = format!("error forwarding port {port} to pod {uid}, uid : {failure}");
        let _heard = out.send((data + 1, text.into())).await;
    }
}

/// Passes on what the pod sends, as fast as it is taken.
async fn copy<R: AsyncRead + Unpin>(
    mut from: R,
    channel: u8,
    out: &mpsc::Sender<(u8, Bytes)>,
) -> Option<io::Error> {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) => return None,
            Ok(read) => read,
            Err(error) => return Some(error),
        };
        let bytes = Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default());
        if out.send((channel, bytes)).await.is_err() {
            return None;
        }
    }
}
