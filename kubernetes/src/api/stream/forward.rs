//! Ports of a pod over SPDY: each connection of the client is two streams, for data and for errors.
use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::idle::Idle;
use super::remote::{self, feed};
use super::spdy::{Encoder, Event, Headers, Out, PIECE, Reader};
use crate::kubelet::Door;

pub(super) const PROTOCOL: &str = "portforward.k8s.io";

/// The most connections at once.
const CONNECTIONS: usize = 512;

/// How many pieces of a connection wait for the pod. The next one holds up all connections.
const WAITING: usize = 16;

/// How many frames wait for the client.
const FRAMES: usize = 4;

/// The streams of a connection that came so far.
#[derive(Debug, Default)]
struct Pair {
    port: u16,
    error: Option<u32>,
    data: Option<(u32, mpsc::Receiver<Bytes>)>,
}

/// Connects a client to ports until it goes.
pub(super) async fn serve<I>(io: I, door: Door, idle: &Idle)
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (read, write) = split(io);
    let (out, frames) = mpsc::channel(FRAMES);
    let listen = Listener {
        door,
        out,
        idle: idle.clone(),
        pairs: HashMap::new(),
        inputs: HashMap::new(),
        connections: JoinSet::new(),
    }
    .listen(Reader::new(read));
    let ended = tokio::select! {
        ended = listen => ended,
        ended = speak(write, frames) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection to a port broke");
    }
}

async fn speak<W: AsyncWrite + Unpin>(
    mut io: W,
    mut frames: mpsc::Receiver<Out>,
) -> io::Result<()> {
    let mut encoder = Encoder::default();
    while let Some(out) = frames.recv().await {
        io.write_all(&encoder.frame(&out)).await?;
        io.flush().await?;
    }
    Ok(())
}

struct Listener {
    door: Door,
    out: mpsc::Sender<Out>,
    idle: Idle,
    /// By the number that the client gave the connection.
    pairs: HashMap<String, Pair>,
    /// Where data of a stream goes.
    inputs: HashMap<u32, mpsc::Sender<Bytes>>,
    /// They answer with the number of the stream of their data.
    connections: JoinSet<u32>,
}

impl Listener {
    async fn listen<R: AsyncRead + Unpin>(mut self, mut reader: Reader<R>) -> io::Result<()> {
        loop {
            let event = reader.next().await?;
            self.idle.touch();
            while let Some(ended) = self.connections.try_join_next() {
                if let Ok(stream) = ended {
                    self.inputs.remove(&stream);
                }
            }
            let answer = match event {
                Event::GoAway => return Ok(()),
                Event::Ping(id) => Some(Out::Ping(id)),
                Event::Open {
                    stream, headers, ..
                } => Some(self.open(stream, &headers)),
                Event::Data { stream, bytes, end } => {
                    self.data(stream, bytes, end).await;
                    None
                }
                Event::Reset { stream } => {
                    self.inputs.remove(&stream);
                    None
                }
            };
            if let Some(answer) = answer {
                let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                self.out.send(answer).await.map_err(gone)?;
            }
            self.connect();
        }
    }

    fn open(&mut self, stream: u32, headers: &Headers) -> Out {
        let port: Option<u16> = headers.get("port").parse().ok();
        let Some(port) = port.filter(|port| *port > 0) else {
            return Out::Refuse(stream);
        };
        if self.connections.len() + self.pairs.len() >= CONNECTIONS {
            return Out::Refuse(stream);
        }
        let is_error = match headers.get("streamtype") {
            "error" => true,
            "data" => false,
            _ => return Out::Refuse(stream),
        };
        let id = match headers.get("requestid") {
            // Clients of before Kubernetes 1.1 open the stream for errors, then the one for data.
            "" if is_error => stream.to_string(),
            "" => stream.saturating_sub(2).to_string(),
            id => id.to_owned(),
        };
        let pair = self.pairs.entry(id).or_default();
        pair.port = port;
        if is_error {
            pair.error = Some(stream);
        } else {
            let (input, inputs) = mpsc::channel(WAITING);
            pair.data = Some((stream, inputs));
            self.inputs.insert(stream, input);
        }
        Out::Reply(stream)
    }

    async fn data(&mut self, stream: u32, bytes: Bytes, end: bool) {
        if let Some(input) = self.inputs.get(&stream)
            && !bytes.is_empty()
            && input.send(bytes).await.is_err()
        {
            self.inputs.remove(&stream);
        }
        if end {
            self.inputs.remove(&stream);
        }
    }

    /// Begins the connection of which both streams have come.
    fn connect(&mut self) {
        let whole = |pair: &Pair| pair.error.is_some() && pair.data.is_some();
        let found = self.pairs.iter().find(|(_, pair)| whole(pair));
        let Some(id) = found.map(|(id, _)| id.clone()) else {
            return;
        };
        if let Some(Pair {
            port,
            error: Some(error),
            data: Some((stream, input)),
        }) = self.pairs.remove(&id)
        {
            let connection = Connection {
                door: self.door.clone(),
                port,
                error,
                stream,
                out: self.out.clone(),
            };
            self.connections.spawn(connection.run(input));
        }
    }
}

struct Connection {
    door: Door,
    port: u16,
    /// The numbers of its streams.
    error: u32,
    stream: u32,
    out: mpsc::Sender<Out>,
}

impl Connection {
    async fn run(self, input: mpsc::Receiver<Bytes>) -> u32 {
        let failure = match self.door.port(self.port).await {
            Ok(io) => {
                let (read, write) = split(io);
                let up = async {
                    feed(Some(input), Some(write)).await;
                    // What the pod still says counts.
                    std::future::pending().await
                };
                tokio::select! {
                    failure = self.copy(read) => failure.map(|error| error.to_string()),
                    failure = up => failure,
                }
            }
            Err(error) => Some(remote::text(&error)),
        };
        let text = failure.map_or(String::new(), |failure| {
            let (port, uid) = (self.port, &self.door.uid);
            format!("error forwarding port {port} to pod {uid}, uid : {failure}")
        });
        // The client may have gone.
        let _heard = self.out.send(Out::last(self.error, text)).await;
        let _heard = self.out.send(Out::last(self.stream, Bytes::new())).await;
        self.stream
    }

    /// Passes on what the pod sends, as fast as it is taken.
    async fn copy<R: AsyncRead + Unpin>(&self, mut from: R) -> Option<io::Error> {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = match from.read(&mut buffer).await {
                Ok(0) => return None,
                Ok(read) => read,
                Err(error) => return Some(error),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            let out = Out::Data {
                stream: self.stream,
                bytes: Bytes::copy_from_slice(bytes),
                end: false,
            };
            if self.out.send(out).await.is_err() {
                return None;
            }
        }
    }
}
