use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use wharf_runtime::Container;
use wharf_runtime::engine::HOST_NAME;
use wharf_runtime::network::{Config, HostResolver, LinkSettings, NoGates, Table};

use crate::elsewhere::Elsewhere;
use crate::story::{Story, container, has};

const DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 100, 0, 10));

async fn linked(s: &Story) -> Story {
    let table = Table::default();
    table.replace(Vec::new());
    s.linked(LinkSettings {
        config: Config {
            dns: vec![DNS],
            refused: vec![IpAddr::from([169, 254, 169, 254])],
            ..Config::default()
        },
        table,
        gates: Arc::new(NoGates),
        resolver: Arc::new(HostResolver::new(Vec::new())),
        node_of: Box::new(|_| String::new()),
    })
    .await
}

fn bash(script: &str) -> Container {
    Container {
        command: Some(["/bin/bash", "-c", script].map(ToOwned::to_owned).to_vec()),
        ..container("")
    }
}

/// The whole way: Docker drops what is forwarded on this machine, if it is there.
pub(super) async fn pods_reach_other_machines_and_are_not_seen_there(s: &Story) {
    let Some(other) = Elsewhere::open().await else {
        return;
    };
    let linked = linked(s).await;
    let (ip, tcp, udp) = (other.ip, other.tcp, other.udp);
    let script = format!(
        "exec 3<>/dev/tcp/{ip}/{tcp} && cat <&3; \
        exec 4<>/dev/udp/{ip}/{udp} && echo hello >&4 && busybox timeout 10 dd bs=100 count=1 <&4; \
        : > /dev/tcp/169.254.169.254/80; exit 0"
    );
    let (_, log) = linked.finish(s.pod("caller", vec![bash(&script)])).await;
    let ours = other.ours;
    let theirs = linked.worker.status("caller").unwrap().ip.unwrap();
    has(
        &log,
        &[&format!("tcp for {ours}\n"), &format!("udp for {ours}\n")],
    );
    assert!(!log.contains(&format!("for {theirs}\n")), "{log}");
    // Metadata, at once: nobody waits for a machine that is not there.
    has(&log, &["Connection refused"]);
    linked.remove("caller").await;
}

pub(super) async fn a_way_out_outlives_its_server(s: &Story) {
    let Some(other) = Elsewhere::open().await else {
        return;
    };
    let spec = s.pod("stays", vec![container("sleep 1000 & wait")]);
    let (setup, library) = (Arc::clone(&s.setup), Arc::clone(&s.library));
    let copy = spec.clone();
    // With its runtime all that a server has ends.
    let first = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let first = Story::open(setup, library).await;
            first.start(copy).await;
            first.worker.status("stays").unwrap()
        })
    });
    let joined = tokio::task::spawn_blocking(|| first.join().unwrap());
    let before = joined.await.unwrap();
    let again = s.again().await;
    again.worker.run(spec, Some(&before));
    let id = again.runs("stays").await;
    let call = format!("exec 3<>/dev/tcp/{}/{} && cat <&3", other.ip, other.tcp);
    let said = again.exec(&id, &["/bin/bash", "-c", &call]).await;
    assert_eq!(said, (0, format!("tcp for {}\n", other.ours)));
    again.remove("stays").await;
}

pub(super) async fn pods_reach_this_machine_by_its_name(s: &Story) {
    let linked = linked(s).await;
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, own_port) = (open.local_addr().unwrap(), own.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, from) = open.accept().await.unwrap();
            let text = format!("the machine welcomes {}\n", from.ip());
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    let script = format!(
        "exec 3<>/dev/tcp/host.docker.internal/{} && cat <&3; \
        exec 4<>/dev/tcp/host.docker.internal/{} && echo reached; \
        busybox nslookup host.docker.internal; grep host.docker.internal /etc/hosts; exit 0",
        port.port(),
        own_port.port()
    );
    let mut spec = s.pod("guest", vec![bash(&script)]);
    spec.dns.servers = vec![DNS];
    let (_, log) = linked.finish(spec).await;
    has(&log, &["the machine welcomes ", "Connection refused"]);
    assert!(!log.contains("reached"), "{log}");
    // The same to whoever reads the file and to whoever asks.
    let in_file = log.lines().find_map(|line| {
        let (address, name) = line.split_once('\t')?;
        (name == HOST_NAME).then(|| address.parse::<IpAddr>().ok())?
    });
    let address = in_file.unwrap().to_string();
    let said = log.lines().filter(|line| line.starts_with("Address"));
    assert_eq!(
        said.filter(|line| line.ends_with(&address)).count(),
        1,
        "{log}"
    );
    server.abort();
    linked.remove("guest").await;
}
