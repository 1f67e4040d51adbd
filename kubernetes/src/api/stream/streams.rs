//! A process over SPDY: each of its streams is one of the connection's.
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use wharf_runtime::engine::Size;

use super::LAST_WORDS;
use super::idle::Idle;
use super::remote::{self, Channel, Ends, Output, Report, SIZE_BYTES, WAITING, Wanted};
use super::spdy::{Encoder, Event, Headers, Out, Reader};
use crate::kubelet::Started;

/// How long the client may take to open its streams.
const OPENING: Duration = Duration::from_secs(30);

/// What a client and we agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    /// Errors are `Status` objects.
    pub(super) json: bool,
    resizes: bool,
}

const fn protocol(name: &'static str, json: bool, resizes: bool) -> Protocol {
    Protocol {
        name,
        json,
        resizes,
    }
}

pub(super) const PROTOCOLS: [Protocol; 5] = [
    protocol("v5.channel.k8s.io", true, true),
    protocol("v4.channel.k8s.io", true, true),
    protocol("v3.channel.k8s.io", false, true),
    protocol("v2.channel.k8s.io", false, false),
    protocol("channel.k8s.io", false, false),
];

/// The numbers of the streams that we write to.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    error: u32,
    stdout: u32,
    stderr: u32,
}

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
    let (read, write) = split(io);
    let (typed, stdin) = mpsc::channel(WAITING);
    let (sized, sizes) = mpsc::channel(WAITING);
    let (out, outputs) = mpsc::channel(WAITING);
    let (told, answers) = mpsc::channel(WAITING);
    let (opened, opening) = oneshot::channel();
    let ends = Ends {
        stdin: wanted.stdin.then_some(stdin),
        sizes,
        out,
        wanted,
    };
    let listen = Listener {
        missing: missing(protocol, wanted),
        numbers: Numbers::default(),
        opened: Some(opened),
        input: (0, wanted.stdin.then_some(typed)),
        resize: (0, sized, Vec::new()),
        answers: told,
        idle: idle.clone(),
    }
    .listen(Reader::new(read));
    let mut listen = std::pin::pin!(listen);
    let (begun, begin) = oneshot::channel();
    let run = async {
        let Ok(Ok(numbers)) = timeout(OPENING, opening).await else {
            tracing::debug!("a client did not open its streams");
            return;
        };
        if begun.send(numbers).is_ok() {
            remote::run(started, ends, report).await;
        }
    };
    let talk = join(run, speak(write, outputs, answers, begin, idle));
    let spoken = tokio::select! {
        heard = listen.as_mut() => heard,
        ((), spoken) = talk => match spoken {
            Ok(()) => timeout(LAST_WORDS, listen).await.unwrap_or(Ok(())),
            failed => failed,
        },
    };
    if let Err(error) = spoken {
        tracing::debug!(%error, "a client's connection to a process broke");
    }
}

/// The streams that the client has to open.
fn missing(protocol: Protocol, wanted: Wanted) -> Vec<&'static str> {
    let all = [
        ("error", true),
        ("stdin", wanted.stdin),
        ("stdout", wanted.stdout),
        ("stderr", wanted.stderr),
        ("resize", wanted.tty && protocol.resizes),
    ];
    let needed = all.into_iter().filter(|(_, needed)| *needed);
    needed.map(|(name, _)| name).collect()
}

struct Listener {
    missing: Vec<&'static str>,
    numbers: Numbers,
    opened: Option<oneshot::Sender<Numbers>>,
    input: (u32, Option<mpsc::Sender<Bytes>>),
    /// The stream, where sizes go, and what of one has come.
    resize: (u32, mpsc::Sender<Size>, Vec<u8>),
    answers: mpsc::Sender<Out>,
    idle: Idle,
}

