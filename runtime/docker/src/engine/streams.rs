//! Connections to processes.
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc, oneshot};
use wharf_runtime::engine::{AttachSpec, ExecSpec, Process, Size};

use super::Docker;
use crate::Error;
use crate::answers::{Created, Ran, Waited};
use crate::client::{Client, Frames, Raw};

/// How much of a stream waits for its reader.
const STREAM_BYTES: usize = 256 << 10;
const CHUNK: usize = 64 << 10;

/// How often a command that closed its output is asked whether it has ended: Docker does not tell.
const ASK: Duration = Duration::from_millis(100);

/// A terminal is made a moment after its process was asked for.
const RESIZES: u32 = 50;
const BETWEEN_RESIZES: Duration = Duration::from_millis(20);

/// Something whose end and whose terminal Docker knows.
enum Target {
    Exec(String),
    Container(String),
}

impl Docker {
    pub(super) async fn do_exec(
        &self,
        id: &str,
        spec: ExecSpec,
    ) -> Result<Process, wharf_runtime::Error> {
        let found = self.look(id).await?;
        let found = found.ok_or(wharf_runtime::Error::NoSuchContainer)?;
        let call = self.client().post(format!("/containers/{}/exec", found.id));
        let call = call.body(&json!({
            "AttachStdin": spec.stdin, "AttachStdout": true, "AttachStderr": !spec.tty,
            "Tty": spec.tty, "Cmd": spec.command,
        }))?;
        let Created { id } = match call.json().await {
            // It does not run any more.
            Err(error) if error.is_conflict() || error.is_missing() => {
                return Err(wharf_runtime::Error::NoSuchContainer);
            }
            other => other?,
        };
        let start = self.client().post(format!("/exec/{id}/start"));
        let start = start.body(&json!({ "Detach": false, "Tty": spec.tty }))?;
        let raw = start.upgrade().await?;
        Ok(self.process(raw, spec.tty, spec.stdin, Target::Exec(id)))
    }

    pub(super) async fn do_attach(
        &self,
        id: &str,
        spec: AttachSpec,
    ) -> Result<Process, wharf_runtime::Error> {
        let found = self.look(id).await?;
        let found = found.filter(|found| found.state.running);
        let found = found.ok_or(wharf_runtime::Error::NoSuchContainer)?;
        let stdin = spec.stdin && found.config.open_stdin;
        let call = self
            .client()
            .post(format!("/containers/{}/attach", found.id));
        let call = call
            .query("stream", "1")
            .query("stdout", "1")
            .query("stderr", "1");
        let call = if stdin {
            call.query("stdin", "1")
        } else {
            call
        };
        let raw = call.upgrade().await?;
        let target = Target::Container(found.id);
        Ok(self.process(raw, found.config.tty, stdin, target))
    }

    fn process(&self, raw: Raw, tty: bool, stdin: bool, target: Target) -> Process {
        let (read, write) = split(raw);
        let (stdout, out) = tokio::io::duplex(STREAM_BYTES);
        let (stderr, err) = tokio::io::duplex(STREAM_BYTES);
        let (told, exit) = oneshot::channel();
        let (resize, sizes) = mpsc::channel(8);
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let client = self.client().clone();
        let target = std::sync::Arc::new(target);
        let terminal = (client.clone(), std::sync::Arc::clone(&target));
        tokio::spawn(async move {
            // Whoever reads has gone, or the process has: either ends the other direction too.
            let sent = send(write, stdin.then_some(theirs));
            let sized = async {
                resizes(&terminal.0, &terminal.1, sizes).await;
                std::future::pending::<()>().await;
            };
            let received = async {
                if tty {
                    receive_raw(read, out).await
                } else {
                    receive(read, out, err).await
                }
            };
            let whole = tokio::select! {
                whole = received => whole.is_ok(),
                () = sent => false,
                () = sized => false,
            };
            if whole {
                tell(&client, &target, told).await;
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

/// Passes on a terminal's bytes.
async fn receive_raw(mut from: ReadHalf<Raw>, mut out: DuplexStream) -> std::io::Result<()> {
    tokio::io::copy(&mut from, &mut out).await.map(drop)
}

/// Passes on what comes, each stream to its reader.
async fn receive(
    from: ReadHalf<Raw>,
    mut out: DuplexStream,
    mut err: DuplexStream,
) -> std::io::Result<()> {
    let mut frames = Frames::new(from);
    let mut buffer = vec![0; CHUNK];
    while let Some(head) = frames.head().await? {
        loop {
            let read = frames.part(&mut buffer).await?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            match head.stream {
                2 => err.write_all(bytes).await?,
                _ => out.write_all(bytes).await?,
            }
        }
    }
    Ok(())
}

/// Sends input, and that it has ended. Never returns: hanging up is for the other direction.
async fn send(mut to: WriteHalf<Raw>, stdin: Option<DuplexStream>) {
    if let Some(mut stdin) = stdin {
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = stdin.read(&mut buffer).await.unwrap_or(0);
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() || to.write_all(bytes).await.is_err() {
                break;
            }
            if to.flush().await.is_err() {
                break;
            }
        }
        if let Err(error) = to.shutdown().await {
            tracing::debug!(%error, "the input of a process was not closed");
        }
    }
    std::future::pending::<()>().await;
}

async fn resizes(client: &Client, target: &Target, mut sizes: mpsc::Receiver<Size>) {
    while let Some(size) = sizes.recv().await {
        for _ in 0..RESIZES {
            let path = match target {
                Target::Exec(id) => format!("/exec/{id}/resize"),
                Target::Container(id) => format!("/containers/{id}/resize"),
            };
            let call = client.post(path);
            let call = call.query("w", &size.columns.to_string());
            match call.query("h", &size.rows.to_string()).done().await {
                Ok(()) => break,
                Err(error) => tracing::debug!(%error, "a terminal was not resized"),
            }
            tokio::time::sleep(BETWEEN_RESIZES).await;
        }
    }
}

/// Tells the exit code, if it is known and as long as somebody wants it.
async fn tell(client: &Client, target: &Target, mut told: oneshot::Sender<i32>) {
    let code = tokio::select! {
        code = code(client, target) => code,
        () = told.closed() => return,
    };
    match code {
        // Nobody may want to know.
        Ok(code) => drop(told.send(code)),
        Err(error) => tracing::debug!(error = error.chain(), "an exit code is not known"),
    }
}

async fn code(client: &Client, target: &Target) -> Result<i32, Error> {
    match target {
        Target::Exec(id) => loop {
            let ran: Ran = client.get(format!("/exec/{id}/json")).json().await?;
            match ran.exit_code {
                Some(code) if !ran.running => return Ok(code),
                _ => tokio::time::sleep(ASK).await,
            }
        },
        // It may run on for long after it closed its output.
        Target::Container(id) => loop {
            let wait = client.post(format!("/containers/{id}/wait"));
            match wait.json::<Waited>().await {
                Err(Error::Silent(_)) => {}
                waited => return Ok(waited?.status_code),
            }
        },
    }
}
