//! kubectl, unmodified, where there is one.
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::stage::{PATIENCE, Stage};

/// What makes kubectl speak SPDY, as it did before 1.31.
const OLD: [(&str, &str); 2] = [
    ("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false"),
    ("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false"),
];

struct Kubectl<'a> {
    stage: &'a Stage,
    home: tempfile::TempDir,
    env: &'a [(&'a str, &'a str)],
}

impl<'a> Kubectl<'a> {
    /// None: this computer has no kubectl.
    async fn new(stage: &'a Stage, env: &'a [(&'a str, &'a str)]) -> Option<Self> {
        let mut version = Command::new("kubectl");
        version.args(["version", "--client"]);
        let there = version.output().await.is_ok();
        there.then(|| Self {
            stage,
            home: tempfile::tempdir().unwrap(),
            env,
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .env("HOME", self.home.path())
            .env("KUBECONFIG", "/dev/null")
            .envs(self.env.iter().copied())
            .arg(format!("--server=http://{}", self.stage.address))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, words: &[&str], input: &[u8]) -> Output {
        let mut child = self.command(words).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).await.unwrap();
        drop(stdin);
        let ended = timeout(PATIENCE, child.wait_with_output()).await;
        ended.unwrap().unwrap()
    }

    /// What it prints; it must succeed.
    async fn prints(&self, words: &[&str], input: &[u8]) -> String {
        let output = self.run(words, input).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains about; it must fail.
    async fn fails(&self, words: &[&str]) -> String {
        let output = self.run(words, b"").await;
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    async fn commands(&self) {
        let hello = ["exec", "a", "--", "/bin/echo", "hello"];
        assert_eq!(self.prints(&hello, b"").await, "hello\n");
        let long = "0123456789abcdef".repeat(40_000);
        let cat = ["exec", "-i", "a", "--", "cat"];
        assert_eq!(self.prints(&cat, long.as_bytes()).await, long);
        let said = self
            .run(&["exec", "a", "--", "say", "out", "err", "3"], b"")
            .await;
        assert_eq!(said.status.code(), Some(3));
        assert_eq!(said.stdout, b"out");
        let error = String::from_utf8(said.stderr).unwrap();
        assert_eq!(error, "errcommand terminated with exit code 3\n");
        let missing = self.fails(&["exec", "a", "--", "missing"]).await;
        assert!(
            missing.contains("executable file not found in $PATH"),
            "{missing}"
        );
        let attached = self.prints(&["attach", "-i", "a"], b"ahoy").await;
        assert!(attached.ends_with("ahoy"), "{attached}");
    }

    async fn copies(&self) {
        let local = self.home.path().join("local");
        let inside = self.home.path().join("inside");
        std::fs::create_dir_all(&inside).unwrap();
        let content = "content\n".repeat(100_000);
        std::fs::write(&local, &content).unwrap();
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let there = format!("a:{}/copy", path(&inside));
        self.prints(&["cp", &path(&local), &there], b"").await;
        let copied = std::fs::read_to_string(inside.join("copy")).unwrap();
        assert!(copied == content);
        let back = path(&self.home.path().join("back"));
        self.prints(&["cp", &there, &back], b"").await;
        assert!(std::fs::read_to_string(&back).unwrap() == content);
    }

    async fn forwards(&self) {
        let mut child = self.command(&["port-forward", "a", ":80"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
        let line = line.unwrap().unwrap();
        let port = line
            .strip_prefix("Forwarding from 127.0.0.1:")
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_else(|| panic!("{line}"));
        for word in ["one", "two"] {
            let mut io = TcpStream::connect(format!("127.0.0.1:{port}"))
                .await
                .unwrap();
            io.write_all(word.as_bytes()).await.unwrap();
            let mut back = [0; 3];
            timeout(PATIENCE, io.read_exact(&mut back))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(back, word.as_bytes());
        }
        child.kill().await.unwrap();
    }

    async fn logs(&self) {
        let words = ["logs", "a", "--tail=5", "--limit-bytes=100", "--timestamps"];
        let printed = self.prints(&words, b"").await;
        assert_eq!(printed, "c false None Some(5) Some(100) true\n");
        let printed = self.prints(&["logs", "a", "--since=10s"], b"").await;
        assert_eq!(printed, "c false Some(1699999990) None None false\n");
        let complaint = self.fails(&["logs", "a", "-p"]).await;
        let wanted = "Error from server (BadRequest): previous terminated container \"c\" in pod \"a\" not found\n";
        assert_eq!(complaint, wanted);
        let mut child = self.command(&["logs", "-f", "a"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.unwrap();
        assert_eq!(first.unwrap().unwrap(), "c false None None None false");
        child.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_runs_copies_forwards_and_reads() {
    let s = Stage::new().await;
    if let Some(kubectl) = Kubectl::new(&s, &[]).await {
        kubectl.commands().await;
        kubectl.copies().await;
        kubectl.forwards().await;
        kubectl.logs().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_of_before_websocket_does_too() {
    let s = Stage::new().await;
    if let Some(kubectl) = Kubectl::new(&s, &OLD).await {
        kubectl.commands().await;
        kubectl.copies().await;
        kubectl.forwards().await;
    }
}
