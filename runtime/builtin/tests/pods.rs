//! Pods of real processes, through the worker and the engine.
//!
//! Needs Linux, root and busybox; it says so and passes where they are missing, unless
//! `WHARF_REQUIRE_CLIENTS` is set. The program is its own shim, so it has no test harness.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::future_not_send,
    clippy::string_slice,
    clippy::format_collect,
    reason = "a test"
)]

use std::future::ready;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use wharf_builtin::{Builtin, Network};
use wharf_runtime::engine::{
    Engine as _, ExecSpec, ImageRequest, ImageSource, Layer, LogQuery, Manifest, Size,
};
use wharf_runtime::{
    Action, Capability, Checks, Container, ContainerState, Content, Directory, Dns, File, Later,
    Lifecycle, Mount, Outcome, PodSpec, PodStatus, Probes, Pull, Resources, RestartPolicy, Role,
    Security, SubPath, TerminationMessage, Volume, VolumeSource, Worker,
};
use wharf_types::Clock;

/// One image: busybox, with a link for each of its commands.
#[derive(Debug)]
struct Busybox {
    layers: Vec<Vec<u8>>,
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Busybox {
    fn new(busybox: &Path) -> Self {
        let mut archive = tar::Builder::new(Vec::new());
        let program = std::fs::read(busybox).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(program.len() as u64);
        header.set_mode(0o755);
        archive
            .append_data(&mut header, "bin/busybox", &program[..])
            .unwrap();
        for name in [
            "sh", "sleep", "echo", "cat", "id", "env", "ls", "wget", "nc", "httpd", "touch",
            "hostname", "stty", "dd", "kill", "true", "false", "ps",
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive
                .append_link(&mut header, format!("bin/{name}"), "busybox")
                .unwrap();
        }
        for (path, text) in [
            (
                "etc/passwd",
                "root:x:0:0::/root:/bin/sh\nshop:x:1000:1001::/home/shop:/bin/sh\n",
            ),
            ("etc/removed", "x"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, text.as_bytes())
                .unwrap();
        }
        // For connections: what is static cannot look up names.
        for path in [
            "/bin/bash",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/x86_64-linux-gnu/libtinfo.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ] {
            let bytes = std::fs::read(path).unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o755);
            archive
                .append_data(&mut header, &path[1..], &bytes[..])
                .unwrap();
        }
        let below = archive.into_inner().unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, "etc/.wh.removed", &b""[..])
            .unwrap();
        let above = archive.into_inner().unwrap();
        Self {
            layers: vec![below, above],
        }
    }
}

impl ImageSource for Busybox {
    fn find<'a>(
        &'a self,
        request: &'a ImageRequest,
        _architecture: &'a str,
    ) -> Later<'a, Manifest> {
        let layers = self.layers.iter().map(|bytes| Layer {
            digest: digest(bytes),
            size: bytes.len() as u64,
            media_type: "application/vnd.oci.image.layer.v1.tar".to_owned(),
            diff_id: digest(bytes),
        });
        let config = br#"{"config":{"Cmd":["sh"],"Env":["IMAGE=yes"],"WorkingDir":"/work"}}"#;
        let manifest = Manifest {
            repository: request.name.clone(),
            digest: digest(b"manifest"),
            config_digest: digest(config),
            config: config.to_vec(),
            layers: layers.collect(),
            place: Arc::new(()),
        };
        Box::pin(ready(Ok(manifest)))
    }

    fn layer<'a>(
        &'a self,
        _manifest: &'a Manifest,
        layer: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        let bytes = self
            .layers
            .iter()
            .find(|bytes| digest(bytes) == layer.digest)
            .unwrap();
        let bytes = std::io::Cursor::new(bytes.clone());
        Box::pin(ready(Ok(
            Box::new(bytes) as Box<dyn AsyncRead + Send + Unpin>
        )))
    }
}

#[derive(Debug)]
struct NoChecks;

impl Checks for NoChecks {
    fn check<'a>(
        &'a self,
        _pod: &'a str,
        _container: &'a str,
        _action: &'a Action,
        _timeout: Duration,
    ) -> Later<'a, Outcome> {
        Box::pin(ready(Ok(Outcome::Passed)))
    }
}

fn container(name: &str, script: &str) -> Container {
    Container {
        name: name.to_owned(),
        role: Role::Main,
        image: "busybox".to_owned(),
        pull: Pull::IfNotPresent,
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]),
        args: None,
        working_dir: None,
        env: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        probes: Probes::default(),
        lifecycle: Lifecycle::default(),
        resources: Resources::default(),
        security: Security {
            capabilities: Capability::ALL.to_vec(),
            ..Security::default()
        },
        tty: false,
        stdin: false,
        stdin_once: false,
        termination: TerminationMessage {
            path: Directory::new("/dev/termination-log").unwrap(),
            or_log: true,
        },
    }
}

