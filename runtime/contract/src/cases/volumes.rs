use wharf_runtime::{
    Container, Content, Directory, File, Mount, PodSpec, SubPath, Volume, VolumeSource,
};

use crate::story::{Story, container, has};

const WAITS: &str = "trap 'exit 0' TERM; sleep 1000 & wait";

pub(super) fn mount(volume: &str, path: &str) -> Mount {
    Mount {
        volume: volume.to_owned(),
        path: Directory::new(path).unwrap(),
        sub_path: None,
        read_only: false,
    }
}

fn files(list: &[(&str, &str)]) -> Volume {
    let file = |(path, text): &(&str, &str)| File {
        path: SubPath::new(path).unwrap(),
        mode: 0o644,
        content: Content::Bytes((*text).into()),
    };
    Volume {
        name: "config".to_owned(),
        source: VolumeSource::Files(list.iter().map(file).collect()),
    }
}

fn empty(name: &str, memory: bool, limit_bytes: Option<u64>) -> Volume {
    Volume {
        name: name.to_owned(),
        source: VolumeSource::EmptyDir {
            memory,
            limit_bytes,
        },
    }
}

pub(super) async fn of_two_files_with_one_name_the_last_counts(s: &Story) {
    let mut main =
        container("cat /config/d/a; touch /config/new; busybox rm -f /config/..data; exit 0");
    main.mounts = vec![mount("config", "/config")];
    let mut spec = s.pod("twice", vec![main]);
    spec.volumes = vec![files(&[("d/a", "base"), ("d/a", "override")])];
    let (_, log) = s.finish(spec).await;
    has(&log, &["override"]);
    // Nobody in the pod can change them.
    has(
        &log,
        &[
            "touch: /config/new: Read-only file system",
            "rm: can't remove '/config/..data': Read-only file system",
        ],
    );
    s.remove("twice").await;
}

pub(super) async fn files_change_all_at_once(s: &Story) {
    let script = "until test $(cat /config/a) = stop; do sleep 0.05; done; exit 0";
    let mut main = container(script);
    main.mounts = vec![mount("config", "/config")];
    main.mounts[0].read_only = true;
    let mut spec = s.pod("files", vec![main]);
    spec.volumes = vec![files(&[("a", "1"), ("d/b", "1"), ("gone", "x")])];
    let volume = |text: &str| files(&[("a", text), ("d/b", text), ("new", "y")]);
    let id = s.start(spec.clone()).await;
    let ls = s.exec(&id, &["ls", "-a", "/config"]).await.1;
    has(&ls, &["a\n", "d\n", "gone\n", "..data\n"]);
    let (code, out) = s.exec(&id, &["sh", "-c", "echo no > /config/a"]).await;
    assert!(code != 0, "files are ours alone: {out}");
    // All files are seen through one link, so that replacing it replaces all of them.
    let script = "cd /config; for link in a d ..data; do readlink $link; done";
    let links = ["sh", "-c", script];
    let seen = s.exec(&id, &links).await.1;
    has(&seen, &["..data/a\n..data/d\n.."]);
    for text in ["2", "2", "3"] {
        s.engine.fill(&spec.id, &volume(text), None).await.unwrap();
        let (_, out) = s
            .exec(&id, &["cat", "/config/a", "/config/d/b", "/config/new"])
            .await;
        assert_eq!(out, format!("{text}{text}y"));
    }
    let ls = s.exec(&id, &["ls", "/config"]).await.1;
    assert_eq!(ls, "a\nd\nnew\n", "what is gone is gone");
    assert_ne!(s.exec(&id, &links).await.1, seen);
    s.engine
        .fill(&spec.id, &volume("stop"), None)
        .await
        .unwrap();
    assert_eq!(s.ended("files").await.exit_code, 0);
    s.remove("files").await;
}

