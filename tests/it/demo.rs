//! `wharf demo` as a process, which leaves nothing behind.
use std::{fs, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use wharf_testkit::{Process, clients_required, eventually};

/// The demo with a directory of its own for temporary files.
fn start(dir: &Path, args: &[&str]) -> Child {
    Command::new(Process::binary())
        .arg("demo")
        .args(args)
        .env_clear()
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits for its end, and returns its exit status and what it said.
async fn end(demo: Child) -> (Option<i32>, String) {
    let output = demo.wait_with_output().await.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), said)
}

/// The command lines of processes that have to do with a directory.
fn processes(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    // Others end while they are looked at.
    let lines = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(dir)).collect()
}

async fn assert_nothing_left(dir: &Path) {
    eventually("no process is left", async || {
        processes(dir).is_empty().then_some(())
    })
    .await;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(dir.to_str().unwrap()), "{mounts}");
    let left: Vec<_> = fs::read_dir(dir).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Whether containers can run here; where clients are demanded they must.
fn skipped(code: Option<i32>, said: &str) -> bool {
    let missing = code == Some(2) && said.contains("builtin cannot work here");
    if missing {
        assert!(!clients_required(), "{said}");
        println!("skipped: {said}");
    }
    missing
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_calls_a_real_container_and_removes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = end(start(dir.path(), &["--engine=builtin"])).await;
    if skipped(code, &said) {
        return;
    }
    assert_eq!(code, Some(0), "{said}");
    for step in [
        "pulled it back: every byte is the same",
        "called it: Hello from the pod hello-",
        "deleted the Deployment with its pods",
        "deleted the Service with its load balancer",
        "deleted the node group with its machines",
        "deleted the cluster",
        "nothing is left",
    ] {
        assert!(said.contains(step), "{step}\n{said}");
    }
    assert_nothing_left(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_interrupted_while_its_pods_start_removes_them() {
    let dir = tempfile::tempdir().unwrap();
    let demo = start(dir.path(), &["--engine=builtin"]);
    let pid = Pid::from_raw(demo.id().unwrap().cast_signed()).unwrap();
    let ended = tokio::spawn(end(demo));
    eventually("a pod starts", async || {
        let shim = |line: &String| line.contains(" __shim ");
        (ended.is_finished() || processes(dir.path()).iter().any(shim)).then_some(())
    })
    .await;
    if !ended.is_finished() {
        kill_process(pid, Signal::INT).unwrap();
    }
    let (code, said) = ended.await.unwrap();
    if skipped(code, &said) {
        return;
    }
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("wharf: interrupted"), "{said}");
    assert!(!said.contains("called it"), "{said}");
    assert_nothing_left(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_pods_are_simulated_the_demo_says_so_and_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = end(start(dir.path(), &["--engine=simulated"])).await;
    assert_eq!(code, Some(0), "{said}");
    let sentence =
        "no engine here: simulated is what was asked for; pods are simulated and nothing answers";
    assert!(said.contains(sentence), "{said}");
    assert!(!said.contains("called it"), "{said}");
    assert!(said.contains("nothing is left"), "{said}");
    assert_nothing_left(dir.path()).await;
}
