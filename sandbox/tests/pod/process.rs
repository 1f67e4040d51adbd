//! The pause as the process with the id 1.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::enter_namespace;

/// Starts a pause as the first process of a namespace; answers what `unshare` says of its end.
fn first(script: &str) -> (std::process::Child, tempfile::TempDir, Pid) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "sh", "-c", script])
        .arg(env!("CARGO_BIN_EXE_wharf-sandbox"))
        .arg(folder.path().join("link.sock"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line != "ready\n" {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let pid = std::fs::read_to_string(children).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    (child, folder, pid)
}

#[test]
fn it_ends_by_a_signal_and_leaves_no_socket() {
    if !enter_namespace() {
        return;
    }
    let (mut child, folder, pid) = first("exec \"$0\" pause --socket \"$1\"");
    assert!(folder.path().join("link.sock").exists());
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!folder.path().join("link.sock").exists());
}

#[test]
fn orphans_are_told_of_the_end_and_taken_leave_of() {
    if !enter_namespace() {
        return;
    }
    // Two children that it did not start: one ends at once, one ends when it is told to.
    let script = "true & sleep 1000 & exec \"$0\" pause --socket \"$1\"";
    let (mut child, _folder, pid) = first(script);
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_works_in_the_namespace_that_it_is_told() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo in; read end"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(pod.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let namespace = format!("/proc/{}/ns/net", pod.id());
    let folder = tempfile::tempdir().unwrap();
    let mut pause = Command::new(env!("CARGO_BIN_EXE_wharf-sandbox"))
        .args(["pause", "--netns", &namespace, "--socket"])
        .arg(folder.path().join("link.sock"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(pause.stdout.take().unwrap());
    line.clear();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let shown = Command::new("nsenter")
        .arg(format!("--net={namespace}"))
        .args(["ip", "address", "show", "dev", "lo"])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("169.254.170.53/32"), "{shown}");
    kill_process(Pid::from_child(&pause), Signal::TERM).unwrap();
    assert!(pause.wait().unwrap().success());
    drop(pod.stdin.take());
    pod.wait().unwrap();
}

#[test]
fn what_is_no_command_is_refused() {
    for arguments in [&["pause"][..], &["pause", "--socket"], &["dance"], &[]] {
        let status = Command::new(env!("CARGO_BIN_EXE_wharf-sandbox"))
            .args(arguments)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}
