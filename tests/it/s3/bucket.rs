//! The S3 server that the tests use, and what lies in its bucket.
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use wharf::config::{self, Config, Secret};
use wharf_testkit::{TestServer, tool};

const BUCKET: &str = "images";
const PREFIX: &str = "wharf/test";
const SECRET: &str = "made-up-secret";

/// A running `s3s-fs`, which keeps objects as files.
pub(super) struct Bucket {
    child: Child,
    url: String,
    root: tempfile::TempDir,
}

impl Bucket {
    /// An empty bucket. `None` if the server is not installed.
    pub(super) fn new() -> Option<Self> {
        tool("s3s-fs")?;
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let (child, url) = spawn(root.path(), "0");
        Some(Self { child, url, root })
    }

    /// Ends the server; the objects stay.
    pub(super) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same address.
    pub(super) fn start(&mut self) {
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        let (child, url) = spawn(self.root.path(), &port);
        assert_eq!(url, self.url);
        self.child = child;
    }

    /// Makes a configuration use the bucket.
    pub(super) fn configure(&self, config: &mut Config) {
        config.store = config::Store::S3(config::S3 {
            bucket: BUCKET.into(),
            prefix: PREFIX.into(),
            endpoint: Some(self.url.clone()),
            region: "us-east-1".into(),
            access_key_id: "AKIDBUCKET".into(),
            secret_access_key: Secret::new(SECRET.into()),
            allow_http: true,
        });
    }

    /// A wharf on the bucket.
    pub(super) async fn serve(&self) -> TestServer {
        TestServer::with(|config| self.configure(config)).await
    }

    /// The folder of what wharf stored.
    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join(BUCKET).join(PREFIX)
    }

    /// The objects, without the marker that ties the bucket to its database.
    pub(super) fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        files(&self.folder(), &mut found);
        found.retain(|path| !path.ends_with("wharf-store"));
        found
    }

    /// What the S3 server keeps of multipart uploads that are under way.
    pub(super) fn unfinished(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        files(self.root.path(), &mut found);
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        found.retain(|path| name(path).contains("upload"));
        found
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(clippy::zombie_processes, reason = "the bucket waits for it")]
fn spawn(root: &Path, port: &str) -> (Child, String) {
    let mut child = Command::new("s3s-fs")
        .args([
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--access-key",
            "AKIDBUCKET",
            "--secret-key",
            SECRET,
        ])
        .arg(root)
        .env("RUST_LOG", "s3s_fs=info")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "s3s-fs did not start"
        );
        if let Some((_, url)) = line.split_once("server is running at ") {
            let url = url.trim().to_owned();
            // Whoever writes to a closed pipe dies: read on.
            std::thread::spawn(move || out.lines().for_each(drop));
            return (child, url);
        }
    }
}

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(path);
        }
    }
}