fn pod(id: &str, containers: Vec<Container>) -> PodSpec {
    let number = 10 + id.bytes().map(u32::from).sum::<u32>() % 200;
    PodSpec {
        id: id.to_owned(),
        namespace: "default".to_owned(),
        name: id.to_owned(),
        hostname: id.to_owned(),
        ip: Some(Ipv4Addr::new(192, 168, 7, u8::try_from(number).unwrap()).into()),
        containers,
        volumes: Vec::new(),
        dns: Dns::default(),
        host_aliases: Vec::new(),
        pull_secrets: Vec::new(),
        restart: RestartPolicy::Never,
        grace: Duration::from_secs(2),
        finishes: false,
    }
}

struct Story {
    engine: Builtin,
    worker: Worker,
    source: Arc<Busybox>,
    root: std::path::PathBuf,
}

impl Story {
    async fn over(root: &Path, source: &Arc<Busybox>) -> Self {
        let network = Network {
            gateway: Ipv4Addr::new(192, 168, 0, 1),
            prefix: 16,
        };
        let program = std::env::current_exe().unwrap();
        let source_again = Arc::<Busybox>::clone(source);
        let engine = Builtin::start(program, root.to_owned(), network, source_again)
            .await
            .unwrap();
        let shared = Arc::new(engine.clone());
        let worker = Worker::start(shared, Arc::new(NoChecks), Clock::System)
            .await
            .unwrap();
        Self {
            engine,
            worker,
            source: Arc::clone(source),
            root: root.to_owned(),
        }
    }

