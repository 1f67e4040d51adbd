use std::sync::Arc;
use std::time::Duration;

use wharf_types::{Clock, Timestamp};

use super::fake::Fake;
use super::{Outcome, Worker};
use crate::{
    Action, Container, ContainerState, ContainerStatus, Directory, Dns, Lifecycle, Notice, PodSpec,
    PodStatus, Probe, Probes, Pull, Resources, RestartPolicy, Role, Security, TerminationMessage,
};

pub(super) fn bare(name: &str) -> Container {
    Container {
        name: name.to_owned(),
        role: Role::Main,
        image: "shop".to_owned(),
        pull: Pull::IfNotPresent,
        command: None,
        args: None,
        working_dir: None,
        env: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        probes: Probes::default(),
        lifecycle: Lifecycle::default(),
        resources: Resources::default(),
        security: Security::default(),
        tty: false,
        stdin: false,
        stdin_once: false,
        termination: TerminationMessage {
            path: Directory::new("/dev/termination-log").unwrap(),
            or_log: true,
        },
    }
}

fn with(name: &str, role: Role) -> Container {
    Container { role, ..bare(name) }
}

pub(super) fn pod(restart: RestartPolicy, containers: Vec<Container>) -> PodSpec {
    PodSpec {
        id: "1".to_owned(),
        namespace: "default".to_owned(),
        name: "a".to_owned(),
        hostname: "a".to_owned(),
        ip: None,
        containers,
        volumes: Vec::new(),
        dns: Dns::default(),
        host_aliases: Vec::new(),
        domain: String::new(),
        pull_secrets: Vec::new(),
        restart,
        grace: Duration::from_secs(30),
        finishes: false,
    }
}

fn probe(name: &str) -> Probe {
    Probe {
        action: Action::Exec(vec![name.to_owned()]),
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        grace: None,
    }
}

struct Story {
    engine: Arc<Fake>,
    worker: Worker,
}

impl Story {
    async fn new() -> Self {
        Self::over(Fake::new()).await
    }

    async fn over(engine: Arc<Fake>) -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_000));
        let worker = Worker::start(
            Arc::<Fake>::clone(&engine),
            Arc::<Fake>::clone(&engine),
            clock,
        );
        let worker = worker.await.unwrap();
        Self { engine, worker }
    }

    /// Waits until the pod is as it is wanted; time passes when nothing else happens.
    async fn until(&self, wanted: impl Fn(&PodStatus) -> bool + Send + Sync) -> PodStatus {
        let wait = async {
            loop {
                let status = self.worker.status("1").unwrap();
                if wanted(&status) {
                    return status;
                }
                self.worker.changed().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_hours(1), wait).await;
        waited.unwrap_or_else(|_| panic!("it stays {:#?}", self.worker.status("1")))
    }

    /// The reasons of what was told.
    fn told(&self) -> Vec<&'static str> {
        self.worker.notices().iter().map(|one| one.reason).collect()
    }
}

fn one<'a>(status: &'a PodStatus, name: &str) -> &'a ContainerStatus {
    status.container(name).unwrap()
}

fn runs(name: &str) -> impl Fn(&PodStatus) -> bool + Send + Sync {
    move |status| one(status, name).is_running()
}

fn code(status: &ContainerStatus) -> Option<i32> {
    match &status.state {
        ContainerState::Terminated(end) => Some(end.exit_code),
        _ => None,
    }
}

fn reason(status: &ContainerStatus) -> &str {
    match &status.state {
        ContainerState::Waiting { reason, .. } => reason,
        _ => "",
    }
}

#[tokio::test(start_paused = true)]
async fn init_containers_run_one_by_one_and_sidecars_before_what_they_serve() {
    let s = Story::new().await;
    let mut side = with("s", Role::Sidecar);
    side.probes.startup = Some(probe("up?"));
    s.engine.answer("up?", Outcome::Failed("no".to_owned()));
    s.worker.run(
        pod(
            RestartPolicy::Always,
            vec![
                with("i", Role::Init),
                side,
                with("j", Role::Init),
                bare("m"),
            ],
        ),
        None,
    );
    let status = s.until(runs("i")).await;
    assert_eq!(reason(one(&status, "m")), "PodInitializing");
    assert_eq!(s.engine.steps(), ["sandbox", "start i/0"]);
    s.engine.end("i", 0);
    s.until(runs("s")).await;
    assert_eq!(s.engine.running(), ["s/0"]);
    s.engine.answer("up?", Outcome::Passed);
    s.until(runs("j")).await;
    s.engine.end("j", 0);
    let status = s.until(runs("m")).await;
    assert!(one(&status, "i").ready && one(&status, "s").ready && one(&status, "m").ready);
    assert_eq!(s.engine.running(), ["s/0", "m/0"]);
}

