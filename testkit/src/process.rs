use std::{
    ops::Deref,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::TestServer;

/// How long the program may take for anything before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program `wharf serve` as a process of its own, which a test may kill. Derefs to a client.
#[derive(Debug)]
pub struct Process {
    client: TestServer,
    child: Child,
    log: PathBuf,
    /// Kept open: who writes to a closed pipe dies.
    _out: Lines<BufReader<ChildStdout>>,
}

impl Deref for Process {
    type Target = TestServer;

    fn deref(&self) -> &TestServer {
        &self.client
    }
}

impl Process {
    /// The program under test, which the package of the running test builds beside it.
    pub fn binary() -> PathBuf {
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().join("wharf-tested")
    }

    /// Serves from a directory, with the repository `app`, unless it verifies signatures. The log
    /// goes to `<dir>.log`.
    pub async fn serve(dir: &Path, args: &[&str]) -> Self {
        let log = dir.with_extension("log");
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&log)
            .unwrap();
        let mut child = command(&serve_args(dir, args))
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = tokio::time::timeout(PATIENCE, out.next_line())
                .await
                .unwrap()
                .unwrap();
            assert!(line.is_some(), "{}", read(&log));
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once(" listens on ") {
                break rest.split_once([' ', ',']).unwrap().0.parse().unwrap();
            }
        };
        let mut client = TestServer::of_process(address, dir);
        if !args.contains(&"strict") {
            client.login().await;
            // At a second start it is there.
            client
                .aws("CreateRepository", json!({ "repositoryName": "app" }))
                .await;
        }
        Self {
            client,
            child,
            log,
            _out: out,
        }
    }

    /// Runs any command of the program to its end.
    pub async fn run(args: &[&str]) -> Output {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let run = command(&args).kill_on_drop(true).output();
        tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap()
    }

    /// Tries to serve from a directory where that must fail.
    pub async fn refused(dir: &Path, args: &[&str]) -> Output {
        let run = command(&serve_args(dir, args)).kill_on_drop(true).output();
        tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Asks the process to stop in good order.
    pub fn terminate(&self) {
        let pid = Pid::from_raw(self.pid().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Waits for the end of the process.
    pub async fn wait(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
    }

    /// Stops the process in good order.
    pub async fn stop(mut self) {
        self.terminate();
        let status = self.wait().await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Kills the process with no warning.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// All that was logged.
    pub fn log(&self) -> String {
        read(&self.log)
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn serve_args(dir: &Path, args: &[&str]) -> Vec<String> {
    let mut all = vec![
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        dir.to_str().unwrap(),
    ];
    if !args.iter().any(|arg| arg.starts_with("--engine")) {
        all.push("--engine=simulated");
    }
    all.extend(args);
    all.into_iter().map(str::to_owned).collect()
}

fn command(args: &[String]) -> Command {
    let mut command = Command::new(Process::binary());
    command.args(args).env_clear().stdin(Stdio::null());
    command
}
