use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wharf_runtime::engine::{AttachSpec, ExecSpec, Size};

use crate::story::{Story, container, has};

const WAITS: &str = "trap 'exit 0' TERM; sleep 1000 & wait";

pub(super) async fn commands_run_in_a_container(s: &Story) {
    let id = s.start(s.pod("exec", vec![container(WAITS)])).await;
    let script = "echo hi; echo no >&2; exit 7";
    let (code, out) = s.exec(&id, &["sh", "-c", script]).await;
    assert_eq!((code, out.as_str()), (7, "hi\nno\n"));
    let (code, out) = s.exec(&id, &["env"]).await;
    assert!(code == 0 && !out.contains("CARGO"), "{out}");
    has(&out, &["IMAGE=yes\n", "PATH=/"]);
    let (code, out) = s.exec(&id, &["sh", "-c", "kill -9 $$"]).await;
    assert_eq!(code, 137, "{out}");
    let (code, out) = s
        .exec(&id, &["sh", "-c", "pwd; hostname; echo x > /written"])
        .await;
    assert_eq!((code, out.as_str()), (0, "/work\nexec\n"));
    // A command that lets go of its output still has an exit code.
    let script = "exec >&- 2>&-; sleep 0.3; exit 4";
    assert_eq!(s.exec(&id, &["sh", "-c", script]).await.0, 4);
    s.remove("exec").await;
}

pub(super) async fn a_terminal_has_a_size(s: &Story) {
    let id = s.start(s.pod("tty", vec![container(WAITS)])).await;
    let spec = ExecSpec {
        command: vec!["sh".to_owned()],
        tty: true,
        stdin: true,
    };
    let mut process = s.engine.exec(&id, spec).await.unwrap();
    assert!(process.stderr.is_none());
    let size = Size {
        columns: 91,
        rows: 17,
    };
    let resize = process.resize.as_ref().unwrap();
    resize.send(size).await.unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // Whoever types waits for the prompt, which ends no line.
    let mut prompt = [0; 1];
    process.stdout.read_exact(&mut prompt).await.unwrap();
    let script = b"until stty size | grep 17; do :; done; exit 5\n";
    stdin.write_all(script).await.unwrap();
    let mut out = String::new();
    process.stdout.read_to_string(&mut out).await.unwrap();
    has(&out, &["17 91"]);
    assert_eq!(process.exit.await.unwrap(), 5);
    // A terminal's bytes are its own, whatever they look like.
    let spec = ExecSpec {
        command: [
            "sh",
            "-c",
            r"printf '\001\000\000\000\377\377\377\377tail\n'",
        ]
        .map(ToOwned::to_owned)
        .to_vec(),
        tty: true,
        stdin: false,
    };
    let mut process = s.engine.exec(&id, spec).await.unwrap();
    let mut out = Vec::new();
    process.stdout.read_to_end(&mut out).await.unwrap();
    assert_eq!(out, b"\x01\0\0\0\xff\xff\xff\xfftail\r\n");
    // It gives little at a time, and all of it.
    let spec = ExecSpec {
        command: ["busybox", "seq", "9000"].map(ToOwned::to_owned).to_vec(),
        tty: true,
        stdin: false,
    };
    let mut process = s.engine.exec(&id, spec).await.unwrap();
    let mut out = String::new();
    process.stdout.read_to_string(&mut out).await.unwrap();
    assert!(out.ends_with("8999\r\n9000\r\n"), "{}", out.len());
    s.remove("tty").await;
}

pub(super) async fn commands_that_have_ended_leave_nothing_open(s: &Story) {
    let id = s.start(s.pod("open", vec![container(WAITS)])).await;
    let before = s.setup.open_files("open");
    for _ in 0..20 {
        s.exec(&id, &["true"]).await;
        let nothing = ExecSpec {
            command: vec!["/no/such".to_owned()],
            tty: false,
            stdin: false,
        };
        // Some engines only say it when it runs.
        if let Ok(process) = s.engine.exec(&id, nothing).await {
            assert_ne!(process.exit.await.unwrap(), 0);
        }
    }
    let closed = async {
        // Others of them are about to be closed, and nothing tells when.
        while s.setup.open_files("open") > before + 5 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let patience = std::time::Duration::from_secs(10);
    tokio::time::timeout(patience, closed).await.unwrap();
    s.remove("open").await;
}

pub(super) async fn bytes_go_both_ways_at_once(s: &Story) {
    let id = s.start(s.pod("bytes", vec![container(WAITS)])).await;
    let spec = ExecSpec {
        command: vec!["cat".to_owned()],
        tty: false,
        stdin: true,
    };
    let mut process = s.engine.exec(&id, spec).await.unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // More than any buffer holds.
    let sent: Vec<u8> = (0..8_000_000_u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let copy = sent.clone();
    let writer = tokio::spawn(async move { stdin.write_all(&copy).await.unwrap() });
    let mut back = Vec::new();
    process.stdout.read_to_end(&mut back).await.unwrap();
    writer.await.unwrap();
    assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
    assert_eq!(process.exit.await.unwrap(), 0);
    s.remove("bytes").await;
}

pub(super) async fn whoever_attaches_talks_to_the_first_process(s: &Story) {
    let mut main = container("while read line; do echo got $line; done; exit 6");
    main.stdin = true;
    main.stdin_once = true;
    let id = s.start(s.pod("attach", vec![main])).await;
    let spec = AttachSpec { stdin: true };
    let mut process = s.engine.attach(&id, spec).await.unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(b"one\n").await.unwrap();
    let mut out = [0; 8];
    process.stdout.read_exact(&mut out).await.unwrap();
    assert_eq!(&out, b"got one\n");
    drop(stdin);
    assert_eq!(s.ended("attach").await.exit_code, 6);
    s.remove("attach").await;
}
