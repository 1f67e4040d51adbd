//! R17: the system calls of a push are in the order that survives a power cut.
use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use wharf_testkit::{Image, Process, tool};

/// The calls that matter here.
const CALLS: [&str; 3] = [
    "-y",
    "-e",
    "trace=fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg",
];

/// Follows a process with strace. `None` if this machine does not let it.
pub(super) fn follow(pid: u32, to: &Path, args: &[&str]) -> Option<Child> {
    let mut child = Command::new("strace")
        .args(["-f", "-p", &pid.to_string(), "-o"])
        .arg(to)
        .args(args)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    if line.contains("attached") {
        // Whoever writes to a closed pipe dies: read on.
        std::thread::spawn(move || drop(err.read_to_end(&mut Vec::new())));
        return Some(child);
    }
    println!("skipped: {line}");
    child.wait().unwrap();
    None
}

/// System calls as they ended, and answers as they began, in their order.
fn events(trace: &str) -> Vec<String> {
    let (mut begun, mut events) = (HashMap::new(), Vec::new());
    for line in trace.lines() {
        let Some((pid, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
            if beginning.contains("HTTP/1.1 ") {
                events.push(beginning.to_owned());
            } else {
                begun.insert(pid, beginning);
            }
        } else if call.starts_with("<... ") {
            events.extend(
                begun
                    .remove(pid)
                    .map(|beginning| format!("{beginning}{call}")),
            );
        } else {
            events.push(call.to_owned());
        }
    }
    events
}

/// What happened before each `201`, since the one before.
fn before_each_201(events: &[String]) -> Vec<Vec<String>> {
    let mut all: Vec<_> = events
        .split(|event| event.contains("HTTP/1.1 201"))
        .map(<[_]>::to_vec)
        .collect();
    all.pop();
    all
}

fn position(events: &[String], calls: &[&str], path: &str) -> Option<usize> {
    events
        .iter()
        .position(|event| calls.iter().any(|call| event.starts_with(call)) && event.contains(path))
}

#[tokio::test]
async fn r17_file_directory_and_log_are_on_the_disk_before_the_201_is_sent() {
    let Some(_strace) = tool("strace") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), &[]).await;
    let trace = scratch.path().join("trace");
    let Some(mut strace) = follow(s.pid(), &trace, &CALLS) else {
        return;
    };
    let image = Image::of("traced", vec![vec![5; 200_000]]);
    image.push(&s, "app", "v1").await;
    s.stop().await;
    strace.wait().unwrap();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let events = events(&trace);
    let pushes = before_each_201(&events);
    let [layer, config, manifest] = pushes.as_slice() else {
        panic!("{} answers\n{trace}", pushes.len())
    };
    let syncs = ["fsync(", "fdatasync("];
    let steps = [
        position(layer, &syncs, "/staging/"),
        position(layer, &["rename"], "/blobs/"),
        position(layer, &syncs, "/blobs/"),
        position(layer, &syncs, "wharf.db-wal"),
    ];
    let found: Vec<_> = steps.into_iter().flatten().collect();
    assert_eq!(found.len(), 4, "{steps:?}\n{trace}");
    assert!(found.is_sorted(), "{steps:?}\n{trace}");
    // The directory itself is synced after the rename, not the file once more.
    assert!(layer[found[2]].contains("/blobs/") && !layer[found[2]].contains("/staging/"));
    for (name, push) in [("config", config), ("manifest", manifest)] {
        assert!(
            position(push, &syncs, "wharf.db-wal").is_some(),
            "{name}\n{trace}"
        );
    }
    assert!(!trace.contains("fsync(-1"), "{trace}");
}

#[tokio::test]
async fn r17_relaxed_durability_waits_for_no_disk() {
    let Some(_strace) = tool("strace") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), &["--durability", "relaxed"]).await;
    let trace = scratch.path().join("trace");
    let Some(mut strace) = follow(s.pid(), &trace, &CALLS) else {
        return;
    };
    Image::of("traced", vec![vec![5; 200_000]])
        .push(&s, "app", "v1")
        .await;
    s.stop().await;
    strace.wait().unwrap();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let events = events(&trace);
    for push in before_each_201(&events) {
        assert_eq!(
            position(&push, &["fsync(", "fdatasync("], ""),
            None,
            "{trace}"
        );
    }
}
