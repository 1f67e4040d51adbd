//! A process over WebSocket: the first byte of every message says which stream it belongs to.
//!
//! `v5.channel.k8s.io` adds to the older ones that a client can close its input.
use std::io::{self, ErrorKind};
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf as _, Bytes};
use futures::future::join;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use wharf_runtime::engine::Size;

use super::LAST_WORDS;
use super::idle::Idle;
use super::remote::{self, Channel, Ends, Output, Report, SIZE_BYTES, WAITING, Wanted};
use super::websocket::{self, Event, Piece, Reader};
use crate::kubelet::Started;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// The longest message that has to be read whole.
const WHOLE: usize = 2 * 1024 * 1024;

/// How often the client hears that we are there. Its pings wait behind input that the process does
/// not read yet, and kubectl goes after a minute without a pong.
const BEAT: Duration = Duration::from_secs(20);

/// What a client and we agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    base64: bool,
    /// Errors are `Status` objects.
    pub(super) json: bool,
    /// Input can be closed.
    closes: bool,
}

const fn protocol(name: &'static str, base64: bool, json: bool, closes: bool) -> Protocol {
    Protocol {
        name,
        base64,
        json,
        closes,
    }
}

/// In Kubernetes' own order.
pub(super) const PROTOCOLS: [Protocol; 6] = [
    protocol("", false, false, false),
    protocol("channel.k8s.io", false, false, false),
    protocol("base64.channel.k8s.io", true, false, false),
    protocol("v4.channel.k8s.io", false, true, false),
    protocol("v4.base64.channel.k8s.io", true, true, false),
    protocol("v5.channel.k8s.io", false, true, true),
];

/// Those that ports are forwarded by.
pub(super) const PORTS: [Protocol; 3] = [PROTOCOLS[0], PROTOCOLS[3], PROTOCOLS[4]];

/// Talks to a client until the process has ended or the client has gone.
pub(super) async fn serve<I>(
    io: I,
    protocol: Protocol,
    started: Started,
    wanted: Wanted,
    report: Report,
    idle: &Idle,
) where
    I: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (read, mut write) = split(io);
    let (typed, stdin) = mpsc::channel(WAITING);
    let (sized, sizes) = mpsc::channel(WAITING);
    let (out, outputs) = mpsc::channel(WAITING);
    let (pinged, pings) = mpsc::channel(1);
    let ends = Ends {
        stdin: wanted.stdin.then_some(stdin),
        sizes,
        out,
        wanted,
    };
    let listen = Listener {
        protocol,
        stdin: wanted.stdin.then_some(typed),
        sizes: sized,
        pings: pinged,
        idle: idle.clone(),
    }
    .listen(Reader::new(read));
    let mut listen = std::pin::pin!(listen);
    let greeted = if wanted.stdout {
        STDOUT
    } else if wanted.stderr {
        STDERR
    } else {
        ERROR
    };
    let speak = async {
        // An empty message tells that the connection stands.
        write.write_all(&protocol.message(greeted, &[])).await?;
        write.flush().await?;
        speak(write, outputs, numbered, pings, protocol, idle).await
    };
    let talk = join(remote::run(started, ends, report), speak);
    let spoken = tokio::select! {
        heard = listen.as_mut() => heard,
        ((), spoken) = talk => match spoken {
            // The client closes its end when it has read everything.
            Ok(()) => timeout(LAST_WORDS, listen).await.unwrap_or(Ok(())),
            failed => failed,
        },
    };
    if let Err(error) = spoken {
        tracing::debug!(%error, "a client's connection to a process broke");
    }
}

struct Listener {
    protocol: Protocol,
    stdin: Option<mpsc::Sender<Bytes>>,
    sizes: mpsc::Sender<Size>,
    pings: mpsc::Sender<Bytes>,
    idle: Idle,
}

impl Listener {
    /// Reads until the client closes.
    async fn listen<R: AsyncRead + Unpin>(mut self, mut reader: Reader<R>) -> io::Result<()> {
        let mut messages = Messages::new(self.protocol, |channel| channel == STDIN);
        loop {
            match reader.next().await? {
                Event::Close => return Ok(()),
                Event::Ping(payload) => {
                    // One answer is enough for pings that wait.
                    let _asked = self.pings.try_send(payload);
                }
                Event::Piece(piece) => {
                    self.idle.touch();
                    if let Some((channel, bytes)) = messages.take(piece)? {
                        self.take(channel, bytes).await;
                    }
                }
            }
        }
    }

