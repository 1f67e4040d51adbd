//! A pod for tests: a namespace, the sandbox in it, and the server's end of the link.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use tempfile::TempDir;
use wharf_sandbox::protocol::{Event, Message, Mux, Reason, Side, StreamId, Target};
use wharf_sandbox::table::{
    AddressRange, Config, Host, Protocol, Service, ServiceKey, ServicePort,
};

/// Nothing here takes so long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const POD: &str = "10.0.0.2";
pub(crate) const DNS: &str = "10.100.0.10";

/// Moves this thread, and what it starts, into a new network namespace with an `eth0`. False, with
/// the reason printed, where that is not possible.
pub(crate) fn enter_namespace() -> bool {
    if let Err(error) = wharf_sandbox::probe_nf_tables() {
        println!("skipped: {error}");
        return false;
    }
    if Command::new("ip").arg("-V").output().is_err() {
        println!("skipped: ip is not installed");
        return false;
    }
    #[expect(unsafe_code, reason = "rustix marks all of unshare")]
    // SAFETY: a network namespace is the thread's own, and no memory or file is unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("unshare");
    ip("link add eth0 type veth peer name host0");
    ip("link set host0 up");
    ip(&format!("address add {POD}/24 dev eth0"));
    ip("link set eth0 up");
    ip("route add default via 10.0.0.1 dev eth0");
    true
}

pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .expect("ip of iproute2");
    assert!(status.success(), "ip {arguments}");
}

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A running sandbox and the link to it.
pub(crate) struct Pod {
    pub(crate) child: Child,
    pub(crate) folder: TempDir,
    pub(crate) link: Link,
    generation: u64,
}

impl Pod {
    /// In the namespace of this thread.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("link.sock");
        let mut child = Command::new(env!("CARGO_BIN_EXE_wharf-sandbox"))
            .arg("pause")
            .arg("--socket")
            .arg(&socket)
            .arg("--resolv-conf")
            .arg(folder.path().join("resolv.conf"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self {
            child,
            link: Link::connect(&socket),
            folder,
            generation: 0,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("link.sock")
    }

    /// Sends changes and waits until they are in force.
    pub(crate) fn commit(&mut self, messages: Vec<Message>) {
        self.generation += 1;
        let generation = self.generation;
        for message in messages {
            self.link.send(&message);
        }
        self.link.send(&Message::Commit { generation });
        let answer = self.link.until(|event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        });
        assert_eq!(answer, Message::Applied { generation });
    }

    /// The sandbox ends by SIGTERM, without an error.
    pub(crate) fn stop(mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The server's end.
pub(crate) struct Link {
    socket: UnixStream,
    pub(crate) mux: Mux,
    pub(crate) applied: u64,
}

impl Link {
    pub(crate) fn connect(path: &Path) -> Self {
        let socket = UnixStream::connect(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mux = Mux::new(Side::Server, 0);
        let mut link = Self {
            socket,
            mux,
            applied: 0,
        };
        link.applied = link.until(|event| match event {
            Event::Ready { applied, .. } => Some(applied),
            _ => None,
        });
        link
    }

    pub(crate) fn flush(&mut self) {
        while !self.mux.output().is_empty() {
            let sent = self.socket.write(self.mux.output()).unwrap();
            self.mux.sent(sent);
        }
    }

    pub(crate) fn send(&mut self, message: &Message) {
        self.mux.send(message).unwrap();
        self.flush();
    }

    /// The next thing that the sandbox says.
    pub(crate) fn next(&mut self) -> Event {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            self.flush();
            if let Some(event) = self.mux.event() {
                return event;
            }
            let filled = self.socket.read(&mut buffer).expect("the link is silent");
            assert!(filled > 0, "the link was closed");
            self.mux.feed(&buffer[..filled]).unwrap();
        }
    }

    /// Drops what comes until something of interest does.
    pub(crate) fn until<T>(&mut self, mut interesting: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = self.next();
            if let Some(found) = interesting(event) {
                return found;
            }
        }
    }

    pub(crate) fn dial(&mut self, to: &str) -> Result<StreamId, Reason> {
        let id = self.mux.open(Target::Dial(at(to))).unwrap();
        self.until(|event| match event {
            Event::Opened(opened) if opened == id => Some(Ok(id)),
            Event::Reset(gone, reason) if gone == id => Some(Err(reason)),
            _ => None,
        })
    }
}

pub(crate) fn config() -> Config {
    Config {
        addresses: vec![addr(POD)],
        dns: vec![addr(DNS)],
        service_ranges: vec![AddressRange {
            ip: addr("10.100.0.0"),
            length: 16,
        }],
        refused: vec![addr("169.254.169.254")],
        ..Config::default()
    }
}

pub(crate) fn service(name: &str, cluster_ip: &str, ports: Vec<ServicePort>) -> Service {
    Service {
        key: ServiceKey {
            namespace: "default".to_owned(),
            name: name.to_owned(),
        },
        cluster_ips: vec![addr(cluster_ip)],
        external_name: None,
        affinity: false,
        ports,
        hosts: Vec::<Host>::new(),
    }
}

pub(crate) fn port(protocol: Protocol, port: u16, endpoints: &[&str]) -> ServicePort {
    ServicePort {
        name: String::new(),
        protocol,
        port,
        also: Vec::new(),
        endpoints: endpoints.iter().map(|text| at(text)).collect(),
    }
}

/// An application that answers each connection with its name, for as long as the test lasts.
pub(crate) fn serve_tcp(at: &str, name: &'static str) {
    let listener = TcpListener::bind(at).unwrap();
    thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            drop(socket.write_all(name.as_bytes()));
        }
    });
}

/// An application that answers each packet with its name.
pub(crate) fn serve_udp(at: &str, name: &'static str) {
    let socket = UdpSocket::bind(at).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            drop(socket.send_to(name.as_bytes(), from));
        }
    });
}

pub(crate) fn call_tcp(to: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&at(to), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

pub(crate) fn call_udp(to: &str) -> io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(to)?;
    call_again(&socket)
}

/// One more packet of the same flow.
pub(crate) fn call_again(socket: &UdpSocket) -> io::Result<String> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(b"?")?;
    let mut buffer = [0; 64];
    let filled = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..filled]).into_owned())
}
