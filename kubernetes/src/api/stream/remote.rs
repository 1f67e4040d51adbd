//! A process and who is connected to it, whatever they speak.
use bytes::Bytes;
use futures::future::join;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use wharf_runtime::Error;
use wharf_runtime::engine::{Process, Size};

use crate::kubelet::Started;

/// How much of what a process writes is held at once.
const PIECE: usize = 32 * 1024;

/// The longest message about a terminal's size.
pub(super) const SIZE_BYTES: usize = 1024;

/// How many pieces wait in a queue between a process and a connection.
pub(super) const WAITING: usize = 2;

/// Where what is sent belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Stdout,
    Stderr,
    Error,
}

/// What is sent to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) channel: Channel,
    pub(super) bytes: Bytes,
    /// Nothing more comes on the channel.
    pub(super) end: bool,
}

/// The client's side of a process.
#[derive(Debug)]
pub(super) struct Ends {
    /// What the client types; closed at its end. None: it types nothing.
    pub(super) stdin: Option<mpsc::Receiver<Bytes>>,
    pub(super) sizes: mpsc::Receiver<Size>,
    pub(super) out: mpsc::Sender<Output>,
    pub(super) wanted: Wanted,
}

/// Which streams a client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub(super) struct Wanted {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
}

/// How the end is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// A `Status` (since version 4 of the protocol), or words.
    pub(super) json: bool,
    /// The command whose exit code is told; who attaches is told none.
    pub(super) command: Option<Vec<String>>,
}

/// Connects the two until the process has ended, and tells how.
pub(super) async fn run(started: Started, mut ends: Ends, report: Report) {
    let out = ends.out.clone();
    let said = match started {
        Ok(process) => {
            let code = converse(process, &mut ends, report.command.is_some()).await;
            report.end(code)
        }
        Err(error) => {
            let Wanted { stdout, stderr, .. } = ends.wanted;
            for (channel, wanted) in [(Channel::Stdout, stdout), (Channel::Stderr, stderr)] {
                if wanted {
                    let _heard = out.send(Output::last(channel, Bytes::new())).await;
                }
            }
            report.failure(&text(&error))
        }
    };
    drop(ends);
    // The client may have gone.
    let _heard = out.send(Output::last(Channel::Error, said)).await;
}

impl Output {
    fn last(channel: Channel, bytes: impl Into<Bytes>) -> Self {
        Self {
            channel,
            bytes: bytes.into(),
            end: true,
        }
    }
}

async fn converse(process: Process, ends: &mut Ends, coded: bool) -> Option<i32> {
    let Process {
        stdin,
        stdout,
        stderr,
        resize,
        exit,
    } = process;
    let Wanted {
        stdout: show,
        stderr: show_errors,
        ..
    } = ends.wanted;
    let outputs = async {
        let out = &ends.out;
        let errors = async {
            if let Some(stderr) = stderr {
                copy(stderr, show_errors, Channel::Stderr, out).await;
            }
        };
        join(copy(stdout, show, Channel::Stdout, out), errors).await;
        if coded { exit.await.ok() } else { None }
    };
    let input = feed(ends.stdin.take(), stdin);
    let sizes = async {
        while let Some(size) = ends.sizes.recv().await {
            if let Some(resize) = &resize {
                // A process that ended has no terminal.
                let _told = resize.send(size).await;
            }
        }
    };
    let both = async {
        join(input, sizes).await;
        std::future::pending().await
    };
    tokio::select! {
        code = outputs => code,
        code = both => code,
    }
}

/// Passes on what a process writes, as fast as it is taken.
async fn copy(
    mut from: Box<dyn AsyncRead + Send + Unpin>,
    wanted: bool,
    channel: Channel,
    out: &mpsc::Sender<Output>,
) {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let piece = buffer.get(..read).unwrap_or_default();
        let output = Output {
            channel,
            bytes: Bytes::copy_from_slice(piece),
            end: read == 0,
        };
        if wanted && out.send(output).await.is_err() {
            return;
        }
        if read == 0 {
            return;
        }
    }
}

/// Passes on what comes, and the end of it.
pub(super) async fn feed<W: AsyncWrite + Unpin>(
    from: Option<mpsc::Receiver<Bytes>>,
    to: Option<W>,
) {
    let (Some(mut from), Some(mut to)) = (from, to) else {
        return;
    };
    while let Some(bytes) = from.recv().await {
        let written = match to.write_all(&bytes).await {
            Ok(()) => to.flush().await,
            failed => failed,
        };
        // Who reads no more has closed its end; what still comes is nobody's.
        if written.is_err() {
            return;
        }
    }
    let _closed = to.shutdown().await;
}

/// An error with its causes.
pub(super) fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Report {
    fn end(&self, code: Option<i32>) -> String {
        match (&self.command, code) {
            (None, _) | (_, Some(0)) if self.json => {
                json!({ "metadata": {}, "status": "Success" }).to_string()
            }
            (None, _) | (_, Some(0)) => String::new(),
            (Some(command), Some(code)) => {
                let words = command.join(" ");
                let message = format!(
                    "command terminated with non-zero exit code: error executing command [{words}], exit code {code}"
                );
                let cause = json!({ "reason": "ExitCode", "message": code.to_string() });
                let details = json!({ "causes": [cause] });
                self.failed(message, "NonZeroExitCode", &details)
            }
            (Some(_), None) => self.failure("the exit code of the command is not known"),
        }
    }

    fn failure(&self, why: &str) -> String {
        let message = format!("Internal error occurred: {why}");
        let mut failed = json!({ "causes": [{ "message": why }] });
        if !self.json {
            failed = Value::Null;
        }
        self.failed(message, "InternalError", &failed)
    }

    fn failed(&self, message: String, reason: &str, details: &Value) -> String {
        if !self.json {
            return message;
        }
        let mut status = json!({
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
        });
        if reason == "InternalError" {
            status["code"] = 500.into();
        }
        status.to_string()
    }
}

/// A terminal's size as clients tell it.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "Width")]
    width: u16,
    #[serde(rename = "Height")]
    height: u16,
}

/// None: it says no size.
pub(super) fn size(json: &[u8]) -> Option<Size> {
    let told: Told = serde_json::from_slice(json).ok()?;
    Some(Size {
        columns: told.width,
        rows: told.height,
    })
}
