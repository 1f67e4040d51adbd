use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use wharf_runtime::engine::{
    ContainerSpec, ImageRequest, Input, LogQuery, Phase, RunAs, SandboxSpec,
};
use wharf_runtime::{Amount, Container, Directory, Dns, Pull, RestartPolicy, Volume, VolumeSource};

use crate::story::{Story, container};

pub(super) async fn pods_outlive_their_server(s: &Story) {
    let script = "while true; do echo tick; sleep 0.1; done";
    let mut spec = s.pod("outlives", vec![container(script)]);
    spec.restart = RestartPolicy::Always;
    let (setup, library) = (Arc::clone(&s.setup), Arc::clone(&s.library));
    let copy = spec.clone();
    // A server that is gone: with its runtime all its tasks end.
    let first = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let first = Story::open(setup, library).await;
            let id = first.start(copy).await;
            (id, first.worker.status("outlives").unwrap())
        })
    });
    let joined = tokio::task::spawn_blocking(|| first.join().unwrap());
    let (id, before) = joined.await.unwrap();
    let again = s.again().await;
    assert_eq!(again.worker.strangers(), ["outlives"]);
    again.worker.run(spec, Some(&before));
    assert_eq!(again.runs("outlives").await, id);
    let status = again.worker.status("outlives").unwrap();
    assert_eq!((status.containers[0].restarts, status.ip), (0, before.ip));
    let query = LogQuery {
        follow: true,
        ..LogQuery::default()
    };
    let mut log = again.engine.logs(&id, query).await.unwrap();
    let mut ticks = [0; 10];
    log.read_exact(&mut ticks).await.unwrap();
    assert_eq!(&ticks, b"tick\ntick\n");
    assert_eq!(again.exec(&id, &["true"]).await.0, 0);
    let found = again.engine.list().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].runs), ("outlives", true));
    assert_eq!(found[0].namespace, "default");
    assert_eq!(found[0].containers.len(), 1, "nothing is there twice");
    // What ends now is told to the new one.
    again
        .worker
        .stop("outlives", Duration::from_millis(100))
        .await;
    again.worker.remove("outlives").await.unwrap();
}

/// A sandbox that nobody but the engine knows.
fn sandbox(s: &Story, volumes: Vec<Volume>) -> SandboxSpec {
    SandboxSpec {
        pod: "bare".to_owned(),
        namespace: "default".to_owned(),
        name: "bare".to_owned(),
        hostname: "bare".to_owned(),
        ip: s.pod("bare", Vec::new()).ip,
        dns: Dns::default(),
        host_aliases: Vec::new(),
        domain: String::new(),
        volumes,
        volume_group: None,
        containers: Vec::new(),
    }
}

async fn pull(s: &Story, name: &str) -> String {
    let request = ImageRequest {
        name: name.to_owned(),
        policy: Pull::IfNotPresent,
        secrets: Vec::new(),
    };
    s.engine.pull(&request).await.unwrap().id
}

/// Until a container starts everything may change below it.
pub(super) async fn what_was_made_for_another_sandbox_or_image_is_made_anew(s: &Story) {
    let sandbox = sandbox(s, Vec::new());
    s.engine.start_sandbox(&sandbox).await.unwrap();
    let [busybox, shop] = [pull(s, "busybox").await, pull(s, "shop").await];
    s.engine.create(&bare(&busybox)).await.unwrap();
    s.engine.create(&bare(&shop)).await.unwrap();
    s.setup.kill_sandbox("bare");
    assert!(!s.engine.start_sandbox(&sandbox).await.unwrap().kept);
    let id = s.engine.create(&bare(&shop)).await.unwrap();
    s.engine.start(&id).await.unwrap();
    let found = s.engine.inspect(&id).await.unwrap().unwrap();
    assert!(matches!(found.phase, Phase::Running { .. }), "{found:?}");
    let pods = s.engine.list().await.unwrap();
    assert_eq!(pods[0].containers, [found]);
    s.engine.remove(&id).await.unwrap();
    s.engine.create(&bare(&busybox)).await.unwrap();
    let id = s.engine.create(&bare(&shop)).await.unwrap();
    s.engine.start(&id).await.unwrap();
    let digest = s.engine.inspect(&id).await.unwrap().unwrap().image_digest;
    assert!(digest.starts_with("localhost:4566/shop@"), "{digest}");
    s.engine.remove_pod("bare").await.unwrap();
}

pub(super) async fn a_pod_whose_sandbox_was_killed_comes_back(s: &Story) {
    let script = "hostname > /www; exec httpd -f -p 8080 -h /";
    let mut spec = s.pod("killed", vec![container(script)]);
    spec.restart = RestartPolicy::Always;
    let first = s.start(spec).await;
    s.setup.kill_sandbox("killed");
    let again = |status: &wharf_runtime::PodStatus| {
        status.containers[0].restarts > 0 && status.containers[0].is_running()
    };
    let status = s.until("killed", again).await;
    let second = s.worker.container("killed", "m", false).unwrap();
    assert_ne!(first, second);
    // It is in the network again.
    let ip = status.ip.unwrap();
    let ask = format!("until wget -qO- http://{ip}:8080/www; do sleep 0.1; done; exit 0");
    let (_, log) = s.finish(s.pod("asks", vec![container(&ask)])).await;
    assert!(log.ends_with("killed\n"), "{log}");
    s.remove("asks").await;
    s.remove("killed").await;
}

