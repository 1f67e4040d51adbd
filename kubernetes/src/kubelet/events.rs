//! Events of the kubelet: they are told beside the work, and left out when too many wait.
use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::Cluster;
use crate::cluster::{Actor, EventType, Reference};
use crate::fields;
use crate::views::PodView;

/// How many wait at most.
const WAITING: usize = 32 * 1024;

/// How many are written at a time.
const AT_ONCE: usize = 16;

#[derive(Debug)]
struct Told {
    about: Reference,
    kind: EventType,
    reason: &'static str,
    message: String,
    node: String,
}

#[derive(Clone, Debug)]
pub(super) struct Events {
    cluster: Cluster,
    told: mpsc::Sender<Told>,
}

impl Events {
    /// The second part writes what the first is told; it ends with the last copy of the first.
    pub(super) fn new(cluster: Cluster) -> (Self, impl Future<Output = ()> + Send) {
        let (told, mut receiver) = mpsc::channel(WAITING);
        let events = Self {
            cluster: cluster.clone(),
            told,
        };
        let written = async move {
            let all = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
            let each = |told: Told| {
                let cluster = cluster.clone();
                async move {
                    let by = actor(&told.node);
                    let Told {
                        about,
                        kind,
                        reason,
                        message,
                        ..
                    } = &told;
                    cluster.event(&by, about, *kind, reason, message).await;
                }
            };
            all.for_each_concurrent(AT_ONCE, each).await;
        };
        (events, written)
    }

    pub(super) fn normal(&self, about: &Reference, reason: &'static str, message: String) {
        self.tell(about, EventType::Normal, reason, message);
    }

    pub(super) fn warning(&self, about: &Reference, reason: &'static str, message: String) {
        self.tell(about, EventType::Warning, reason, message);
    }

    /// The node on which it happens.
    fn node(&self, about: &Reference) -> String {
        if about.kind == "Node" {
            return about.name.clone();
        }
        let pod = self.cluster.get("pods", &about.namespace, &about.name);
        pod.map_or_else(String::new, |pod| {
            pod.view::<PodView>().spec.node_name.clone()
        })
    }

    fn tell(&self, about: &Reference, kind: EventType, reason: &'static str, message: String) {
        let told = Told {
            node: self.node(about),
            about: about.clone(),
            kind,
            reason,
            message,
        };
        if self.told.try_send(told).is_err() {
            tracing::debug!(reason, "an event of the kubelet was left out");
        }
    }
}

/// The kubelet of a node.
pub(super) fn actor(node: &str) -> Actor {
    let by = Actor::system(&format!("system:node:{node}"), "kubelet", "kubelet");
    Actor {
        host: node.to_owned(),
        ..by
    }
}

/// A pod as events name it.
pub(super) fn about(pod: &Value) -> Reference {
    let metadata = &pod["metadata"];
    let text = |key: &str| fields::text(metadata, key).to_owned();
    Reference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: text("namespace"),
        name: text("name"),
        uid: text("uid"),
        field_path: String::new(),
    }
}

/// One of its containers.
pub(super) fn about_container(pod: &Value, container: &str) -> Reference {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let has = |list: &&str| {
        let mut all = fields::list(&pod["spec"], list).iter();
        all.any(|one| fields::text(one, "name") == container)
    };
    let list = lists.into_iter().find(has).unwrap_or("containers");
    Reference {
        field_path: format!("spec.{list}{{{container}}}"),
        ..about(pod)
    }
}
