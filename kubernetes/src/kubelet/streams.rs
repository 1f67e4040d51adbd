//! Logs of containers, and connections to them.
use futures::FutureExt as _;
use serde_json::Value;
use tokio::io::AsyncRead;
use wharf_runtime::engine::{AttachSpec, ExecSpec, LogQuery, Process};
use wharf_runtime::{Error, PodRuntime, Stream};

use super::{Kubelet, virtuals};
use crate::{Status, fields};

/// Why there is no connection.
#[derive(Debug)]
pub enum Refusal {
    /// As the API server answers.
    Status(Status),
    /// As the kubelet answers: words alone, with status 500.
    Text(String),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// A pod that somebody is connected to.
#[derive(Clone, Debug)]
pub struct Door {
    kubelet: Kubelet,
    pub(crate) uid: String,
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    is_virtual: bool,
}

/// A process, or why it could not be started although there is a container.
pub(crate) type Started = Result<Process, Error>;

impl Kubelet {
    /// What a container wrote. An empty name means the only one, or the one that an annotation names.
    /// None: the pod is on no node yet.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        query: LogQuery,
    ) -> Result<Option<Box<dyn AsyncRead + Send + Unpin>>, Status> {
        let found = self.find(namespace, pod, container)?;
        if found.node.is_empty() {
            return Ok(None);
        }
        let previous = found.logged(pod, previous)?;
        let engine = self.engine(found.is_virtual);
        let logs = engine.logs(&found.uid, &found.container, previous, query);
        match logs.await {
            // It ended before a restart of the server, and nothing is left of it.
            Err(Error::NoSuchPod) => Ok(Some(Box::new(tokio::io::empty()))),
            Err(Error::NoSuchContainer) if previous => Err(no_previous(&found.container, pod)),
            Err(Error::NoSuchContainer) => Err(Status::bad_request(format!(
                "container {:?} in pod {pod:?} is not available",
                found.container
            ))),
            Err(Error::Unsupported(message)) => Err(Status::not_implemented(message)),
            answer => answer.map(Some).map_err(Status::internal),
        }
    }

    /// Finds a container that somebody wants to be connected to. An empty name means the usual one.
    pub fn door(&self, namespace: &str, pod: &str, container: &str) -> Result<Door, Status> {
        let found = self.find(namespace, pod, container)?;
        self.open(namespace, pod, found)
    }

    /// Finds a pod whose ports somebody wants.
    pub fn ports(&self, namespace: &str, pod: &str) -> Result<Door, Status> {
        let object = self.0.cluster.get("pods", namespace, pod);
        let object = object.ok_or_else(|| Status::not_found("pods", "", pod))?;
        let value = object.value();
        let first = fields::list(&value["spec"], "containers").first();
        let first = first.map_or("", |one| fields::text(one, "name"));
        let found = self.find(namespace, pod, first)?;
        self.open(namespace, pod, found)
    }

    fn open(&self, namespace: &str, pod: &str, found: Found) -> Result<Door, Status> {
        if found.node.is_empty() {
            let message = format!("pod {pod} does not have a host assigned");
            return Err(Status::bad_request(message));
        }
        Ok(Door {
            kubelet: self.clone(),
            uid: found.uid,
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: found.container,
            is_virtual: found.is_virtual,
        })
    }

    /// Ready when the kubelet ends, or when a pod is gone or has ended.
    pub(crate) async fn ended(&self, namespace: &str, name: &str, uid: &str) {
        let mut life = self.0.life.clone();
        let Some(shelf) = self.0.cluster.store().find("pods") else {
            return;
        };
        let mut told = shelf.subscribe();
        let gone = async {
            loop {
                told.mark_unchanged();
                let pod = shelf.get(namespace, name).filter(|pod| pod.uid == uid);
                let ended = pod.is_none_or(|pod| has_ended(&pod.value()));
                if ended || told.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = gone => {}
            // Nothing is ever sent: this is the end of the sender.
            _end = life.changed() => {}
        }
    }

    fn find(&self, namespace: &str, name: &str, container: &str) -> Result<Found, Status> {
        let object = self.0.cluster.get("pods", namespace, name);
        let object = object.ok_or_else(|| Status::not_found("pods", "", name))?;
        let pod = object.value();
        let names = |list: &str| {
            let list = fields::list(&pod["spec"], list).iter();
            let names = list.map(|one| fields::text(one, "name").to_owned());
            names.collect::<Vec<String>>()
        };
        let (main, init) = (names("containers"), names("initContainers"));
        let wanted = match (container, main.as_slice()) {
            ("", [only]) => only.clone(),
            ("", _) => {
                let annotations = &pod["metadata"]["annotations"];
                let usual = fields::text(annotations, "kubectl.kubernetes.io/default-container");
                if usual.is_empty() {
                    return Err(Status::bad_request(choose(name, &main, &init)));
                }
                usual.to_owned()
            }
            (container, _) => container.to_owned(),
        };
        let ephemeral = names("ephemeralContainers");
        if ![&main, &init, &ephemeral]
            .into_iter()
            .any(|list| list.contains(&wanted))
        {
            let message = format!("container {wanted} is not valid for pod {name}");
            return Err(Status::bad_request(message));
        }
        let status = &pod["status"];
        let lists = [
            "containerStatuses",
            "initContainerStatuses",
            "ephemeralContainerStatuses",
        ];
        let mut all = lists
            .into_iter()
            .flat_map(|list| fields::list(status, list));
        let of = all.find(|one| fields::text(one, "name") == wanted);
        Ok(Found {
            uid: object.uid.clone(),
            node: fields::text(&pod["spec"], "nodeName").to_owned(),
            status: of.cloned().unwrap_or_default(),
            container: wanted,
            is_virtual: virtuals::is_virtual(&pod),
        })
    }
}

impl Door {
    fn engine(&self) -> &dyn PodRuntime {
        self.kubelet.engine(self.is_virtual)
    }

