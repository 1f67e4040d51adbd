mod real;
mod sandbox;

use sandbox::{CLOSED, DEAF, Order, TestPod};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::worker::fake::Fake;
use crate::{Dns, RestartPolicy};

pub(super) fn pod(id: &str, ip: &str) -> PodSpec {
    PodSpec {
        id: id.to_owned(),
        namespace: "default".to_owned(),
        name: id.to_owned(),
        hostname: id.to_owned(),
        ip: Some(ip.parse().unwrap()),
        containers: Vec::new(),
        volumes: Vec::new(),
        dns: Dns {
            servers: vec!["10.100.0.10".parse().unwrap()],
            ..Dns::default()
        },
        host_aliases: Vec::new(),
        domain: String::new(),
        pull_secrets: Vec::new(),
        restart: RestartPolicy::Always,
        grace: Duration::from_secs(1),
        finishes: false,
    }
}

/// Joins a pod and waits until it has.
pub(super) async fn join(links: &PodLinks, pod: &PodSpec, kept: bool) -> Result<(), Error> {
    let sandbox = Sandbox {
        ip: None,
        host: None,
        kept,
    };
    links.join(pod, sandbox);
    links.joined(&pod.id).await
}

pub(super) fn service(name: &str, ip: &str, endpoints: &[&str]) -> Service {
    Service {
        key: ServiceKey {
            namespace: "default".to_owned(),
            name: name.to_owned(),
        },
        cluster_ips: vec![ip.parse().unwrap()],
        external_name: None,
        affinity: false,
        ports: vec![ServicePort {
            name: String::new(),
            protocol: Protocol::Tcp,
            port: 80,
            also: Vec::new(),
            endpoints: endpoints.iter().map(|at| at.parse().unwrap()).collect(),
        }],
        hosts: Vec::new(),
    }
}

/// Answers each connection with the listener's number, who calls, and what came.
#[derive(Debug)]
pub(super) struct Mirror;

impl Gates for Mirror {
    fn accept(
        &self,
        listener: u16,
        caller: &Caller,
        from: SocketAddr,
        mut stream: Box<dyn Stream>,
    ) {
        let head = format!("{listener} {} {} ", caller.name, from.ip());
        tokio::spawn(async move {
            let mut came = Vec::new();
            stream.read_to_end(&mut came).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&came).await.unwrap();
            stream.shutdown().await.unwrap();
        });
    }
}

#[derive(Debug)]
pub(super) struct Backwards;

impl Resolver for Backwards {
    fn resolve<'a>(&'a self, packet: &'a [u8]) -> Later<'a, Vec<u8>> {
        let answer = packet.iter().rev().copied().collect();
        Box::pin(std::future::ready(Ok(answer)))
    }
}

pub(super) fn settings(table: &Table) -> LinkSettings {
    LinkSettings {
        config: Config::default(),
        table: table.clone(),
        gates: Arc::new(Mirror),
        resolver: Arc::new(Backwards),
        node_of: Box::new(|pod| format!("node-of-{}", pod.name)),
    }
}

/// Links to pods in memory.
struct Story {
    links: PodLinks,
    table: Table,
    pods: Arc<Mutex<HashMap<String, Arc<TestPod>>>>,
}

impl Story {
    fn new() -> Self {
        let engine = Fake::new();
        let pods: Arc<Mutex<HashMap<String, Arc<TestPod>>>> = Arc::default();
        let known = Arc::clone(&pods);
        engine.set_linker(Box::new(move |id| {
            let pod = known.lock().unwrap().get(id).cloned()?;
            Some(Box::new(pod.link()) as Box<dyn Stream>)
        }));
        let table = Table::default();
        let links = PodLinks::new(engine, settings(&table));
        Self { links, table, pods }
    }

    fn add(&self, id: &str) -> Arc<TestPod> {
        let pod = TestPod::new();
        self.pods
            .lock()
            .unwrap()
            .insert(id.to_owned(), Arc::clone(&pod));
        pod
    }

    async fn join(&self, id: &str, ip: &str) -> Arc<TestPod> {
        let test = self.add(id);
        join(&self.links, &pod(id, ip), false).await.unwrap();
        test
    }

    fn put(&self, name: &str, endpoints: &[&str]) {
        let service = service(name, "10.100.0.7", endpoints);
        self.table
            .change(vec![(service.key.clone(), Some(Row::new(service)))]);
    }

    async fn dial(&self, pod: &str, to: &str) -> Result<Box<dyn Stream>, DialError> {
        self.links.dial(pod, to.parse().unwrap()).await
    }

