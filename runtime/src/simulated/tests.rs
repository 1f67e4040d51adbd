use tokio::io::AsyncReadExt as _;

use super::*;
use crate::{Container, Dns, Lifecycle, Probes, Pull, Resources, RestartPolicy, Security};
use crate::{Directory, TerminationMessage};

fn container(name: &str, role: Role) -> Container {
    Container {
        name: name.to_owned(),
        role,
        image: "nginx".to_owned(),
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
            or_log: false,
        },
    }
}

fn pod(containers: Vec<Container>) -> PodSpec {
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
        restart: RestartPolicy::Always,
        grace: Duration::from_secs(30),
        finishes: false,
    }
}

fn engine(pace: Pace) -> (Simulated, Clock) {
    let clock = Clock::manual(Timestamp::from_secs(1_000));
    (Simulated::new(clock.clone(), pace), clock)
}

fn is_done(status: &ContainerStatus, code: i32) -> bool {
    matches!(&status.state, ContainerState::Terminated(end) if end.exit_code == code)
}

#[tokio::test]
async fn containers_run_at_once_and_init_containers_are_done() {
    let (engine, _) = engine(Pace::default());
    let spec = pod(vec![container("i", Role::Init), container("m", Role::Main)]);
    let status = engine.run(spec, None).await.unwrap();
    assert!(is_done(&status.containers[0], 0) && status.containers[0].ready);
    assert!(status.containers[1].is_running() && status.containers[1].ready);
    assert_eq!(status.containers[1].id.len(), 64);
    assert_eq!(status.next_change, None);
}

#[tokio::test]
async fn a_slow_start_says_when_to_ask_again() {
    let pace = Pace {
        start: Duration::from_secs(5),
        ..Pace::default()
    };
    let (engine, clock) = engine(pace);
    let spec = pod(vec![container("m", Role::Main)]);
    let status = engine.run(spec, None).await.unwrap();
    assert!(!status.containers[0].ready);
    assert_eq!(status.next_change, Some(Timestamp::from_secs(1_005)));
    clock.advance(Duration::from_secs(5));
    assert!(engine.status("1").unwrap().containers[0].is_running());
}

#[tokio::test]
async fn the_work_of_a_job_ends_well() {
    let (engine, clock) = engine(Pace::default());
    let spec = PodSpec {
        finishes: true,
        ..pod(vec![container("m", Role::Main)])
    };
    let status = engine.run(spec, None).await.unwrap();
    assert!(status.containers[0].is_running());
    clock.advance(Duration::from_secs(1));
    assert!(is_done(&engine.status("1").unwrap().containers[0], 0));
    let ended = engine.stop("1", Duration::ZERO).await.unwrap().unwrap();
    assert!(is_done(&ended.containers[0], 0), "it had ended before");
}

#[tokio::test]
async fn a_stopped_pod_ends_by_a_signal_and_is_forgotten() {
    let (engine, _) = engine(Pace::default());
    engine
        .run(pod(vec![container("m", Role::Main)]), None)
        .await
        .unwrap();
    let ended = engine.stop("1", Duration::ZERO).await.unwrap().unwrap();
    assert!(is_done(&ended.containers[0], 143));
    engine.remove("1").await.unwrap();
    assert_eq!(engine.status("1"), None);
}

#[tokio::test]
async fn a_pod_of_before_is_adopted_without_restarts() {
    let (first, _) = engine(Pace::default());
    let spec = pod(vec![container("m", Role::Main)]);
    let before = first.run(spec.clone(), None).await.unwrap();
    let (second, clock) = engine(Pace::default());
    clock.advance(Duration::from_mins(1));
    let after = second.run(spec, Some(before.clone())).await.unwrap();
    assert_eq!(after.containers, before.containers);
}

#[tokio::test]
async fn another_image_restarts_one_container() {
    let (engine, clock) = engine(Pace::default());
    let mut spec = pod(vec![container("m", Role::Main), container("n", Role::Main)]);
    engine.run(spec.clone(), None).await.unwrap();
    clock.advance(Duration::from_secs(9));
    spec.containers[0].image = "nginx:2".to_owned();
    spec.containers.push(container("debug", Role::Ephemeral));
    let status = engine.run(spec, None).await.unwrap();
    let restarts: Vec<u32> = status.containers.iter().map(|one| one.restarts).collect();
    assert_eq!(restarts, [1, 0, 0]);
    assert!(status.containers[0].last.is_some());
    assert!(status.containers[2].is_running());
}

#[tokio::test]
async fn what_needs_a_process_says_how_to_get_one() {
    let (engine, _) = engine(Pace::default());
    engine
        .run(pod(vec![container("m", Role::Main)]), None)
        .await
        .unwrap();
    let mut logs = engine
        .logs("1", "m", false, LogQuery::default())
        .await
        .unwrap();
    let mut written = Vec::new();
    logs.read_to_end(&mut written).await.unwrap();
    assert!(written.is_empty());
    let error = engine.port("1", 80).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the simulated engine runs no processes: to forward ports to pods, start wharf with an engine that runs containers (--engine)"
    );
}
