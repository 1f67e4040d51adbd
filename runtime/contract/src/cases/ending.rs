use std::time::Duration;

use wharf_runtime::engine::{LogQuery, Phase};
use wharf_runtime::{
    Container, ContainerState, Content, Directory, File, PodSpec, RestartPolicy, SubPath, Volume,
    VolumeSource,
};

use super::volumes::mount;
use crate::story::{Story, container, has};

pub(super) async fn last_words_are_read_from_their_file(s: &Story) {
    let script = "echo log; echo -n said > /dev/termination-log; exit 2";
    let mut main = container(script);
    // Whoever it runs as, and whatever else it may write.
    main.security.user = Some(1000);
    main.security.read_only_root = true;
    let (end, _) = s.finish(s.pod("words", vec![main])).await;
    assert_eq!((end.exit_code, end.message.as_str()), (2, "said"));
    s.remove("words").await;
    let mut main = container("echo -n elsewhere > /tmp/said; exit 0");
    main.termination.path = Directory::new("/tmp/said").unwrap();
    let (end, _) = s.finish(s.pod("else", vec![main])).await;
    assert_eq!((end.exit_code, end.message.as_str()), (0, "elsewhere"));
    s.remove("else").await;
}

pub(super) async fn what_cannot_be_started_says_why(s: &Story) {
    let mut main = container("");
    main.command = Some(vec!["/no/such/program".to_owned()]);
    let pod = s.pod("nothing", vec![main]);
    s.worker.run(pod, None);
    let end = s.ended("nothing").await;
    assert_eq!((end.exit_code, end.reason.as_str()), (128, "StartError"));
    has(&end.message, &["/no/such/program"]);
    s.remove("nothing").await;
    // What only shows when it is run is in the log.
    for name in ["text", "foreign"] {
        let mut main = container("");
        main.command = Some(vec![format!("/programs/{name}")]);
        let (end, log) = s.finish(programs(s, name, main)).await;
        assert_ne!(end.exit_code, 0);
        has(&log, &["exec /programs/", name, ": exec format error"]);
        s.remove(name).await;
    }
}

/// A program for a processor that there is not.
const FOREIGN: &str = "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x7f\x7f\x01\0\0\0";

/// A pod with files that may be executed, of which the last one can be.
fn programs(s: &Story, name: &str, mut main: Container) -> PodSpec {
    let file = |(path, text): (&str, &str)| File {
        path: SubPath::new(path).unwrap(),
        mode: 0o700,
        content: Content::Bytes(text.into()),
    };
    main.mounts = vec![mount("programs", "/programs")];
    let mut spec = s.pod(name, vec![main]);
    let files = [
        ("text", "echo no\n"),
        ("foreign", FOREIGN),
        (
            "script",
            "#!/bin/sh\nsh -c 'kill -PIPE $$; echo on'\necho $?\n",
        ),
    ];
    spec.volumes = vec![Volume {
        name: "programs".to_owned(),
        source: VolumeSource::Files(files.map(file).to_vec()),
    }];
    spec
}

pub(super) async fn a_program_that_its_owner_alone_may_run_has_the_usual_signals(s: &Story) {
    let mut main = container("");
    main.command = Some(vec!["/programs/script".to_owned()]);
    let (end, log) = s.finish(programs(s, "own", main)).await;
    // 128 and the number of the signal: whoever ignores it goes on.
    assert_eq!((end.exit_code, log.as_str()), (0, "141\n"));
    s.remove("own").await;
}

pub(super) async fn a_signal_ends_it_gracefully(s: &Story) {
    let script = "trap 'echo bye; exit 9' TERM; echo ready; while true; do sleep 0.05; done";
    let mut spec = s.pod("graceful", vec![container(script)]);
    spec.grace = Duration::from_secs(30);
    let id = s.start(spec).await;
    until_log(s, "graceful", "ready\n").await;
    s.engine.signal(&id, "SIGWINCH").await.unwrap();
    let status = s.worker.stop("graceful", Duration::from_secs(30)).await;
    let status = status.unwrap();
    let state = &status.containers[0].state;
    assert!(
        matches!(state, ContainerState::Terminated(end) if end.exit_code == 9),
        "{state:?}"
    );
    assert_eq!(s.log("graceful", LogQuery::default()).await, "ready\nbye\n");
    // One that has ended is left alone.
    s.engine.signal(&id, "SIGTERM").await.unwrap();
    s.worker.remove("graceful").await.unwrap();
}

async fn until_log(s: &Story, pod: &str, wanted: &str) {
    use tokio::io::AsyncReadExt as _;
    let id = s.worker.container(pod, "m", false).unwrap();
    let query = LogQuery {
        follow: true,
        ..LogQuery::default()
    };
    let mut log = s.engine.logs(&id, query).await.unwrap();
    let mut start = vec![0; wanted.len()];
    log.read_exact(&mut start).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&start), wanted);
}

pub(super) async fn who_does_not_listen_is_killed(s: &Story) {
    let script = "trap '' TERM; echo ready; while true; do sleep 0.05; done";
    let id = s.start(s.pod("deaf", vec![container(script)])).await;
    until_log(s, "deaf", "ready\n").await;
    s.worker.stop("deaf", Duration::from_millis(300)).await;
    let found = s.engine.inspect(&id).await.unwrap().unwrap();
    assert!(matches!(found.phase, Phase::Ended(exit) if exit.code == 137 && !exit.oom_killed));
    s.worker.remove("deaf").await.unwrap();
    assert_eq!(s.engine.inspect(&id).await.unwrap(), None);
}

pub(super) async fn a_container_is_restarted_and_its_last_log_is_kept(s: &Story) {
    use tokio::io::AsyncReadExt as _;
    // What is written into its root is gone with the container.
    let script = "test -e /seen && echo again; touch /seen; echo life; \
        echo -n bye >> /dev/termination-log; exit 1";
    let mut spec = s.pod("restart", vec![container(script)]);
    spec.restart = RestartPolicy::Always;
    s.worker.run(spec, None);
    let twice = |status: &wharf_runtime::PodStatus| {
        let one = &status.containers[0];
        one.restarts >= 1 && !one.is_running() && one.last.is_some()
    };
    let status = s.until("restart", twice).await;
    let one = &status.containers[0];
    let now = match &one.state {
        ContainerState::Terminated(end) => Some(end),
        _ => None,
    };
    for end in one.last.iter().chain(now) {
        assert_eq!((end.exit_code, end.message.as_str()), (1, "bye"));
    }
    let previous = s.worker.container("restart", "m", true).unwrap();
    let current = s.worker.container("restart", "m", false).unwrap();
    assert!(previous != current && previous.len() == 64);
    for id in [previous, current] {
        let mut log = s.engine.logs(&id, LogQuery::default()).await.unwrap();
        let mut text = String::new();
        log.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "life\n");
    }
    s.remove("restart").await;
}
