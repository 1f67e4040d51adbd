//! Talking to the shims of pods.
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use wharf_runtime::engine::{Process, Size};

use super::failed;
use crate::files;
use crate::wire::{Answer, FRAME_BYTES, HEAD_BYTES, LINE_BYTES, Request, frame, kind};

/// How much of a stream waits for its reader.
const STREAM_BYTES: usize = 256 << 10;

/// How long a shim may take until it listens, and how often one looks.
const STARTING: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(5);

/// A connection to a shim. None: it does not run.
pub(super) struct Connection {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
}

impl Connection {
    pub(super) async fn open(pod: &Path) -> Result<Option<Self>, wharf_runtime::Error> {
        let Ok(folder) = files::open_folder(pod) else {
            return Ok(None);
        };
        // The paths of sockets are short.
        let path = files::short(&folder).join("shim.sock");
        match UnixStream::connect(path).await {
            Ok(stream) => {
                let (input, output) = stream.into_split();
                Ok(Some(Self {
                    input: BufReader::new(input),
                    output,
                }))
            }
            Err(error) => match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => Ok(None),
                _ => Err(failed(error)),
            },
        }
    }

    /// Also waits for one that has just been started, perhaps by a server before this one.
    pub(super) async fn find(pod: &Path) -> Result<Option<Self>, wharf_runtime::Error> {
        for _ in 0..STARTING.as_millis() / STEP.as_millis() {
            if let Some(found) = Self::open(pod).await? {
                return Ok(Some(found));
            }
            if !files::is_locked(pod) {
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        Self::open(pod).await
    }

    /// Whether somebody answers. What a shim that was killed had open is closed a moment later.
    pub(super) async fn answers(pod: &Path) -> Result<bool, wharf_runtime::Error> {
        while let Some(mut connection) = Self::find(pod).await? {
            if connection.ask(&Request::Watch).await.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, wharf_runtime::Error> {
        let mut line = serde_json::to_vec(request).map_err(failed)?;
        line.push(b'\n');
        self.output.write_all(&line).await.map_err(failed)?;
        let mut answer = Vec::new();
        let limit = u64::try_from(4 * LINE_BYTES).unwrap_or(u64::MAX);
        let mut input = (&mut self.input).take(limit);
        input.read_until(b'\n', &mut answer).await.map_err(failed)?;
        serde_json::from_slice(&answer).map_err(failed)
    }

    /// The next frame. None: the shim hung up.
    pub(super) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        frame_of(&mut self.input).await
    }

    /// What follows the answer to a request for a stream.
    pub(super) fn into_process(self, tty: bool, stdin: bool) -> Process {
        let (stdout, mut out) = tokio::io::duplex(STREAM_BYTES);
        let (stderr, mut err) = tokio::io::duplex(STREAM_BYTES);
        let (mut told, exit) = oneshot::channel();
        let (alive, gone) = oneshot::channel::<()>();
        let mut input = self.input;
        tokio::spawn(async move {
            // With it the other direction ends, and the shim is hung up on.
            let _alive = alive;
            loop {
                let frame = tokio::select! {
                    frame = frame_of(&mut input) => frame,
                    () = told.closed() => return,
                };
                let Some((kind, payload)) = frame else {
                    return;
                };
                let written = match kind {
                    kind::STDOUT => out.write_all(&payload).await,
                    kind::STDERR => err.write_all(&payload).await,
                    kind::EXIT => {
                        let code = payload.first_chunk().copied().map(i32::from_be_bytes);
                        // Nobody may want to know.
                        let _heard = told.send(code.unwrap_or(-1));
                        return;
                    }
                    _ => Ok(()),
                };
                if written.is_err() {
                    return;
                }
            }
        });
        let (resize, sizes) = mpsc::channel(8);
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let output = self.output;
        tokio::spawn(async move {
            tokio::select! {
                () = send(output, stdin.then_some(theirs), sizes) => {}
                _ended = gone => {}
            }
        });
        Process {
            stdin: if stdin { Some(Box::new(ours)) } else { None },
            stdout: Box::new(stdout),
            stderr: if tty { None } else { Some(Box::new(stderr)) },
            resize: tty.then_some(resize),
            exit,
        }
    }
}

async fn frame_of(input: &mut BufReader<OwnedReadHalf>) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; HEAD_BYTES];
    input.read_exact(&mut head).await.ok()?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if length > FRAME_BYTES {
        return None;
    }
    let mut payload = vec![0; length];
    input.read_exact(&mut payload).await.ok()?;
    Some((kind, payload))
}

/// Sends input and sizes until both have ended, or the shim hangs up.
async fn send(
    mut output: OwnedWriteHalf,
    mut stdin: Option<tokio::io::DuplexStream>,
    mut sizes: mpsc::Receiver<Size>,
) {
    let mut buffer = vec![0; FRAME_BYTES];
    let mut resizes = true;
    while stdin.is_some() || resizes {
        let reading = async {
            match &mut stdin {
                Some(stdin) => stdin.read(&mut buffer).await,
                None => std::future::pending().await,
            }
        };
        let bytes = tokio::select! {
            read = reading => match read {
                Ok(n) if n > 0 => frame(kind::STDIN, buffer.get(..n).unwrap_or_default()),
                Ok(_) | Err(_) => {
                    stdin = None;
                    frame(kind::STDIN_ENDS, &[])
                }
            },
            size = sizes.recv(), if resizes => {
                let Some(size) = size else {
                    resizes = false;
                    continue;
                };
                let [a, b] = size.columns.to_be_bytes();
                let [c, d] = size.rows.to_be_bytes();
                frame(kind::RESIZE, &[a, b, c, d])
            }
        };
        if output.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // Kept open: hanging up would end the process.
    std::future::pending::<()>().await;
}
