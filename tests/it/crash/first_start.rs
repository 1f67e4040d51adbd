//! C16 to C18: a server that is killed while it starts for the first time.
use std::{path::Path, process::Stdio};

use tokio::process::Command;
use wharf_testkit::Process;

/// How often the file is looked for before a test gives up.
const TRIES: usize = 10_000_000;

/// Starts a server and kills it as soon as a file is there.
async fn kill_at(dir: &Path, file: &str) {
    let mut child = Command::new(Process::binary())
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            dir.to_str().unwrap(),
        ])
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let there = (0..TRIES).any(|_| dir.join(file).exists());
    assert!(there, "{file} is never made");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn c16_c17_a_first_start_that_was_cut_off_is_completed_by_the_next() {
    let scratch = tempfile::tempdir().unwrap();
    for (i, file) in [
        "lock",
        "staging",
        "blobs/00",
        "blobs/ff",
        "wharf.db",
        "wharf.db-wal",
        "wharf.db-shm",
        "blobs/wharf-store",
        "keys",
        "keys/registry.key",
        "tls",
        "admin.sock",
    ]
    .iter()
    .enumerate()
    {
        let dir = scratch.path().join(format!("data-{i}"));
        kill_at(&dir, file).await;
        let s = Process::serve(&dir, &[]).await;
        let image = s.push("app", "v1").await;
        s.kill().await;
        let s = Process::serve(&dir, &[]).await;
        image.assert_pulls(&s, "app", "v1").await;
        let key = std::fs::read(dir.join("keys/registry.key")).unwrap();
        assert!(
            key.len() == 32 && key.iter().any(|byte| *byte != 0),
            "{file}"
        );
        s.stop().await;
    }
}
