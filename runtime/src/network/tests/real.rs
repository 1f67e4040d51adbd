//! Two pods with the sandbox as it runs in them: processes, namespaces, `nf_tables`.
//!
//! Needs Linux, root and `ip`; says so and passes where they are missing.
#![cfg(target_os = "linux")]
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;
use tokio::net::UnixStream;

use super::*;
use crate::Action;
use crate::checks::PodChecks;
use crate::worker::{Checks as _, Outcome};

/// Says that this test program is to be a sandbox, and how.
const ARGUMENTS: &str = "WHARF_TEST_SANDBOX";

/// Not a test: what the tests below start in place of the sandbox's program.
#[test]
fn sandbox_program() {
    if let Some(arguments) = std::env::var_os(ARGUMENTS) {
        let arguments = arguments.into_string().unwrap();
        wharf_sandbox::main(arguments.split(' ').map(OsString::from));
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// A process that holds a network namespace.
struct Space(Child);

impl Space {
    fn new() -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up; echo in; read end"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 3];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut said)
            .unwrap();
        Self(child)
    }

    fn path(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.0.id()).into()
    }

    /// Runs something on a thread in it.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let space = std::fs::File::open(self.path()).unwrap();
        let work = move || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        thread::spawn(work).join().unwrap()
    }

    /// An application that answers each connection with this.
    fn serve(&self, at: &'static str, answer: &'static str) {
        self.run(move || {
            let listener = TcpListener::bind(at).unwrap();
            thread::spawn(move || {
                while let Ok((mut socket, _)) = listener.accept() {
                    // Without a request, or with the first bytes of one.
                    let _asked = socket.set_read_timeout(Some(Duration::from_millis(200)));
                    let _read = socket.read(&mut [0; 1024]);
                    let _written = socket.write_all(answer.as_bytes());
                }
            });
        });
    }

    fn call(&self, to: &'static str) -> std::io::Result<String> {
        self.run(move || {
            let patience = Duration::from_secs(20);
            let mut socket = TcpStream::connect_timeout(&to.parse().unwrap(), patience)?;
            socket.set_read_timeout(Some(patience))?;
            socket.shutdown(std::net::Shutdown::Write)?;
            let mut answer = String::new();
            socket.read_to_string(&mut answer)?;
            Ok(answer)
        })
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct RealPod {
    space: Space,
    sandbox: Child,
    folder: TempDir,
}

impl RealPod {
    fn start_sandbox(space: &Space, folder: &TempDir) -> Child {
        let socket = folder.path().join("s");
        let arguments = format!(
            "pause --netns {} --socket {}",
            space.path().display(),
            socket.display()
        );
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "network::tests::real::sandbox_program"])
            .env(ARGUMENTS, arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn new(space: Space) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            sandbox: Self::start_sandbox(&space, &folder),
            space,
            folder,
        }
    }
}

impl Drop for RealPod {
    fn drop(&mut self) {
        drop(self.sandbox.kill());
        drop(self.sandbox.wait());
    }
}

/// Two pods with a cable between them. None, with the reason printed, where that is not possible.
fn two() -> Option<[RealPod; 2]> {
    let tried = wharf_sandbox::probe_nf_tables().map_err(|error| error.to_string());
    let tool = Command::new("ip").arg("-V").output();
    if let Err(why) = tried.and(tool.map_err(|error| format!("ip: {error}"))) {
        println!("skipped: {why}");
        return None;
    }
    let spaces = [Space::new(), Space::new()];
    let (a, b) = (spaces[0].0.id(), spaces[1].0.id());
    ip(&format!(
        "link add eth0 netns {a} type veth peer name eth0 netns {b}"
    ));
    for (space, own) in spaces.iter().zip(["10.0.0.1", "10.0.0.2"]) {
        let own = own.to_owned();
        space.run(move || {
            ip(&format!("address add {own}/24 dev eth0"));
            ip("link set eth0 up");
            ip("route add default dev eth0");
        });
    }
    Some(spaces.map(RealPod::new))
}

fn http(port: u16) -> Action {
    Action::Http {
        host: None,
        port,
        path: "/".to_owned(),
        tls: false,
        headers: Vec::new(),
    }
}