    async fn echo(&self, pod: &str, to: &str, bytes: &[u8]) -> Vec<u8> {
        let stream = self.dial(pod, to).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut answer = Vec::new();
        let write = async {
            writer.write_all(bytes).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(reader.read_to_end(&mut answer), write);
        read.unwrap();
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_has_joined_when_the_first_table_is_in_force_and_not_before() {
    let s = Story::new();
    let a = s.add("a");
    let spec = pod("a", "10.0.0.1");
    let mut joining = Box::pin(join(&s.links, &spec, false));
    // The cluster was not yet looked at.
    assert!(timeout(Duration::from_secs(1), &mut joining).await.is_err());
    s.put("shop", &["10.0.0.2:8080"]);
    joining.await.unwrap();
    let known = a.known.borrow().clone();
    assert_eq!(
        (known.generation, known.commits, known.services.len()),
        (1, 1, 1)
    );
    assert_eq!(known.config.addresses, [spec.ip.unwrap()]);
    let text = "nameserver 10.100.0.10\n".to_owned();
    assert_eq!(known.config.resolv_conf, Some(text));
    // Once more is nothing new.
    join(&s.links, &spec, true).await.unwrap();
    assert_eq!((a.known.borrow().commits, a.known.borrow().links), (1, 1));
    // A sandbox that was replaced is told everything before its containers start.
    join(&s.links, &spec, false).await.unwrap();
    assert_eq!((a.known.borrow().commits, a.known.borrow().links), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_cannot_take_the_table_does_not_join_and_says_why() {
    let s = Story::new();
    s.put("shop", &[]);
    let spec = pod("a", "10.0.0.1");
    let error = join(&s.links, &spec, false).await.unwrap_err();
    assert!(
        error.to_string().ends_with("there is no such pod"),
        "{error}"
    );
    let a = s.add("a");
    join(&s.links, &spec, true).await.unwrap();
    a.order(Order::Refuse);
    let error = join(&s.links, &spec, false).await.unwrap_err();
    assert!(
        error.to_string().ends_with("nf_tables is missing"),
        "{error}"
    );
    a.accept_tables();
    a.until(|known| known.commits == 2).await;
}

#[tokio::test(start_paused = true)]
async fn changes_come_as_one_commit_each_and_pods_of_a_node_see_their_own() {
    let s = Story::new();
    s.table.replace(Vec::new());
    let a = s.join("a", "10.0.0.1").await;
    let b = s.join("b", "10.0.0.2").await;
    let local = service("shop", "10.100.0.7", &["10.0.0.1:1"]);
    let row = Row::new(service("shop", "10.100.0.7", &[])).on_node("node-of-a", local.clone());
    let more = Row::new(service("more", "10.100.0.8", &[]));
    let key = |name| service(name, "10.100.0.7", &[]).key;
    s.table
        .change(vec![(key("shop"), Some(row)), (key("more"), Some(more))]);
    let a = a.until(|known| known.generation == 2).await;
    let b_known = b.until(|known| known.generation == 2).await;
    assert_eq!((a.commits, a.services.len()), (2, 2));
    assert_eq!(a.services[&key("shop")], local);
    assert!(b_known.services[&key("shop")].ports[0].endpoints.is_empty());
    s.table.change(vec![(key("more"), None)]);
    let known = b.until(|known| known.generation == 3).await;
    assert_eq!(known.services.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_changes_is_known_to_two_hundred_pods_at_once() {
    let s = Story::new();
    s.table.replace(
        (0..500)
            .map(|n| Row::new(service(&format!("s{n}"), "10.100.1.1", &["10.0.0.2:1"])))
            .collect(),
    );
    let mut pods = Vec::new();
    for n in 0..200 {
        pods.push(s.join(&format!("p{n}"), &format!("10.0.1.{n}")).await);
    }
    let began = Instant::now();
    s.put("shop", &["10.0.0.2:8080"]);
    for pod in &pods {
        let mut known = pod.known.subscribe();
        known.wait_for(|known| known.generation == 2).await.unwrap();
    }
    let took = began.elapsed();
    println!("all 200 pods know after {took:?}");
    // Much more than it takes, for machines that do other things too.
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(pods.iter().all(|pod| pod.known.borrow().commits == 2));
}

#[tokio::test]
async fn bytes_flow_both_ways_whole_and_a_stream_that_nobody_reads_stops_no_other() {
    let s = Story::new();
    s.table.replace(Vec::new());
    s.join("a", "10.0.0.1").await;
    let mut deaf = s.dial("a", &format!("10.0.0.1:{DEAF}")).await.unwrap();
    let flood = async {
        loop {
            deaf.write_all(&[0; 8 * 1024]).await.unwrap();
        }
    };
    assert!(timeout(Duration::from_millis(50), flood).await.is_err());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (one, two) = tokio::join!(
        s.echo("a", "127.0.0.1:8080", &bytes),
        s.echo("a", "10.0.0.1:9090", b"small")
    );
    assert!(one == bytes, "what came back differs");
    assert_eq!(two, b"small");
}

#[tokio::test(start_paused = true)]
async fn dials_reach_pods_and_services_of_the_cluster_and_nothing_else() {
    let s = Story::new();
    s.put("shop", &["10.0.0.2:8080"]);
    s.join("a", "10.0.0.1").await;
    s.join("b", "10.0.0.2").await;
    for to in [
        "10.0.0.1:80",
        "127.0.0.1:80",
        "10.0.0.2:80",
        "10.100.0.7:80",
    ] {
        assert_eq!(s.echo("a", to, b"hello").await, b"hello", "{to}");
    }
    let closed = format!("10.0.0.1:{CLOSED}");
    for (pod, to, wanted) in [
        ("a", closed.as_str(), DialError::Refused),
        ("a", "10.100.0.7:81", DialError::Refused),
        ("a", "93.184.216.34:80", DialError::Elsewhere),
        ("c", "10.0.0.1:80", DialError::NoLink),
    ] {
        assert_eq!(s.dial(pod, to).await.err(), Some(wanted), "{to}");
    }
    s.links.leave("b");
    assert_eq!(
        s.dial("a", "10.0.0.2:80").await.err(),
        Some(DialError::Elsewhere)
    );
}

#[tokio::test(start_paused = true)]
async fn dials_that_were_given_up_leave_room_for_others() {
    let s = Story::new();
    s.table.replace(Vec::new());
    s.join("a", "10.0.0.1").await;
    for _ in 0..2 {
        let mut open = Vec::new();
        let error = loop {
            match s.dial("a", "10.0.0.1:80").await {
                Ok(stream) => open.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(
            (open.len(), error),
            (wharf_sandbox::protocol::MAX_STREAMS, DialError::Busy)
        );
        drop(open);
        // The other end closes, too.
        while s.dial("a", "10.0.0.1:80").await.is_err() {
            tokio::task::yield_now().await;
        }
    }
    // One that does not close is given up after a while.
    let deaf = s.dial("a", &format!("10.0.0.1:{DEAF}")).await.unwrap();
    drop(deaf);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let all = futures_of(&s, wharf_sandbox::protocol::MAX_STREAMS).await;
    assert!(all.iter().all(Result::is_ok));
}

async fn futures_of(s: &Story, count: usize) -> Vec<Result<Box<dyn Stream>, DialError>> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(s.dial("a", "10.0.0.1:80").await);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn connections_of_a_pod_reach_the_gates_and_its_questions_the_resolver() {
    let s = Story::new();
    s.table.replace(Vec::new());
    let a = s.join("a", "10.0.0.1").await;
    let (sender, mut answer) = mpsc::unbounded_channel();
    a.order(Order::Connect(7, b"GET /".to_vec(), sender));
    let mut all = Vec::new();
    while let Some(piece) = answer.recv().await {
        all.extend(piece);
    }
    assert_eq!(String::from_utf8(all).unwrap(), "7 a 10.0.0.1 GET /");
    let (sender, mut answer) = mpsc::unbounded_channel();
    a.order(Order::Ask(3, b"name".to_vec(), sender));
    assert_eq!(answer.recv().await.unwrap(), b"eman");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_is_made_again_and_everything_is_told_anew() {
    let s = Story::new();
    s.put("shop", &[]);
    let a = s.join("a", "10.0.0.1").await;
    let mut stream = s.dial("a", "10.0.0.1:80").await.unwrap();
    for (links, order) in [(2, Order::Hang), (3, Order::Babble)] {
        a.order(order);
        a.until(|known| known.links == links && known.commits == links)
            .await;
    }
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(s.echo("a", "10.0.0.1:80", b"again").await, b"again");
    // Another table came while there was no link.
    s.pods.lock().unwrap().remove("a");
    a.order(Order::Hang);
    s.put("more", &[]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    s.pods
        .lock()
        .unwrap()
        .insert("a".to_owned(), Arc::clone(&a));
    let known = a.until(|known| known.generation == 2).await;
    assert_eq!(known.services.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_is_silent_is_connected_to_again() {
    let s = Story::new();
    s.table.replace(Vec::new());
    let a = s.join("a", "10.0.0.1").await;
    // It answers pings.
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(a.known.borrow().links, 1);
    a.order(Order::Mute);
    a.until(|known| known.links == 2 && known.commits == 2)
        .await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_pod_right_after_a_restart_of_the_server_waits_for_it() {
    let s = Story::new();
    s.table.replace(Vec::new());
    s.add("a");
    let spec = pod("a", "10.0.0.1");
    let late = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        join(&s.links, &spec, true).await.unwrap();
    };
    let (ip, stream, ()) = tokio::join!(s.links.address("a"), s.dial("a", "10.0.0.1:80"), late);
    assert_eq!(ip, spec.ip);
    assert!(stream.is_ok());
    assert_eq!(s.links.address("b").await, None);
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_their_pod_leaves() {
    let s = Story::new();
    s.table.replace(Vec::new());
    s.join("a", "10.0.0.1").await;
    let mut stream = s.dial("a", "10.0.0.1:80").await.unwrap();
    s.links.leave("a");
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(stream.write_u8(1).await.is_err());
}
