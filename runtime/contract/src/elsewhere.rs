//! Another machine, as far as this one can tell: a network namespace with servers in it.
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

/// Says to whoever calls, by TCP and by UDP, as whom they call. Tells its ports first.
const SERVER: &str = r"
import socket, threading
tcp = socket.create_server(('', 0))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('', 0))
def answer():
    while True:
        _, who = udp.recvfrom(100)
        udp.sendto(b'udp for ' + who[0].encode() + b'\n', who)
threading.Thread(target=answer, daemon=True).start()
print(tcp.getsockname()[1], udp.getsockname()[1], flush=True)
while True:
    client, who = tcp.accept()
    client.sendall(b'tcp for ' + who[0].encode() + b'\n')
    client.close()
";

pub(crate) struct Elsewhere {
    _server: Server,
    _network: Network,
    pub(crate) ip: Ipv4Addr,
    /// The machine's own address there.
    pub(crate) ours: Ipv4Addr,
    pub(crate) tcp: u16,
    pub(crate) udp: u16,
}

fn ip(arguments: &str) {
    let words = arguments.split_whitespace();
    let output = Command::new("ip").args(words).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

/// Why there is no other machine here.
fn missing() -> Option<&'static str> {
    let runs = |program: &str, word: &str| {
        let output = Command::new(program).arg(word).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !runs("ip", "-Version") {
        return Some("there is no ip");
    }
    (!runs("python3", "--version")).then_some("there is no python3")
}

impl Elsewhere {
    /// None: it was said why there is none.
    pub(crate) async fn open() -> Option<Self> {
        if let Some(why) = missing() {
            assert!(std::env::var_os("WHARF_REQUIRE_CLIENTS").is_none(), "{why}");
            println!("skipped: {why}");
            return None;
        }
        Some(tokio::task::spawn_blocking(Self::new).await.unwrap())
    }

    fn new() -> Self {
        let id = std::process::id();
        let network = Network {
            name: format!("elsewhere-{id}"),
            device: format!("else{id}"),
        };
        let Network { name, device } = &network;
        // Of documentation, so that nothing is there; tests that run at the same time are apart.
        let quarter = u8::try_from(id % 64).unwrap() * 4;
        let at = |last| Ipv4Addr::new(203, 0, 113, quarter + last);
        let (ours, theirs) = (at(1), at(2));
        ip(&format!("netns add {name}"));
        ip(&format!(
            "link add {device} type veth peer name eth0 netns {name}"
        ));
        ip(&format!("addr add {ours}/30 dev {device}"));
        ip(&format!("link set {device} up"));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} addr add {theirs}/30 dev eth0"));
        ip(&format!("-n {name} link set eth0 up"));
        let server = Command::new("ip")
            .args(["netns", "exec", name, "python3", "-c", SERVER])
            .stdout(Stdio::piped())
            .spawn();
        let mut server = Server(server.unwrap());
        let mut line = String::new();
        let mut output = BufReader::new(server.0.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let mut ports = line.split_whitespace().map(|port| port.parse().unwrap());
        Self {
            _server: server,
            _network: network,
            ip: theirs,
            ours,
            tcp: ports.next().unwrap(),
            udp: ports.next().unwrap(),
        }
    }
}

/// Ends before its network does.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

struct Network {
    name: String,
    device: String,
}

impl Drop for Network {
    fn drop(&mut self) {
        // What a test that failed early did not make is not there. The kernel takes its time over a
        // cable whose other end goes with its namespace.
        for arguments in [["link", "del", &self.device], ["netns", "del", &self.name]] {
            let _absent = Command::new("ip").args(arguments).output();
        }
    }
}