    /// Runs a command in the container.
    pub(crate) async fn exec(&self, spec: ExecSpec) -> Result<Started, Refusal> {
        let started = self.engine().exec(&self.uid, &self.container, spec);
        self.started(started.await)
    }

    /// Connects to the container's first process.
    pub(crate) async fn attach(&self, spec: AttachSpec) -> Result<Started, Refusal> {
        let started = self.engine().attach(&self.uid, &self.container, spec);
        self.started(started.await)
    }

    fn started(&self, started: Started) -> Result<Started, Refusal> {
        match started {
            Err(Error::Unsupported(message)) => Err(Status::not_implemented(message).into()),
            Err(Error::NoSuchPod | Error::NoSuchContainer) => {
                let container = &self.container;
                Err(Refusal::Text(format!(
                    "container not found ({container:?})"
                )))
            }
            started => Ok(started),
        }
    }

    /// Connects to a port of the pod.
    pub(crate) async fn port(&self, port: u16) -> Result<Box<dyn Stream>, Error> {
        self.engine().port(&self.uid, port).await
    }

    /// Whether the pod runs and its engine reaches ports at all.
    pub(crate) fn has_ports(&self) -> Result<(), Refusal> {
        // Nothing listens at port 0, but who reaches no ports says so at once.
        if let Some(Err(Error::Unsupported(message))) = self.port(0).now_or_never() {
            return Err(Status::not_implemented(message).into());
        }
        let status = self.engine().status(&self.uid);
        let runs =
            status.is_some_and(|status| status.containers.iter().any(|one| one.is_running()));
        if runs {
            return Ok(());
        }
        // What the kubelet says of a pod without a sandbox.
        let (namespace, pod) = (&self.namespace, &self.pod);
        Err(Refusal::Text(format!(
            "pod not found (\"{pod}_{namespace}\")"
        )))
    }

    /// Ready when the pod is gone or has ended, or the cluster has.
    pub(crate) async fn ended(&self) {
        let ended = self.kubelet.ended(&self.namespace, &self.pod, &self.uid);
        ended.await;
    }
}

struct Found {
    uid: String,
    node: String,
    container: String,
    /// Of the container, or null.
    status: Value,
    is_virtual: bool,
}

impl Found {
    /// Whether it is the container before the last start whose log is wanted. An error says why there
    /// is none, in the words of the kubelet.
    fn logged(&self, pod: &str, previous: bool) -> Result<bool, Status> {
        let container = &self.container;
        let (state, last) = (&self.status["state"], &self.status["lastState"]);
        let has_last = fields::has(last, "terminated");
        let waits = fields::has(state, "waiting");
        let refuse = |why: &str| {
            let message = format!("container {container:?} in pod {pod:?} {why}");
            Err(Status::bad_request(message))
        };
        if self.status.is_null() {
            return refuse("is not available");
        }
        if previous && !has_last {
            return Err(no_previous(container, pod));
        }
        if fields::has(state, "running") || fields::has(state, "terminated") {
            return Ok(previous);
        }
        if has_last {
            // The one that ended is the newest that there is.
            return Ok(false);
        }
        if !waits {
            return refuse("is waiting to start - no logs yet");
        }
        match fields::text(&state["waiting"], "reason") {
            "ErrImagePull" => refuse("is waiting to start: image can't be pulled"),
            "ImagePullBackOff" => refuse("is waiting to start: trying and failing to pull image"),
            reason => refuse(&format!("is waiting to start: {reason}")),
        }
    }
}

fn no_previous(container: &str, pod: &str) -> Status {
    Status::bad_request(format!(
        "previous terminated container {container:?} in pod {pod:?} not found"
    ))
}

fn has_ended(pod: &Value) -> bool {
    ["Succeeded", "Failed"].contains(&fields::text(&pod["status"], "phase"))
}

fn choose(pod: &str, main: &[String], init: &[String]) -> String {
    let list = |names: &[String]| format!("[{}]", names.join(" "));
    let main = list(main);
    let message =
        format!("a container name must be specified for pod {pod}, choose one of: {main}");
    if init.is_empty() {
        return message;
    }
    format!("{message} or one of the init containers: {}", list(init))
}