pub(super) async fn containers_share_an_empty_directory(s: &Story) {
    let mut writer = container("echo shared > /data/x; sleep 1000 & wait");
    writer.security.user = Some(1000);
    writer.security.volume_group = Some(2000);
    writer.mounts = vec![mount("data", "/data")];
    let mut reader = Container {
        name: "r".to_owned(),
        ..writer.clone()
    };
    reader.command = Some(
        ["sh", "-c", "sleep 1000 & wait"]
            .map(ToOwned::to_owned)
            .to_vec(),
    );
    reader.mounts[0].read_only = true;
    let mut spec = s.pod("share", vec![writer, reader]);
    spec.volumes = vec![empty("data", false, None)];
    s.start(spec.clone()).await;
    let id = s.worker.container("share", "r", false).unwrap();
    let script =
        "until test -s /data/x; do :; done; cat /data/x; stat -c '%a %g' /data; touch /data/y";
    let (code, out) = s.exec(&id, &["sh", "-c", script]).await;
    has(&out, &["shared\n2775 2000\n", "Read-only file system"]);
    assert_eq!(code, 1);
    // Filled again, as after a restart of the server, it keeps what is in it.
    s.engine
        .fill("share", &spec.volumes[0], Some(2000))
        .await
        .unwrap();
    assert_eq!(s.exec(&id, &["cat", "/data/x"]).await.1, "shared\n");
    s.remove("share").await;
    // A new pod begins anew.
    let mut main = container("ls /data; exit 0");
    main.mounts = vec![mount("data", "/data")];
    let mut spec = s.pod("anew", vec![main]);
    spec.volumes = vec![empty("data", false, None)];
    assert_eq!(s.finish(spec).await.1, "");
    s.remove("anew").await;
}

pub(super) async fn memory_has_a_limit(s: &Story) {
    let script = "grep ' /data ' /proc/mounts; dd if=/dev/zero of=/data/x bs=64k count=64; exit 0";
    let mut main = container(script);
    main.mounts = vec![mount("data", "/data")];
    let mut spec = s.pod("memory", vec![main]);
    spec.volumes = vec![empty("data", true, Some(1 << 20))];
    let (_, log) = s.finish(spec).await;
    has(&log, &[" /data tmpfs ", "No space left on device"]);
    s.remove("memory").await;
}

fn parts(s: &Story, id: &str, script: &str, mount: Mount) -> PodSpec {
    let mut main = container(script);
    main.mounts = vec![mount];
    let mut spec = s.pod(id, vec![main]);
    spec.volumes = vec![
        files(&[("a", "file\n"), ("d/b", "deep\n")]),
        empty("data", false, None),
    ];
    spec
}

pub(super) async fn parts_of_volumes_are_mounted(s: &Story) {
    let part = |volume, path, sub_path: &str| Mount {
        sub_path: Some(SubPath::new(sub_path).unwrap()),
        ..mount(volume, path)
    };
    let one = part("config", "/etc/app.conf", "a");
    let spec = parts(s, "part", "cat /etc/app.conf; ls /etc; exit 0", one);
    let (end, log) = s.finish(spec).await;
    has(&log, &["file\n", "app.conf\n", "passwd\n"]);
    assert_eq!(end.exit_code, 0);
    s.remove("part").await;
    let folder = part("config", "/conf", "d");
    let (_, log) = s.finish(parts(s, "folder", "cat /conf/b", folder)).await;
    assert_eq!(log, "deep\n");
    s.remove("folder").await;
    let below = part("data", "/data", "deep/er");
    let spec = parts(s, "below", "echo hi > /data/x; cat /data/x; exit 0", below);
    if s.setup.has_sub_paths() {
        assert_eq!(s.finish(spec).await.1, "hi\n");
    } else {
        s.worker.run(spec, None);
        let message = s.waits("below", "CreateContainerConfigError").await;
        has(&message, &["subPath", "deep/er"]);
    }
    s.remove("below").await;
}

pub(super) async fn persistent_data_outlives_its_pod(s: &Story) {
    let spec = |id: &str, script: &str| {
        let mut main = container(script);
        main.security.user = Some(1000);
        main.mounts = vec![mount("disk", "/disk")];
        let mut spec = s.pod(id, vec![main]);
        spec.volumes = vec![Volume {
            name: "disk".to_owned(),
            source: VolumeSource::Persistent {
                id: "vol-1".to_owned(),
                read_only: false,
            },
        }];
        spec
    };
    let (end, log) = s.finish(spec("first", "echo kept > /disk/x; exit 0")).await;
    assert_eq!(end.exit_code, 0, "{log}");
    s.remove("first").await;
    let (_, log) = s.finish(spec("second", "cat /disk/x")).await;
    assert_eq!(log, "kept\n");
    s.remove("second").await;
    s.engine.remove_volume("vol-1").await.unwrap();
    s.engine.remove_volume("vol-1").await.unwrap();
    let (_, log) = s.finish(spec("third", "ls /disk; exit 0")).await;
    assert_eq!(log, "");
    s.remove("third").await;
    s.engine.remove_volume("vol-1").await.unwrap();
    let id = s.start(s.pod("waits", vec![container(WAITS)])).await;
    assert_eq!(s.exec(&id, &["ls", "/disk"]).await.0, 1);
    s.remove("waits").await;
}