impl Listener {
    /// Reads until the client closes.
    async fn listen<R: AsyncRead + Unpin>(mut self, mut reader: Reader<R>) -> io::Result<()> {
        loop {
            let answer = match reader.next().await? {
                Event::GoAway => return Ok(()),
                Event::Ping(id) => Some(Out::Ping(id)),
                Event::Open {
                    stream,
                    headers,
                    end,
                } => Some(self.open(stream, &headers, end)),
                Event::Data { stream, bytes, end } => {
                    self.idle.touch();
                    self.data(stream, bytes, end).await;
                    None
                }
                Event::Reset { stream } => {
                    self.data(stream, Bytes::new(), true).await;
                    None
                }
            };
            if let Some(answer) = answer {
                let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                self.answers.send(answer).await.map_err(gone)?;
            }
            // After the answer, so that it goes out before anything of the process.
            if self.missing.is_empty()
                && let Some(opened) = self.opened.take()
            {
                let _waits = opened.send(self.numbers);
            }
        }
    }

    fn open(&mut self, stream: u32, headers: &Headers, end: bool) -> Out {
        let name = headers.get("streamtype");
        let Some(at) = self.missing.iter().position(|missing| *missing == name) else {
            return Out::Refuse(stream);
        };
        match self.missing.swap_remove(at) {
            "error" => self.numbers.error = stream,
            "stdout" => self.numbers.stdout = stream,
            "stderr" => self.numbers.stderr = stream,
            "resize" => self.resize.0 = stream,
            _ => {
                self.input.0 = stream;
                if end {
                    self.input.1 = None;
                }
            }
        }
        Out::Reply(stream)
    }

    async fn data(&mut self, stream: u32, bytes: Bytes, end: bool) {
        if stream == 0 {
            return;
        }
        if stream == self.input.0 {
            if let Some(input) = &self.input.1
                && !bytes.is_empty()
                && input.send(bytes).await.is_err()
            {
                self.input.1 = None;
            }
            if end {
                self.input.1 = None;
            }
        } else if stream == self.resize.0 {
            self.sizes(&bytes).await;
        }
    }

    /// Sizes are lines of JSON.
    async fn sizes(&mut self, bytes: &[u8]) {
        let (_, sizes, held) = &mut self.resize;
        for byte in bytes {
            if *byte != b'\n' {
                // What is too long is no size.
                if held.len() < SIZE_BYTES {
                    held.push(*byte);
                }
                continue;
            }
            if let Some(size) = remote::size(held) {
                let _told = sizes.send(size).await;
            }
            held.clear();
        }
    }
}

/// Sends everything, then says goodbye.
async fn speak<W: AsyncWrite + Unpin>(
    mut io: W,
    mut outputs: mpsc::Receiver<Output>,
    mut answers: mpsc::Receiver<Out>,
    mut begin: oneshot::Receiver<Numbers>,
    idle: &Idle,
) -> io::Result<()> {
    let mut encoder = Encoder::default();
    let mut numbers = None;
    loop {
        let out = tokio::select! {
            biased;
            Some(answer) = answers.recv() => answer,
            begun = &mut begin, if numbers.is_none() => {
                let Ok(begun) = begun else { break };
                numbers = Some(begun);
                continue;
            }
            output = outputs.recv(), if numbers.is_some() => {
                let (Some(output), Some(numbers)) = (output, numbers) else { break };
                idle.touch();
                let stream = match output.channel {
                    Channel::Stdout => numbers.stdout,
                    Channel::Stderr => numbers.stderr,
                    Channel::Error => numbers.error,
                };
                Out::Data { stream, bytes: output.bytes, end: output.end }
            }
        };
        io.write_all(&encoder.frame(&out)).await?;
        io.flush().await?;
    }
    let numbers = numbers.unwrap_or_default();
    let last = numbers.error.max(numbers.stdout).max(numbers.stderr);
    io.write_all(&encoder.frame(&Out::GoAway(last))).await?;
    io.flush().await?;
    io.shutdown().await
}
