use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wharf_runtime::Stream;
use wharf_runtime::network::{
    AddressRange, Config, HostResolver, LinkSettings, NoGates, Protocol, Row, Service, ServiceKey,
    ServicePort, Table,
};
use wharf_sandbox::protocol::{Event, Mux, Side};

use crate::story::{Story, container, has};

/// How long the other end may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn a_new_link_to_a_sandbox_ends_the_one_before_it(s: &Story) {
    s.start(s.pod("link", vec![container("sleep 1000 & wait")]))
        .await;
    let mut first = s.engine.link("link").await.unwrap();
    within(greet(&mut first)).await;
    let mut second = s.engine.link("link").await.unwrap();
    within(greet(&mut second)).await;
    let mut rest = Vec::new();
    // However it ends.
    let _read = within(first.read_to_end(&mut rest)).await;
    s.remove("link").await;
    assert!(s.engine.link("link").await.is_err());
}

async fn within<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.unwrap()
}

/// Shakes hands with the sandbox, which has nothing in force yet.
async fn greet(link: &mut Box<dyn Stream>) {
    let mut mux = Mux::new(Side::Server, 0);
    let mut buffer = vec![0; 4096];
    loop {
        let output = mux.output().to_vec();
        link.write_all(&output).await.unwrap();
        mux.sent(output.len());
        while let Some(event) = mux.event() {
            if let Event::Ready { applied, .. } = event {
                assert_eq!(applied, 0);
                return;
            }
        }
        let read = link.read(&mut buffer).await.unwrap();
        assert!(read > 0, "it hangs up");
        mux.feed(buffer.get(..read).unwrap()).unwrap();
    }
}

/// The service `shop` at 10.100.0.7.
fn shop(endpoint: SocketAddr) -> Service {
    Service {
        key: ServiceKey {
            namespace: "default".to_owned(),
            name: "shop".to_owned(),
        },
        cluster_ips: vec![IpAddr::from([10, 100, 0, 7])],
        external_name: None,
        affinity: false,
        ports: vec![ServicePort {
            name: String::new(),
            protocol: Protocol::Tcp,
            port: 80,
            also: Vec::new(),
            endpoints: vec![endpoint],
        }],
        hosts: Vec::new(),
    }
}

pub(super) async fn a_service_leads_to_its_pod(s: &Story) {
    let table = Table::default();
    // The first look at a cluster, which pods wait for.
    table.replace(Vec::new());
    let dns = IpAddr::from([10, 100, 0, 10]);
    let linked = s.linked(LinkSettings {
        config: Config {
            dns: vec![dns],
            service_ranges: vec![AddressRange {
                ip: IpAddr::from([10, 100, 0, 0]),
                length: 16,
            }],
            refused: vec![IpAddr::from([169, 254, 169, 254])],
            ..Config::default()
        },
        table: table.clone(),
        gates: Arc::new(NoGates),
        resolver: Arc::new(HostResolver::new(Vec::new())),
        node_of: Box::new(|_| String::new()),
    });
    let linked = linked.await;
    let script = "mkdir -p /www; echo sold > /www/index.html; httpd -f -p 8080 -h /www";
    linked.start(s.pod("shop", vec![container(script)])).await;
    let ip = linked.worker.status("shop").unwrap().ip.unwrap();
    let service = shop(SocketAddr::new(ip, 8080));
    table.change(vec![(service.key.clone(), Some(Row::new(service)))]);
    let script = "cat /etc/resolv.conf; \
        until wget -q -O - http://10.100.0.7/; do sleep 0.1; done; \
        until busybox nslookup shop.default.svc.cluster.local; do sleep 0.1; done; \
        /bin/bash -c ': > /dev/tcp/169.254.169.254/80' || exit 0";
    let mut spec = s.pod("buyer", vec![container(script)]);
    spec.dns.servers = vec![dns];
    spec.dns.searches = vec!["default.svc.cluster.local".to_owned()];
    let (end, log) = linked.finish(spec).await;
    has(
        &log,
        &["nameserver 10.100.0.10\n", "sold\n", "10.100.0.7\n"],
    );
    // What is refused is refused at once.
    has(&log, &["Connection refused"]);
    assert_eq!(end.exit_code, 0);
    for id in ["shop", "buyer"] {
        linked.remove(id).await;
    }
}
