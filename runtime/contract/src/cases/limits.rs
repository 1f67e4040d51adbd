use crate::story::{Story, container, has};

/// The files of both versions of control groups, of which one is there.
const LIMITS: &str = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max; \
    echo; cat cpu/cpu.cfs_quota_us cpu,cpuacct/cpu.cfs_quota_us cpu.max; cat pids/pids.max pids.max; exit 0";

pub(super) async fn limits_are_those_of_the_kernel(s: &Story) {
    let mut main = container(LIMITS);
    main.resources.limits.memory_bytes = Some(64 << 20);
    main.resources.limits.cpu_milli = Some(250);
    let (_, log) = s.finish(s.pod("limits", vec![main])).await;
    has(&log, &["67108864\n", "25000", "16384\n"]);
    s.remove("limits").await;
}

pub(super) async fn who_takes_too_much_memory_is_killed(s: &Story) {
    let mut main = container("exec dd if=/dev/zero of=/dev/shm/x bs=1M count=60");
    main.resources.limits.memory_bytes = Some(16 << 20);
    let (end, log) = s.finish(s.pod("greedy", vec![main])).await;
    assert_eq!(
        (end.exit_code, end.reason.as_str()),
        (137, "OOMKilled"),
        "{log}"
    );
    s.remove("greedy").await;
}

pub(super) async fn usage_is_measured(s: &Story) {
    let script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=20; echo ready; sleep 1000 & wait";
    let id = s.start(s.pod("usage", vec![container(script)])).await;
    let wait = "until test $(stat -c %s /dev/shm/x) = 20971520; do :; done";
    assert_eq!(s.exec(&id, &["sh", "-c", wait]).await.0, 0);
    let usage = s.engine.usage("usage").await.unwrap();
    let [(name, usage)] = usage.as_slice() else {
        panic!("{usage:?}")
    };
    assert_eq!(name, "m");
    assert!(
        usage.memory_bytes > 20 << 20 && usage.memory_bytes < 200 << 20,
        "{usage:?}"
    );
    assert!(usage.cpu_nanos > 0 && usage.at.as_ms() > 0, "{usage:?}");
    s.remove("usage").await;
}
