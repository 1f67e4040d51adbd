//! What is in the same Docker and is not ours.
use std::future::ready;
use std::sync::Arc;

use tokio::io::AsyncRead;
use wharf_contract::Setup as _;
use wharf_docker::{Docker, Network};
use wharf_runtime::engine::{Engine as _, ImageRequest, ImageSource, Layer, Manifest, SandboxSpec};
use wharf_runtime::{Dns, Error, Later, Volume, VolumeSource};

use crate::{CLUSTER, WithDocker, docker};

#[derive(Debug)]
struct NoImages;

impl ImageSource for NoImages {
    fn find<'a>(&'a self, _: &'a ImageRequest, _: &'a str) -> Later<'a, Manifest> {
        Box::pin(ready(Err(Error::NoSuchPod)))
    }

    fn layer<'a>(
        &'a self,
        _: &'a Manifest,
        _: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(ready(Err(Error::NoSuchPod)))
    }
}

fn sandbox(pod: &str) -> SandboxSpec {
    let persistent = VolumeSource::Persistent {
        id: "kept".to_owned(),
        read_only: false,
    };
    SandboxSpec {
        pod: pod.to_owned(),
        namespace: "default".to_owned(),
        name: pod.to_owned(),
        hostname: pod.to_owned(),
        ip: None,
        dns: Dns::default(),
        host_aliases: Vec::new(),
        domain: String::new(),
        volumes: vec![Volume {
            name: "disk".to_owned(),
            source: persistent,
        }],
        volume_group: None,
        containers: vec!["main".to_owned()],
    }
}

/// Somebody else's container, network and volume, which even bear our labels, but for the server's.
struct Foreign(String);

impl Foreign {
    fn new(image: &str) -> Self {
        let name = format!("foreign-{}", std::process::id());
        let labels = [
            "--label=dev.wharf.instance=another",
            &format!("--label=dev.wharf.cluster={CLUSTER}"),
            "--label=dev.wharf.kind=container",
            "--label=dev.wharf.pod=pod",
        ];
        docker(&[&["network", "create"], &labels[..], &[&name]].concat());
        docker(&[&["volume", "create"], &labels[..], &[&name]].concat());
        let mount = format!("{name}:/data");
        let create = ["create", "--name", &name, "--network", &name, "-v", &mount];
        docker(&[&create[..], &labels[..], &[image, "/nothing"]].concat());
        Self(name)
    }

    fn is_there(&self) -> bool {
        let kinds = ["container", "network", "volume"];
        // `docker` fails if there is none.
        kinds
            .iter()
            .all(|kind| !docker(&[kind, "inspect", &self.0]).is_empty())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker(&["rm", &self.0]);
        docker(&["volume", "rm", &self.0]);
        docker(&["network", "rm", &self.0]);
    }
}

pub(crate) async fn what_is_not_ours_survives(setup: &WithDocker) {
    let daemon = setup.daemon(Arc::new(NoImages)).await;
    let network = Network {
        gateway: setup.ip(1),
        prefix: 24,
    };
    let one = Docker::start(&daemon, CLUSTER, network).await.unwrap();
    let other = Docker::start(&daemon, "other", network).await.unwrap();
    // Both have a pod of that id, and one volume each.
    for engine in [&one, &other] {
        engine.start_sandbox(&sandbox("pod")).await.unwrap();
    }
    let label = format!("label=dev.wharf.instance={}", setup.instance);
    let images = docker(&["ps", "--filter", &label, "--format", "{{.Image}}"]);
    let image = images.lines().next().unwrap();
    let foreign = Foreign::new(image);
    for engine in [&one, &other] {
        let pods = engine.list().await.unwrap();
        assert_eq!(pods.len(), 1, "{pods:#?}");
        assert!(pods[0].runs && pods[0].id == "pod");
    }
    // Nobody's container can be reached by its id.
    let id = docker(&["inspect", "--format", "{{.Id}}", &foreign.0]);
    assert!(one.inspect(id.trim()).await.unwrap().is_none());
    one.remove(id.trim()).await.unwrap();
    one.signal(id.trim(), "SIGKILL").await.unwrap();
    one.remove_pod("pod").await.unwrap();
    assert!(foreign.is_there() && one.list().await.unwrap().is_empty());
    drop(one);
    Docker::clear(&daemon, CLUSTER).await.unwrap();
    assert!(foreign.is_there());
    assert!(
        other.list().await.unwrap()[0].runs,
        "another cluster is left alone"
    );
    drop(other);
    Docker::clear(&daemon, "other").await.unwrap();
    assert!(foreign.is_there());
    drop(foreign);
    // Now nobody uses our images any more.
    Docker::clear(&daemon, "other").await.unwrap();
    let nothing: Vec<String> = Vec::new();
    assert_eq!(setup.left(), nothing);
    let networks = docker(&["network", "ls", "-q", "--filter", &label]);
    let all = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    let image = image.split(':').next().unwrap();
    assert!(
        networks.is_empty() && !all.contains(image),
        "{networks} {all}"
    );
}