    async fn take(&mut self, channel: u8, bytes: Bytes) {
        match channel {
            STDIN if !bytes.is_empty() => {
                if let Some(stdin) = &self.stdin
                    && stdin.send(bytes).await.is_err()
                {
                    self.stdin = None;
                }
            }
            RESIZE if bytes.len() <= SIZE_BYTES => {
                if let Some(size) = remote::size(&bytes) {
                    // Nobody minds when the process has ended.
                    let _told = self.sizes.send(size).await;
                }
            }
            CLOSE if self.protocol.closes && *bytes == [STDIN] => self.stdin = None,
            _ => {}
        }
    }
}

/// Finds out which stream a piece of a message belongs to.
#[derive(Debug)]
pub(super) struct Messages {
    base64: bool,
    streamed: fn(u8) -> bool,
    channel: Option<u8>,
    held: Vec<u8>,
}

impl Messages {
    /// `streamed` are the channels whose messages need not be whole.
    pub(super) fn new(protocol: Protocol, streamed: fn(u8) -> bool) -> Self {
        Self {
            base64: protocol.base64,
            streamed,
            channel: None,
            held: Vec::new(),
        }
    }

    /// What is streamed is handed on as it comes, other messages when they are whole.
    pub(super) fn take(&mut self, piece: Piece) -> io::Result<Option<(u8, Bytes)>> {
        let Piece {
            first,
            last,
            mut bytes,
        } = piece;
        if first {
            self.channel = None;
            self.held.clear();
        }
        let channel = match self.channel {
            Some(channel) => channel,
            None if bytes.is_empty() => return Ok(None),
            None => {
                let first = bytes.get_u8();
                let number = if self.base64 {
                    first.wrapping_sub(b'0')
                } else {
                    first
                };
                self.channel = Some(number);
                number
            }
        };
        if (self.streamed)(channel) && !self.base64 {
            return Ok(Some((channel, bytes)));
        }
        if self.held.len() + bytes.len() > WHOLE {
            let why = "a message that is too long";
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        self.held.extend_from_slice(&bytes);
        if !last {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.held);
        let whole = if self.base64 {
            let decoded = STANDARD.decode(whole);
            decoded.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?
        } else {
            whole
        };
        Ok(Some((channel, whole.into())))
    }
}

impl Protocol {
    /// A message of a stream.
    pub(super) fn message(self, channel: u8, bytes: &[u8]) -> Vec<u8> {
        if self.base64 {
            let text = STANDARD.encode(bytes);
            return websocket::message(websocket::TEXT, &[b'0' + channel], text.as_bytes());
        }
        websocket::message(websocket::BINARY, &[channel], bytes)
    }
}

/// Sends everything, each thing on the channel that `number` says, then says goodbye.
pub(super) async fn speak<W: AsyncWrite + Unpin, T>(
    mut io: W,
    mut outputs: mpsc::Receiver<T>,
    number: impl Fn(T) -> (u8, Bytes),
    mut pings: mpsc::Receiver<Bytes>,
    protocol: Protocol,
    idle: &Idle,
) -> io::Result<()> {
    let mut beat = interval_at(Instant::now() + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            output = outputs.recv() => {
                let Some(output) = output else { break };
                idle.touch();
                let (channel, bytes) = number(output);
                // The end of a stream is not told, but for that of the last one.
                if bytes.is_empty() {
                    continue;
                }
                protocol.message(channel, &bytes)
            }
            Some(payload) = pings.recv() => websocket::pong(&payload),
            _ = beat.tick() => websocket::pong(&[]),
        };
        io.write_all(&frame).await?;
        io.flush().await?;
    }
    io.write_all(&websocket::close()).await?;
    io.flush().await
}

fn numbered(output: Output) -> (u8, Bytes) {
    let channel = match output.channel {
        Channel::Stdout => STDOUT,
        Channel::Stderr => STDERR,
        Channel::Error => ERROR,
    };
    (channel, output.bytes)
}