pub(super) async fn every_call_may_be_made_twice(s: &Story) {
    let volume = Volume {
        name: "data".to_owned(),
        source: VolumeSource::EmptyDir {
            memory: false,
            limit_bytes: None,
        },
    };
    let sandbox = sandbox(s, vec![volume.clone()]);
    let first = s.engine.start_sandbox(&sandbox).await.unwrap();
    let second = s.engine.start_sandbox(&sandbox).await.unwrap();
    assert!(!first.kept && second.kept && first.ip == second.ip && first.ip.is_some());
    for _ in 0..2 {
        s.engine.fill("bare", &volume, None).await.unwrap();
    }
    let spec = bare(&pull(s, "busybox").await);
    let id = s.engine.create(&spec).await.unwrap();
    assert!(
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(s.engine.create(&spec).await.unwrap(), id);
    let found = s.engine.inspect(&id).await.unwrap().unwrap();
    assert_eq!(found.phase, Phase::Created);
    for _ in 0..2 {
        s.engine.start(&id).await.unwrap();
    }
    let found = s.engine.inspect(&id).await.unwrap().unwrap();
    assert!(matches!(found.phase, Phase::Running { .. }), "{found:?}");
    assert_eq!(
        (found.pod.as_str(), found.name.as_str(), found.attempt),
        ("bare", "c", 0)
    );
    assert!(
        found
            .image_digest
            .starts_with("localhost:4566/busybox@sha256:")
    );
    for _ in 0..2 {
        s.engine.remove(&id).await.unwrap();
        assert_eq!(s.engine.inspect(&id).await.unwrap(), None);
    }
    for _ in 0..2 {
        s.engine.remove_pod("bare").await.unwrap();
    }
    s.engine.remove_pod("never-was").await.unwrap();
    assert!(s.engine.link("never-was").await.is_err());
}

/// A container that nobody but the engine knows.
fn bare(image: &str) -> ContainerSpec {
    ContainerSpec {
        pod: "bare".to_owned(),
        name: "c".to_owned(),
        attempt: 0,
        image: image.to_owned(),
        argv: ["sleep", "1000"].map(ToOwned::to_owned).to_vec(),
        env: vec![("PATH".to_owned(), "/bin".to_owned())],
        working_dir: String::new(),
        run_as: RunAs {
            image_user: String::new(),
            user: None,
            group: None,
            other_groups: Vec::new(),
            must_not_be_root: false,
        },
        mounts: Vec::new(),
        limits: Amount::default(),
        requests: Amount::default(),
        capabilities: Vec::new(),
        no_new_privileges: true,
        read_only_root: false,
        input: Input::default(),
        termination_path: Directory::new("/dev/termination-log").unwrap(),
    }
}

pub(super) async fn a_pod_knows_its_full_name(s: &Story) {
    let script = "busybox awk '$3 == \"web-0\" { print $2 }' /etc/hosts; hostname; exit 0";
    let mut spec = s.pod("web-0", vec![container(script)]);
    "web.default.svc.cluster.local".clone_into(&mut spec.domain);
    let (_, log) = s.finish(spec).await;
    assert_eq!(log, "web-0.web.default.svc.cluster.local\nweb-0\n");
    s.remove("web-0").await;
}

pub(super) async fn pods_reach_each_other(s: &Story) {
    let script = "mkdir -p /www; echo hello > /www/index.html; httpd -f -p 8080 -h /www";
    s.start(s.pod("web", vec![container(script)])).await;
    let web = s.worker.status("web").unwrap().ip.unwrap();
    let ask = format!(
        "until exec 3<>/dev/tcp/{web}/8080; do sleep 0.1; done; echo -e 'GET / HTTP/1.0\\r\\n\\r' >&3; cat <&3"
    );
    let mut asking = container("");
    asking.command = Some(vec!["/bin/bash".to_owned(), "-c".to_owned(), ask]);
    let (end, log) = s.finish(s.pod("ask", vec![asking])).await;
    assert!(end.exit_code == 0 && log.contains("hello\n"), "{log}");
    // Containers of a pod are at home with each other.
    let serve = "mkdir -p /www; echo home > /www/index.html; httpd -f -p 9090 -h /www";
    let ask = "until wget -q -O - http://127.0.0.1:9090/; do sleep 0.1; done; exit 0";
    let server = Container {
        name: "s".to_owned(),
        ..container(serve)
    };
    let (end, log) = s.finish(s.pod("home", vec![container(ask), server])).await;
    assert!(end.exit_code == 0 && log.contains("home\n"), "{log}");
    for id in ["web", "ask", "home"] {
        s.remove(id).await;
    }
}