fn real_settings(table: &Table) -> LinkSettings {
    let mut settings = settings(table);
    settings.config = Config {
        dns: vec!["10.100.0.10".parse().unwrap()],
        listeners: vec![Listener {
            id: 1,
            at: vec!["10.100.0.1:443".parse().unwrap()],
        }],
        service_ranges: vec![AddressRange {
            ip: "10.100.0.0".parse().unwrap(),
            length: 16,
        }],
        ..Config::default()
    };
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_reach_each_other_by_a_service_that_changes_and_are_probed() {
    let Some([a, b]) = two() else {
        return;
    };
    let engine = Fake::new();
    let sockets: HashMap<String, PathBuf> = [("a", &a), ("b", &b)]
        .map(|(id, pod)| (id.to_owned(), pod.folder.path().join("s")))
        .into();
    engine.set_linker(Box::new(move |id| {
        let socket = std::os::unix::net::UnixStream::connect(sockets.get(id)?).ok()?;
        socket.set_nonblocking(true).unwrap();
        Some(Box::new(UnixStream::from_std(socket).unwrap()))
    }));
    let engine: Arc<dyn Engine> = engine;
    let table = Table::default();
    let put = |endpoints: &[&str]| {
        let shop = service("shop", "10.100.0.7", endpoints);
        table.change(vec![(shop.key.clone(), Some(Row::new(shop)))]);
    };
    put(&["10.0.0.2:8080"]);
    let links = PodLinks::new(Arc::clone(&engine), real_settings(&table));
    for (id, ip) in [("a", "10.0.0.1"), ("b", "10.0.0.2")] {
        join(&links, &pod(id, ip), false).await.unwrap();
    }
    b.space
        .serve("10.0.0.2:8080", "HTTP/1.1 200 OK\r\n\r\nshop");
    b.space.serve("10.0.0.2:8081", "HTTP/1.1 503 No\r\n\r\n");
    // By the service, to the server, and nowhere else.
    assert!(a.space.call("10.100.0.7:80").unwrap().ends_with("shop"));
    assert_eq!(a.space.call("10.100.0.1:443").unwrap(), "1 a 10.0.0.1 ");
    assert!(a.space.call("10.100.0.8:80").is_err());
    // Under load each change is in force in the end.
    for _ in 0..200 {
        put(&[]);
        put(&["10.0.0.2:8081"]);
        tokio::task::yield_now().await;
    }
    let generation = *table.subscribe().borrow();
    assert_eq!(generation, 401);
    // A change of its own configuration is answered after everything before it.
    let mut told = pod("a", "10.0.0.1");
    told.dns.searches.push("later".to_owned());
    join(&links, &told, true).await.unwrap();
    assert!(a.space.call("10.100.0.7:80").unwrap().contains("503"));
    probe(&engine, &links).await;
    restart(a, &links).await;
}

async fn probe(engine: &Arc<dyn Engine>, links: &PodLinks) {
    let checks = PodChecks::new(
        Arc::clone(engine),
        Arc::new(links.clone()),
        "1.33".to_owned(),
    );
    let rows = [
        (http(8080), Outcome::Passed),
        (http(8081), Outcome::Failed("HTTP probe failed with statuscode: 503".to_owned())),
        (
            http(8082),
            Outcome::Failed(
                "Get \"http://10.0.0.2:8082/\": dial tcp 10.0.0.2:8082: connect: connection refused"
                    .to_owned(),
            ),
        ),
    ];
    for (action, wanted) in rows {
        let patience = Duration::from_secs(20);
        assert_eq!(
            checks.check("b", "c", &action, patience).await.unwrap(),
            wanted
        );
    }
}

/// A sandbox that was started anew knows everything before its containers start.
async fn restart(mut pod_a: RealPod, links: &PodLinks) {
    drop(pod_a.sandbox.kill());
    drop(pod_a.sandbox.wait());
    pod_a.sandbox = RealPod::start_sandbox(&pod_a.space, &pod_a.folder);
    join(links, &pod("a", "10.0.0.1"), false).await.unwrap();
    assert!(pod_a.space.call("10.100.0.7:80").unwrap().contains("503"));
    assert_eq!(pod_a.space.call("10.100.0.1:443").unwrap(), "1 a 10.0.0.1 ");
}
