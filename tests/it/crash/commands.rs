//! `wharf gc`, `wharf backup` and `wharf ready`, beside a running server and alone.
use std::path::Path;

use wharf_testkit::{Image, Process, TestServer};
use wharf_types::Digest;

/// Runs a command on a directory, demands its exit status, and returns what it said.
async fn run(dir: &Path, args: &[&str], status: i32) -> String {
    let mut all = args.to_vec();
    all.extend(["--data-dir", dir.to_str().unwrap()]);
    let output = Process::run(&all).await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    said
}

#[tokio::test]
async fn a_server_is_ready_while_it_serves() {
    let mut s = TestServer::new().await;
    let url = s.url();
    let ready = async || {
        let output = Process::run(&["ready", "--endpoint", &url]).await;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    assert_eq!(ready().await, (Some(0), "ready\n".to_owned()));
    s.stop().await;
    let (code, said) = ready().await;
    assert_eq!(code, Some(1));
    assert!(said.contains("no server answers at http://"), "{said}");
}

#[tokio::test]
async fn gc_says_what_it_would_remove_and_why_and_then_removes_just_that() {
    // The clock of this server stands at the beginning of 2026: for a command, every lease is over.
    let mut s = TestServer::new().await;
    let kept = Image::of("kept", vec![vec![1; 100_000]]);
    kept.push(&s, "app", "v1").await;
    let large = s.push_blob("app", &vec![2; 200_000]).await;
    let small = s.push_blob("app", b"small").await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(vec![3; 70_000])
        .send()
        .await
        .expect(202);
    s.stop().await;
    let before = files(s.data_dir());
    let dry = run(s.data_dir(), &["gc", "--dry-run"], 0).await;
    assert_eq!(files(s.data_dir()), before, "a dry run removes nothing");
    for (kind, what, why) in [
        (
            "link",
            large.as_str(),
            "no manifest of its repository names it",
        ),
        ("blob", large.as_str(), "no repository holds it"),
        ("blob", small.as_str(), "no repository holds it"),
        (
            "upload",
            location.rsplit('/').next().unwrap(),
            "nobody went on with it for a day",
        ),
    ] {
        let mut lines = dry.lines();
        let named =
            |line: &&str| line.starts_with(kind) && line.contains(what) && line.ends_with(why);
        assert!(lines.any(|line| named(&line)), "{kind} {what}\n{dry}");
    }
    assert!(
        dry.ends_with("Would remove 2 blobs, 2 links, 1 uploads and 0 orphans: 263.6 KiB.\n"),
        "{dry}"
    );
    let real = run(s.data_dir(), &["gc"], 0).await;
    assert_eq!(real, dry.replace("Would remove", "Removed"));
    let left = files(s.data_dir());
    assert_eq!(left.len(), before.len() - 2, "{left:?}");
    let again = run(s.data_dir(), &["gc"], 0).await;
    assert_eq!(
        again,
        "Removed 0 blobs, 0 links, 0 uploads and 0 orphans: 0 B.\n"
    );
    s.start().await.unwrap();
    kept.assert_pulls(&s, "app", "v1").await;
}

/// The files of blobs and uploads.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["blobs", "staging"] {
        let mut folders = vec![dir.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn gc_now_ignores_leases_after_saying_so() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let image = s.push("app", "v1").await;
    let digest = s.push_blob("app", &vec![2; 200_000]).await;
    let path = format!("/v2/app/blobs/{digest}");
    let none = run(&dir, &["gc"], 0).await;
    assert_eq!(
        none,
        "Removed 0 blobs, 0 links, 0 uploads and 0 orphans: 0 B.\n"
    );
    s.call("HEAD", &path).send().await.expect(200);
    let now = run(&dir, &["gc", "--now"], 0).await;
    assert!(now.starts_with("Leases are ignored: "), "{now}");
    assert!(
        now.contains("Removed 1 blobs, 1 links, 0 uploads and 0 orphans"),
        "{now}"
    );
    s.call("HEAD", &path).send().await.expect(404);
    image.assert_pulls(&s, "app", "v1").await;
    s.stop().await;
}

/// Copies what is stored beside the database.
fn copy_blobs(from: &Path, to: &Path) {
    for folder in ["blobs", "keys"] {
        let copied = std::process::Command::new("cp")
            .args(["-a".as_ref(), from.join(folder).as_os_str(), to.as_os_str()])
            .status();
        assert!(copied.unwrap().success());
    }
}

#[tokio::test]
async fn s26_a_backup_of_a_running_server_starts_and_sweeps_only_after_a_check() {
    let scratch = tempfile::tempdir().unwrap();
    let (dir, restored) = (scratch.path().join("data"), scratch.path().join("restored"));
    let file = scratch.path().join("backup.db");
    let s = Process::serve(&dir, &[]).await;
    let before = Image::of("before", vec![vec![1; 100_000]]);
    before.push(&s, "app", "before").await;
    run(&dir, &["backup", file.to_str().unwrap()], 0).await;
    let after = Image::of("after", vec![vec![2; 100_000]]);
    after.push(&s, "app", "after").await;
    let refused = run(&dir, &["backup", file.to_str().unwrap()], 1).await;
    assert!(refused.contains("exists"), "{refused}");
    s.stop().await;
    std::fs::create_dir(&restored).unwrap();
    copy_blobs(&dir, &restored);
    std::fs::copy(&file, restored.join("wharf.db")).unwrap();
    let s = Process::serve(&restored, &[]).await;
    before.assert_pulls(&s, "app", "before").await;
    s.call("GET", "/v2/app/manifests/after")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    // What came after the backup has no row now, and may be needed to repair.
    let bytes = files(&restored);
    let waits = run(&restored, &["gc", "--now"], 0).await;
    assert!(
        waits.contains("Nothing was collected: the database was restored from a backup"),
        "{waits}"
    );
    run(&restored, &["check"], 0).await;
    let waits = run(&restored, &["gc", "--now"], 0).await;
    assert!(waits.contains("Nothing was collected"), "{waits}");
    assert_eq!(files(&restored), bytes);
    run(&restored, &["check", "--repair"], 0).await;
    let done = run(&restored, &["gc"], 0).await;
    assert!(!done.contains("Nothing was collected"), "{done}");
    before.assert_pulls(&s, "app", "before").await;
    after.push(&s, "app", "after").await;
    s.stop().await;
    // The backup itself can also be taken while nobody serves.
    run(
        &dir,
        &["backup", scratch.path().join("second.db").to_str().unwrap()],
        0,
    )
    .await;
}

#[tokio::test]
async fn check_finds_what_is_damaged_and_repairs_what_can_be() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let image = Image::of("checked", vec![vec![1; 100_000]]);
    image.push(&s, "app", "v1").await;
    let blob = files(&dir)
        .into_iter()
        .find(|name| !name.ends_with("wharf-store"))
        .unwrap();
    std::fs::write(&blob, vec![2; 100_000]).unwrap();
    let digest = Digest::sha256(&image.layers[0]);
    let found = run(&dir, &["check"], 1).await;
    assert!(
        found.contains(&format!(
            "blob {digest} is missing or has other bytes: push it again"
        )),
        "{found}"
    );
    assert!(found.ends_with("1 findings, 0 repaired.\n"), "{found}");
    s.call("HEAD", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(200);
    run(&dir, &["check", "--repair"], 1).await;
    s.call("HEAD", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(404);
    image.push(&s, "app", "v1").await;
    run(&dir, &["gc"], 0).await;
    assert_eq!(
        run(&dir, &["check"], 0).await,
        "Everything is as it should be.\n"
    );
    image.assert_pulls(&s, "app", "v1").await;
    s.stop().await;
}