    async fn until(&self, id: &str, wanted: impl Fn(&PodStatus) -> bool) -> PodStatus {
        let wait = async {
            loop {
                let status = self.worker.status(id).unwrap();
                if wanted(&status) {
                    return status;
                }
                self.worker.changed().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
        waited.unwrap_or_else(|_| {
            let notices = self.worker.notices();
            panic!("{id} stays {:#?}, {notices:#?}", self.worker.status(id))
        })
    }

    async fn runs(&self, id: &str) -> String {
        self.until(id, |status| {
            status.containers.iter().all(|one| one.is_running())
        })
        .await;
        self.worker.container(id, "m", false).unwrap()
    }

    async fn ended(&self, id: &str) -> (i32, String, String) {
        let end = |status: &PodStatus| match &status.containers[0].state {
            ContainerState::Terminated(end) => {
                Some((end.exit_code, end.reason.clone(), end.message.clone()))
            }
            _ => None,
        };
        end(&self.until(id, |status| end(status).is_some()).await).unwrap()
    }

    async fn log(&self, id: &str) -> String {
        let id = self.worker.container(id, "m", false).unwrap();
        let mut text = String::new();
        let mut log = self.engine.logs(&id, LogQuery::default()).await.unwrap();
        log.read_to_string(&mut text).await.unwrap();
        text
    }

    async fn exec(&self, id: &str, command: &[&str]) -> (i32, String) {
        let spec = ExecSpec {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            tty: false,
            stdin: false,
        };
        let mut process = self.engine.exec(id, spec).await.unwrap();
        let mut out = String::new();
        process.stdout.read_to_string(&mut out).await.unwrap();
        process
            .stderr
            .unwrap()
            .read_to_string(&mut out)
            .await
            .unwrap();
        (process.exit.await.unwrap(), out)
    }
}

async fn a_container_runs_says_something_and_ends(s: &Story) {
    let from = Instant::now();
    s.worker.run(
        pod(
            "one",
            vec![container(
                "m",
                "echo out; echo err >&2; pwd; echo $IMAGE; hostname; cat /etc/removed; exit 3",
            )],
        ),
        None,
    );
    let (code, reason, message) = s.ended("one").await;
    println!("  first pod, image and all: {:?}", from.elapsed());
    assert_eq!((code, reason.as_str()), (3, "Error"), "{message}");
    let log = s.log("one").await;
    for word in [
        "out\n",
        "err\n",
        "/work\n",
        "yes\n",
        "one\n",
        "can't open '/etc/removed'",
    ] {
        assert!(
            log.contains(word) && message.contains(word.trim()),
            "{word:?} in {log:?}, {message:?}"
        );
    }
    s.worker.remove("one").await.unwrap();
}

async fn commands_run_in_it_with_and_without_a_terminal(s: &Story) {
    let from = Instant::now();
    s.worker
        .run(pod("two", vec![container("m", "sleep 1000 & wait")]), None);
    let id = s.runs("two").await;
    println!("  pod of an unpacked image: {:?}", from.elapsed());
    let from = Instant::now();
    assert_eq!(
        s.exec(&id, &["sh", "-c", "echo hi; echo no >&2; exit 7"])
            .await,
        (7, "hi\nno\n".to_owned())
    );
    println!("  exec: {:?}", from.elapsed());
    let (code, out) = s.exec(&id, &["env"]).await;
    assert!(
        code == 0 && !out.contains("CARGO") && out.contains("IMAGE=yes"),
        "{out}"
    );
    let spec = ExecSpec {
        command: vec!["sh".to_owned()],
        tty: true,
        stdin: true,
    };
    let mut process = s.engine.exec(&id, spec).await.unwrap();
    process
        .resize
        .as_ref()
        .unwrap()
        .send(Size {
            columns: 91,
            rows: 17,
        })
        .await
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin
        .write_all(b"sleep 0.2; stty size; exit 5\n")
        .await
        .unwrap();
    let mut out = String::new();
    process.stdout.read_to_string(&mut out).await.unwrap();
    assert!(out.contains("17 91"), "{out:?}");
    assert_eq!(process.exit.await.unwrap(), 5);
    // Bytes in both directions, more than any buffer holds.
    let spec = ExecSpec {
        command: vec!["cat".to_owned()],
        tty: false,
        stdin: true,
    };
    let mut process = s.engine.exec(&id, spec).await.unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let sent: Vec<u8> = (0..8_000_000_u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let copy = sent.clone();
    let writer = tokio::spawn(async move { stdin.write_all(&copy).await.unwrap() });
    let mut back = Vec::new();
    process.stdout.read_to_end(&mut back).await.unwrap();
    writer.await.unwrap();
    assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
    s.worker.stop("two", Duration::from_secs(1)).await.unwrap();
    s.worker.remove("two").await.unwrap();
}

async fn users_volumes_and_read_only_roots(s: &Story) {
    let mut main = container(
        "m",
        "id; cat /config/a; echo hi > /data/x && cat /data/x; touch /y; touch /dev/shm/z && echo shm; exit 0",
    );
    main.security.user = Some(1000);
    main.security.read_only_root = true;
    main.security.volume_group = Some(2000);
    main.mounts = vec![
        Mount {
            volume: "config".to_owned(),
            path: Directory::new("/config").unwrap(),
            sub_path: None,
            read_only: true,
        },
        Mount {
            volume: "data".to_owned(),
            path: Directory::new("/data").unwrap(),
            sub_path: Some(SubPath::new("deep/er").unwrap()),
            read_only: false,
        },
    ];
    let mut spec = pod("three", vec![main]);
    spec.volumes = vec![
        Volume {
            name: "config".to_owned(),
            source: VolumeSource::Files(vec![File {
                path: SubPath::new("a").unwrap(),
                mode: 0o644,
                content: Content::Bytes(b"configured\n".to_vec()),
            }]),
        },
        Volume {
            name: "data".to_owned(),
            source: VolumeSource::EmptyDir {
                memory: true,
                limit_bytes: Some(1 << 20),
            },
        },
    ];
    s.worker.run(spec, None);
    let (code, ..) = s.ended("three").await;
    let log = s.log("three").await;
    for word in [
        "uid=1000(shop) gid=1001",
        "configured\nhi\n",
        "touch: /y: Read-only file system",
        "shm\n",
    ] {
        assert!(log.contains(word), "{word:?} in {log}");
    }
    assert_eq!(code, 0);
    s.worker.remove("three").await.unwrap();
}

async fn what_it_may_not_have_it_does_not_get(s: &Story) {
    let mut main = container(
        "m",
        "ls /dev; ps | wc -l; dd if=/dev/zero of=/dev/null bs=1 count=0; cat /proc/kcore | wc -c; echo 1 > /proc/sys/kernel/panic; ls /proc/1/root/../..; wget -T 1 -q -O - http://169.254.169.254/ || echo no metadata; exit 0",
    );
    main.resources.limits.memory_bytes = Some(64 << 20);
    s.worker.run(pod("four", vec![main]), None);
    s.ended("four").await;
    let log = s.log("four").await;
    assert!(
        !log.contains("sda") && !log.contains("kmsg") && !log.contains("vda"),
        "{log}"
    );
    assert!(
        log.contains("Read-only file system") && log.contains("no metadata"),
        "{log}"
    );
    s.worker.remove("four").await.unwrap();
    let mut main = container("m", "exec dd if=/dev/zero of=/dev/shm/x bs=1M count=60");
    main.resources.limits.memory_bytes = Some(16 << 20);
    s.worker.run(pod("five", vec![main]), None);
    let (code, reason, _) = s.ended("five").await;
    assert_eq!((code, reason.as_str()), (137, "OOMKilled"));
    s.worker.remove("five").await.unwrap();
    let mut main = container("m", "");
    main.command = Some(vec!["/no/such/program".to_owned()]);
    s.worker.run(pod("six", vec![main]), None);
    let (code, reason, message) = s.ended("six").await;
    assert_eq!((code, reason.as_str()), (128, "StartError"), "{message}");
    assert!(message.contains("/no/such/program"), "{message}");
    s.worker.remove("six").await.unwrap();
}

async fn pods_outlive_the_server_and_are_found_again(s: &Story) {
    // Never restarted: the first worker is still there, as no server before this one would be.
    let spec = pod(
        "seven",
        vec![container("m", "while true; do echo tick; sleep 0.1; done")],
    );
    s.worker.run(spec.clone(), None);
    let id = s.runs("seven").await;
    let before = s.worker.status("seven").unwrap();
    let again = Story::over(&s.root, &s.source).await;
    assert_eq!(again.worker.strangers(), ["seven"]);
    again.worker.run(spec, Some(&before));
    assert_eq!(again.runs("seven").await, id);
    assert_eq!(
        again.worker.status("seven").unwrap().containers[0].restarts,
        0
    );
    let query = LogQuery {
        follow: true,
        ..LogQuery::default()
    };
    let mut log = again.engine.logs(&id, query).await.unwrap();
    let mut ticks = [0; 10];
    log.read_exact(&mut ticks).await.unwrap();
    assert_eq!(&ticks, b"tick\ntick\n");
    let (code, _) = again.exec(&id, &["true"]).await;
    assert_eq!(code, 0);
    again
        .worker
        .stop("seven", Duration::from_millis(100))
        .await
        .unwrap();
    again.worker.remove("seven").await.unwrap();
}

async fn pods_reach_each_other(s: &Story) {
    s.worker.run(
        pod(
            "web",
            vec![container(
                "m",
                "mkdir -p /www; echo hello > /www/index.html; httpd -f -p 8080 -h /www",
            )],
        ),
        None,
    );
    s.runs("web").await;
    let web = s.worker.status("web").unwrap().ip.unwrap();
    let ask = format!(
        "until exec 3<>/dev/tcp/{web}/8080; do sleep 0.1; done; echo -e 'GET / HTTP/1.0\\r\\n\\r' >&3; cat <&3"
    );
    let mut asking = container("m", "");
    asking.command = Some(vec!["/bin/bash".to_owned(), "-c".to_owned(), ask]);
    s.worker.run(pod("ask", vec![asking]), None);
    let (code, ..) = s.ended("ask").await;
    assert_eq!((code, s.log("ask").await.contains("hello\n")), (0, true));
    for id in ["web", "ask"] {
        s.worker.remove(id).await.unwrap();
    }
}

/// What is left in the kernel of what we made.
fn left() -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mut left: Vec<String> = mounts
        .lines()
        .filter(|line| line.contains("wharf"))
        .map(ToOwned::to_owned)
        .collect();
    for root in ["/sys/fs/cgroup/memory/wharf", "/sys/fs/cgroup/wharf"] {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        left.extend(
            entries
                .filter(|entry| entry.path().is_dir())
                .map(|entry| entry.path().display().to_string()),
        );
    }
    left
}

async fn run(busybox: &Path) {
    let root = tempfile::tempdir().unwrap();
    let source = Arc::new(Busybox::new(busybox));
    let before = left();
    let s = Story::over(root.path(), &source).await;
    macro_rules! tell {
        ($($story:ident),* $(,)?) => {$(
            println!("{}", stringify!($story).replace('_', " "));
            $story(&s).await;
        )*};
    }
    tell!(
        a_container_runs_says_something_and_ends,
        commands_run_in_it_with_and_without_a_terminal,
        users_volumes_and_read_only_roots,
        what_it_may_not_have_it_does_not_get,
        pods_outlive_the_server_and_are_found_again,
        pods_reach_each_other,
    );
    assert!(
        std::fs::read_dir(root.path().join("pods"))
            .unwrap()
            .next()
            .is_none()
    );
    assert_eq!(left(), before);
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = wharf_builtin::part(&arguments) {
        return code;
    }
    let busybox = Path::new("/bin/busybox");
    let root = rustix::process::geteuid().is_root();
    if !busybox.exists() || !root {
        println!("skipped: needs root and a static busybox");
        return if std::env::var_os("WHARF_REQUIRE_CLIENTS").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(busybox));
    ExitCode::SUCCESS
}
