use std::path::Path;

use wharf_runtime::{Capability, Container};

use crate::story::{Story, container, has};

pub(super) async fn users_and_groups_are_those_of_the_spec(s: &Story) {
    let id = |user, group, others: &[u32]| {
        let mut main = container("id");
        main.security.user = user;
        main.security.group = group;
        main.security.other_groups = others.to_vec();
        main
    };
    let image = Container {
        image: "shop".to_owned(),
        ..id(None, None, &[])
    };
    let rows = [
        (id(None, None, &[]), "uid=0(root) gid=0"),
        (image, "uid=1000(shop) gid=1001"),
        // A user that the image knows has the group that it has there.
        (id(Some(1000), None, &[]), "uid=1000(shop) gid=1001"),
        (id(Some(5000), None, &[]), "uid=5000 gid=0"),
        (
            id(Some(5000), Some(6000), &[7, 8]),
            "uid=5000 gid=6000 groups=7,8",
        ),
    ];
    for (at, (main, wanted)) in rows.into_iter().enumerate() {
        let pod = format!("user{at}");
        let (_, log) = s.finish(s.pod(&pod, vec![main])).await;
        let log = log.replace(" groups=6000,7,8", " groups=7,8");
        has(&log, &[wanted]);
        s.remove(&pod).await;
    }
    let mut main = id(Some(5000), None, &[7]);
    main.security.volume_group = Some(9);
    let (_, log) = s.finish(s.pod("fsgroup", vec![main])).await;
    has(&log, &["7", "9"]);
    s.remove("fsgroup").await;
}

pub(super) async fn a_root_that_cannot_be_written_is_not(s: &Story) {
    let mut main = container("touch /y; touch /dev/shm/z && echo shm; exit 0");
    main.security.read_only_root = true;
    let (_, log) = s.finish(s.pod("readonly", vec![main])).await;
    has(&log, &["touch: /y: Read-only file system", "shm\n"]);
    s.remove("readonly").await;
}

pub(super) async fn capabilities_are_those_of_the_spec(s: &Story) {
    let script = "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; exit 0";
    let of = |capabilities: Vec<Capability>, no_new_privileges| {
        let mut main = container(script);
        main.security.capabilities = capabilities;
        main.security.no_new_privileges = no_new_privileges;
        main
    };
    // Bits as in linux/capability.h: the 14 that Docker has by default. Where control groups keep
    // nobody from opening devices, builtin lets nobody make them.
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let bits = if unified && s.engine.name() == "builtin" {
        "00000000a00425fb"
    } else {
        "00000000a80425fb"
    };
    let usual = of(Capability::ALL.to_vec(), false);
    let (_, log) = s.finish(s.pod("usual", vec![usual])).await;
    has(&log, &[&format!("CapBnd:\t{bits}"), "NoNewPrivs:\t0"]);
    s.remove("usual").await;
    let one = of(vec![Capability::NetBindService], true);
    let (_, log) = s.finish(s.pod("bind", vec![one])).await;
    has(&log, &["CapBnd:\t0000000000000400", "NoNewPrivs:\t1"]);
    s.remove("bind").await;
    let none = of(Vec::new(), true);
    let (_, log) = s.finish(s.pod("none", vec![none])).await;
    has(&log, &["CapBnd:\t0000000000000000"]);
    s.remove("none").await;
}

pub(super) async fn root_is_refused_where_it_must_not_be(s: &Story) {
    let mut main = container("id");
    main.security.must_not_be_root = true;
    s.worker.run(s.pod("root", vec![main.clone()]), None);
    let message = s.waits("root", "CreateContainerConfigError").await;
    assert_eq!(
        message,
        "container has runAsNonRoot and image will run as root"
    );
    s.remove("root").await;
    main.security.user = Some(7);
    let (end, _) = s.finish(s.pod("seven", vec![main])).await;
    assert_eq!(end.exit_code, 0);
    s.remove("seven").await;
}

pub(super) async fn nothing_of_the_host_is_seen(s: &Story) {
    let script = "ls /dev; ps | grep -c .; cat /proc/kcore | busybox wc -c; \
        echo 1 > /proc/sys/kernel/panic; ls /proc/1/root/../..; busybox mount -t tmpfs x /work; \
        busybox ip link set lo down; \
        set -- $(busybox awk 'NR == 3 { print $1, $2 }' /proc/partitions); \
        busybox mknod /d b $1 $2; dd if=/d of=/dev/null bs=512 count=1; exit 0";
    let (_, log) = s.finish(s.pod("host", vec![container(script)])).await;
    for word in ["sda", "kmsg", "vda", "nvme", "docker.sock", "boot"] {
        assert!(!log.contains(word), "{word} in {log}");
    }
    has(
        &log,
        &[
            "Read-only file system",
            "mount: permission denied",
            "ip: SIOCSIFFLAGS: Operation not permitted",
            // A disk of the host, which has whatever number it has.
            "dd: can't open '/d': Operation not permitted",
        ],
    );
    s.remove("host").await;
}