#[tokio::test(start_paused = true)]
async fn restart_policies_decide_what_follows_an_end() {
    let rows = [
        (RestartPolicy::Always, 0, true),
        (RestartPolicy::Always, 1, true),
        (RestartPolicy::OnFailure, 0, false),
        (RestartPolicy::OnFailure, 1, true),
        (RestartPolicy::Never, 0, false),
        (RestartPolicy::Never, 1, false),
    ];
    for (policy, exit, again) in rows {
        let s = Story::new().await;
        s.worker.run(pod(policy, vec![bare("m")]), None);
        s.until(runs("m")).await;
        s.engine.end("m", exit);
        if again {
            let status =
                s.until(|status| one(status, "m").restarts == 1 && one(status, "m").is_running());
            let status = status.await;
            assert_eq!(one(&status, "m").last.as_ref().unwrap().exit_code, exit);
        } else {
            let status = s.until(|status| code(one(status, "m")) == Some(exit)).await;
            assert_eq!(one(&status, "m").restarts, 0, "{policy:?} {exit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_crashes_waits_longer_each_time() {
    let s = Story::new().await;
    s.worker
        .run(pod(RestartPolicy::Always, vec![bare("m")]), None);
    let mut waits = Vec::new();
    for restarts in 1..=4 {
        s.until(runs("m")).await;
        s.engine.end("m", 1);
        let from = tokio::time::Instant::now();
        s.until(|status| one(status, "m").restarts == restarts)
            .await;
        waits.push(from.elapsed().as_secs());
    }
    assert_eq!(waits, [0, 10, 20, 40]);
    s.until(runs("m")).await;
    s.engine.end("m", 1);
    let status = s
        .until(|status| reason(one(status, "m")) == "CrashLoopBackOff")
        .await;
    let ContainerState::Waiting { message, .. } = &one(&status, "m").state else {
        unreachable!()
    };
    assert_eq!(
        message,
        "back-off 1m20s restarting failed container=m pod=a_default(1)"
    );
    let last = one(&status, "m").last.as_ref().unwrap();
    assert_eq!(
        (last.reason.as_str(), last.message.as_str()),
        ("Error", "last words")
    );
    assert!(s.told().contains(&"BackOff"));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_tried_again() {
    let s = Story::new().await;
    s.engine.set_missing(true);
    s.worker
        .run(pod(RestartPolicy::Never, vec![bare("m"), bare("n")]), None);
    s.until(|status| reason(one(status, "m")) == "ErrImagePull")
        .await;
    let status = s
        .until(|status| reason(one(status, "m")) == "ImagePullBackOff")
        .await;
    let ContainerState::Waiting { message, .. } = &one(&status, "m").state else {
        unreachable!()
    };
    assert_eq!(
        message,
        "Back-off pulling image \"shop\": ErrImagePull: not there"
    );
    s.engine.set_missing(false);
    let status = s.until(runs("m")).await;
    assert_eq!(one(&status, "m").restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pod_ends_with_hook_signal_kill_and_sidecars_last() {
    let s = Story::new().await;
    let mut main = bare("m");
    main.lifecycle.pre_stop = Some(Action::Exec(vec!["bye".to_owned()]));
    main.lifecycle.stop_signal = Some("SIGQUIT".to_owned());
    let side = with("s", Role::Sidecar);
    s.worker
        .run(pod(RestartPolicy::Always, vec![side, main]), None);
    s.until(runs("m")).await;
    s.engine.steps();
    s.engine.set_deaf();
    let from = tokio::time::Instant::now();
    let status = s.worker.stop("1", Duration::from_secs(30)).await.unwrap();
    assert_eq!(code(one(&status, "m")), Some(137));
    assert_eq!(code(one(&status, "s")), Some(137));
    assert!(from.elapsed() >= Duration::from_secs(30));
    let steps = s.engine.steps();
    assert_eq!(
        steps,
        ["bye", "SIGQUIT m", "SIGKILL m", "SIGTERM s", "SIGKILL s"]
    );
    s.worker.remove("1").await.unwrap();
    assert_eq!(s.worker.status("1"), None);
    assert!(s.engine.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shorter_grace_comes_into_force_at_once() {
    let s = Story::new().await;
    s.worker
        .run(pod(RestartPolicy::Always, vec![bare("m")]), None);
    s.until(runs("m")).await;
    s.engine.set_deaf();
    let from = tokio::time::Instant::now();
    let (slow, fast) = tokio::join!(
        s.worker.stop("1", Duration::from_hours(1)),
        s.worker.stop("1", Duration::ZERO)
    );
    assert_eq!(slow, fast);
    assert!(from.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn probes_gate_readiness_and_end_what_is_not_alive() {
    let s = Story::new().await;
    let mut main = bare("m");
    main.probes = Probes {
        startup: None,
        readiness: Some(probe("ready?")),
        liveness: Some(probe("alive?")),
    };
    s.engine.answer(
        "ready?",
        Outcome::Failed("HTTP probe failed with statuscode: 503".to_owned()),
    );
    s.worker.run(pod(RestartPolicy::Always, vec![main]), None);
    let status = s.until(runs("m")).await;
    assert!(!one(&status, "m").ready && one(&status, "m").started);
    s.engine.answer("ready?", Outcome::Passed);
    s.until(|status| one(status, "m").ready).await;
    s.engine.answer("alive?", Outcome::Failed(String::new()));
    let status = s.until(|status| one(status, "m").restarts == 1).await;
    assert_eq!(one(&status, "m").last.as_ref().unwrap().exit_code, 143);
    let told = s.told();
    assert_eq!(told.iter().filter(|one| **one == "Killing").count(), 1);
    assert!(told.iter().filter(|one| **one == "Unhealthy").count() >= 4);
}

#[tokio::test(start_paused = true)]
async fn a_new_server_adopts_what_runs_and_goes_on_counting() {
    let s = Story::new().await;
    s.worker
        .run(pod(RestartPolicy::Always, vec![bare("m")]), None);
    s.until(runs("m")).await;
    s.engine.end("m", 1);
    let before = s.until(|status| one(status, "m").restarts == 1 && one(status, "m").is_running());
    let before = before.await;
    s.engine.steps();
    let again = Story::over(Arc::clone(&s.engine)).await;
    drop(s);
    assert_eq!(again.worker.strangers(), ["1"]);
    let status = again
        .worker
        .run(pod(RestartPolicy::Always, vec![bare("m")]), Some(&before));
    assert_eq!(one(&status, "m"), one(&before, "m"));
    assert!(again.worker.strangers().is_empty());
    again.engine.end("m", 2);
    let status =
        again.until(|status| one(status, "m").restarts == 2 && one(status, "m").is_running());
    assert_eq!(one(&status.await, "m").last.as_ref().unwrap().exit_code, 2);
    assert_eq!(again.engine.steps(), ["start m/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_which_init_fails_never_starts() {
    let s = Story::new().await;
    let spec = pod(RestartPolicy::Never, vec![with("i", Role::Init), bare("m")]);
    s.worker.run(spec, None);
    s.until(runs("i")).await;
    s.engine.end("i", 3);
    let status = s.until(|status| code(one(status, "i")) == Some(3)).await;
    assert_eq!(reason(one(&status, "m")), "PodInitializing");
    assert_eq!(s.engine.steps(), ["sandbox", "start i/0"]);
}

#[tokio::test(start_paused = true)]
async fn another_image_replaces_the_container_and_debuggers_join() {
    let s = Story::new().await;
    let mut spec = pod(RestartPolicy::Always, vec![bare("m")]);
    s.worker.run(spec.clone(), None);
    s.until(runs("m")).await;
    spec.containers[0].image = "shop:2".to_owned();
    spec.containers.push(with("d", Role::Ephemeral));
    s.worker.run(spec, None);
    let status = s.until(|status| one(status, "m").restarts == 1 && one(status, "m").is_running());
    assert!(one(&status.await, "m").image_id.starts_with("shop:2@"));
    s.until(|status| {
        status
            .container("d")
            .is_some_and(ContainerStatus::is_running)
    })
    .await;
    s.engine.end("d", 1);
    let status = s.until(|status| code(one(status, "d")) == Some(1)).await;
    assert_eq!(one(&status, "d").restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn jobs_end_their_sidecars() {
    let s = Story::new().await;
    let containers = vec![with("s", Role::Sidecar), bare("m")];
    s.worker
        .run(pod(RestartPolicy::OnFailure, containers), None);
    s.until(runs("m")).await;
    s.engine.end("m", 0);
    s.until(|status| code(one(status, "s")).is_some()).await;
    assert!(s.engine.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn containers_start_after_their_pod_has_joined_its_network_and_it_leaves_before_it_goes() {
    let engine = Fake::new();
    let worker = Worker::start_in(
        Arc::<Fake>::clone(&engine),
        Arc::<Fake>::clone(&engine),
        Arc::<Fake>::clone(&engine),
        Clock::manual(Timestamp::from_secs(1_000)),
    );
    let worker = worker.await.unwrap();
    let s = Story { engine, worker };
    s.engine
        .answer("join", Outcome::Failed("no link".to_owned()));
    s.worker
        .run(pod(RestartPolicy::Always, vec![bare("m")]), None);
    let failed = |one: &Notice| one.reason == "FailedCreatePodSandBox";
    let mut notices = Vec::new();
    while !notices.iter().any(failed) {
        s.worker.changed().await;
        notices.extend(s.worker.notices());
    }
    let last = notices.last().unwrap();
    assert_eq!(last.message, "Failed to create pod sandbox: no link");
    assert_eq!(s.engine.running(), [""; 0]);
    s.engine.answer("join", Outcome::Passed);
    s.until(runs("m")).await;
    let mut steps = s.engine.steps();
    steps.dedup();
    assert_eq!(steps, ["sandbox", "join a", "start m/0"]);
    s.worker.remove("1").await.unwrap();
    assert_eq!(s.engine.steps(), ["leave", "remove pod"]);
}
