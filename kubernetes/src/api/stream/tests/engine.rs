//! An engine that runs commands here in the test: `cat`, `size`, `yes` and others of its own, and
//! those of this computer if they are asked for by their path.
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use wharf_runtime::engine::{AttachSpec, ExecSpec, LogQuery, Process, Usage};
use wharf_runtime::{
    Error, Later, Notice, Pace, PodRuntime, PodSpec, PodStatus, Simulated, Stream,
};
use wharf_types::Clock;

/// What a process's pipes hold.
const PIPE: usize = 4096;

#[derive(Debug)]
pub(super) struct Engine {
    pods: Simulated,
    /// How much `yes` has written.
    pub(super) written: Arc<AtomicU64>,
}

/// The program's side of a process.
struct Inside {
    stdin: DuplexStream,
    stdout: DuplexStream,
    stderr: DuplexStream,
    sizes: mpsc::Receiver<wharf_runtime::engine::Size>,
    exit: oneshot::Sender<i32>,
}

fn process(tty: bool) -> (Process, Inside) {
    let (typed, stdin) = duplex(PIPE);
    let (stdout, shown) = duplex(PIPE);
    let (stderr, errors) = duplex(PIPE);
    let (resize, sizes) = mpsc::channel(1);
    let (exit, ended) = oneshot::channel();
    let outside = Process {
        stdin: Some(Box::new(typed)),
        stdout: Box::new(shown),
        stderr: (!tty).then(|| Box::new(errors) as Box<dyn AsyncRead + Send + Unpin>),
        resize: tty.then_some(resize),
        exit: ended,
    };
    let inside = Inside {
        stdin,
        stdout,
        stderr,
        sizes,
        exit,
    };
    (outside, inside)
}

impl Engine {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            pods: Simulated::new(clock, Pace::default()),
            written: Arc::default(),
        }
    }
}

impl Inside {
    async fn run(mut self, command: Vec<String>, written: Arc<AtomicU64>) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let code = match words.as_slice() {
            ["cat"] => {
                let mut buffer = vec![0; PIPE];
                loop {
                    let got = self.stdin.read(&mut buffer).await.unwrap_or(0);
                    if got == 0 || self.stdout.write_all(&buffer[..got]).await.is_err() {
                        break 0;
                    }
                }
            }
            ["say", out, error, code] => {
                let _open = self.stdout.write_all(out.as_bytes()).await;
                let _open = self.stderr.write_all(error.as_bytes()).await;
                code.parse().unwrap()
            }
            ["size"] => {
                let size = self.sizes.recv().await.unwrap();
                let text = format!("{}x{}", size.columns, size.rows);
                let _open = self.stdout.write_all(text.as_bytes()).await;
                0
            }
            ["yes"] => {
                while self.stdout.write_all(b"y\n").await.is_ok() {
                    written.fetch_add(2, Ordering::Relaxed);
                }
                141
            }
            ["deaf"] => std::future::pending().await,
            _ => 127,
        };
        drop((self.stdin, self.stdout, self.stderr));
        let _heard = self.exit.send(code);
    }

    /// A process of this computer.
    async fn spawn(mut self, command: Vec<String>) {
        let child = tokio::process::Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.unwrap();
        let (mut stdin, mut stdout, mut stderr) = (
            child.stdin.take().unwrap(),
            child.stdout.take().unwrap(),
            child.stderr.take().unwrap(),
        );
        let fed = tokio::spawn(async move {
            let _end = tokio::io::copy(&mut self.stdin, &mut stdin).await;
        });
        let _end = tokio::join!(
            tokio::io::copy(&mut stdout, &mut self.stdout),
            tokio::io::copy(&mut stderr, &mut self.stderr),
        );
        let status = child.wait().await.unwrap();
        fed.abort();
        drop((self.stdout, self.stderr));
        let _heard = self.exit.send(status.code().unwrap_or(137));
    }
}

impl PodRuntime for Engine {
    fn run(&self, spec: PodSpec, last: Option<PodStatus>) -> Later<'_, PodStatus> {
        PodRuntime::run(&self.pods, spec, last)
    }

    fn status(&self, id: &str) -> Option<PodStatus> {
        PodRuntime::status(&self.pods, id)
    }

    fn stop(&self, id: &str, grace: Duration) -> Later<'_, Option<PodStatus>> {
        self.pods.stop(id, grace)
    }

    fn remove(&self, id: &str) -> Later<'_, ()> {
        self.pods.remove(id)
    }

    fn changed(&self) -> Later<'_, Vec<String>> {
        self.pods.changed()
    }

    fn notices(&self) -> Option<Vec<Notice>> {
        None
    }

    fn strangers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The query in words; one that is followed goes on until nobody listens.
    fn logs<'a>(
        &'a self,
        _id: &'a str,
        container: &'a str,
        previous: bool,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        let LogQuery {
            since,
            tail_lines,
            limit_bytes,
            timestamps,
            follow,
        } = query;
        let since = since.map(wharf_types::Timestamp::as_secs);
        let text = format!(
            "{container} {previous} {since:?} {tail_lines:?} {limit_bytes:?} {timestamps}\n"
        );
        let (mut write, read) = duplex(PIPE);
        let written = Arc::clone(&self.written);
        tokio::spawn(async move {
            let _open = write.write_all(text.as_bytes()).await;
            while follow && write.write_all(b"more\n").await.is_ok() {
                written.fetch_add(5, Ordering::Relaxed);
            }
        });
        Box::pin(async { Ok(Box::new(read) as Box<dyn AsyncRead + Send + Unpin>) })
    }

    fn exec<'a>(&'a self, _id: &'a str, _container: &'a str, spec: ExecSpec) -> Later<'a, Process> {
        Box::pin(async move {
            let ExecSpec { command, tty, .. } = spec;
            if command[0] == "missing" {
                return Err(Error::Start {
                    reason: "RunContainerError",
                    message: "exec: \"missing\": executable file not found in $PATH".to_owned(),
                });
            }
            let (outside, inside) = process(tty);
            if command[0].starts_with('/') || command[0] == "tar" {
                tokio::spawn(inside.spawn(command));
            } else {
                tokio::spawn(inside.run(command, Arc::clone(&self.written)));
            }
            Ok(outside)
        })
    }

    fn attach<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        spec: AttachSpec,
    ) -> Later<'a, Process> {
        let spec = ExecSpec {
            command: vec!["cat".to_owned()],
            tty: false,
            stdin: spec.stdin,
        };
        self.exec(id, container, spec)
    }

    /// Port 81 is closed, all others answer with what they are told.
    fn port<'a>(&'a self, _id: &'a str, port: u16) -> Later<'a, Box<dyn Stream>> {
        Box::pin(async move {
            if [0, 81].contains(&port) {
                return Err(Error::Failed("connection refused".into()));
            }
            let (ours, theirs) = duplex(PIPE);
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(theirs);
                let _end = tokio::io::copy(&mut read, &mut write).await;
                let _end = write.shutdown().await;
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }

    fn usage<'a>(&'a self, _id: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
