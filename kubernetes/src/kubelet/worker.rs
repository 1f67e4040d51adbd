//! One pod: what it is, what it should be, and the step between.
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use wharf_runtime::{ContainerState, ContainerStatus, PodSpec, PodStatus, Terminated};
use wharf_types::Timestamp;

use super::events::{about, about_container, actor};
use super::queue::Key;
use super::status::{Seen, adopted, status, waiting};
use super::translate::{Context, Refusal, Trouble, translate};
use super::{Kubelet, virtuals};
use crate::cluster::time::parse_rfc3339;
use crate::cluster::{Deletion, Part};
use crate::{Status, fields};

/// After how long something that is missing is looked for again, if nobody tells of it.
const RETRY: Duration = Duration::from_mins(1);

/// After how long an address, or a node that is down, is asked for again.
const ADDRESS_RETRY: Duration = Duration::from_secs(10);

const DEADLINE: (&str, &str) = (
    "DeadlineExceeded",
    "Pod was active on the node longer than the specified deadline",
);

/// A pod and the node that it is on.
struct Placed {
    key: Key,
    pod: Value,
    uid: String,
    node: String,
    host: Value,
    host_ip: Option<IpAddr>,
    is_virtual: bool,
}

/// What came of bringing a pod to its engine.
enum Outcome {
    Runs(PodStatus),
    Refused(Refusal),
    NoAddress,
}

impl Kubelet {
    /// Looks at a pod and does what is to be done. Answers when it changes by itself.
    pub(super) async fn sync(&self, key: &Key) -> Result<Option<Timestamp>, Status> {
        let Some(object) = self.0.cluster.get("pods", &key.0, &key.1) else {
            self.forget(key).await;
            return Ok(None);
        };
        let pod = object.value();
        let node = fields::text(&pod["spec"], "nodeName").to_owned();
        let Some(host) = self
            .0
            .cluster
            .get("nodes", "", &node)
            .filter(|_| !node.is_empty())
        else {
            return Ok(None);
        };
        let now = self.0.cluster.now();
        if !self.0.addresses.is_up(&node) {
            return Ok(Some(now + ADDRESS_RETRY));
        }
        if self
            .0
            .state
            .get(key)
            .is_some_and(|known| known.uid != object.uid)
        {
            self.forget(key).await;
        }
        let host = host.value();
        let placed = Placed {
            key: key.clone(),
            uid: object.uid.clone(),
            host_ip: internal_ip(&host),
            is_virtual: virtuals::is_virtual(&pod),
            pod,
            node,
            host,
        };
        let phase = fields::text(&placed.pod["status"], "phase");
        if object.deleting {
            self.end(&placed, now).await
        } else if ["Succeeded", "Failed"].contains(&phase) {
            self.rest(&placed).await;
            Ok(None)
        } else {
            self.advance(&placed, now).await
        }
    }

    /// Frees everything of a pod that is gone.
    async fn forget(&self, key: &Key) {
        let Some(known) = self.0.state.forget(key) else {
            return;
        };
        let engine = self.engine(known.is_virtual);
        let ended = engine.stop(&known.uid, Duration::ZERO).await.map(drop);
        let removed = engine.remove(&known.uid).await;
        if let Err(error) = ended.and(removed) {
            tracing::warn!(pod = known.uid, %error, "a pod that is gone could not be removed");
        }
        self.0.addresses.release(&known.node, &known.uid);
    }

    /// A pod that has ended keeps its logs, but not its address.
    async fn rest(&self, placed: &Placed) {
        let engine = self.engine(placed.is_virtual);
        let runs = engine.status(&placed.uid);
        if runs.is_some_and(|status| status.containers.iter().any(ContainerStatus::is_running))
            && let Err(error) = engine.stop(&placed.uid, Duration::ZERO).await
        {
            tracing::warn!(pod = placed.uid, %error, "a pod that has ended could not be stopped");
        }
        self.0.addresses.release(&placed.node, &placed.uid);
        self.0.state.set_waiting(&placed.key, false);
    }

    async fn advance(&self, placed: &Placed, now: Timestamp) -> Result<Option<Timestamp>, Status> {
        let deadline = deadline(&placed.pod, now);
        if deadline.is_some_and(|deadline| deadline <= now) {
            return self.exceed(placed, now).await;
        }
        let last = adopted(&placed.pod);
        self.0.state.change(&placed.key, |known| {
            if known.uid != placed.uid {
                known.uid.clone_from(&placed.uid);
                known.node.clone_from(&placed.node);
                known.is_virtual = placed.is_virtual;
                let ids = last.iter().flat_map(|last| &last.containers);
                known.told = ids.map(|container| container.id.clone()).collect();
            }
        });
        let again = match self.bring(placed, last).await? {
            Outcome::Runs(ran) => {
                self.0.state.set_waiting(&placed.key, false);
                self.tell_started(placed, &ran);
                self.write_running(placed, &ran, now).await?;
                ran.next_change
            }
            Outcome::Refused(refusal) => {
                self.refuse(placed, &refusal, now).await?;
                (refusal.trouble != Trouble::Policy).then_some(now + RETRY)
            }
            Outcome::NoAddress => {
                self.complain(placed, "FailedCreatePodSandBox", "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container");
                self.write_waiting(placed, &[], now).await?;
                Some(now + ADDRESS_RETRY)
            }
        };
        Ok([again, deadline].into_iter().flatten().min())
    }

    /// Gives the engine the pod as it is now, unless it has it already.
    async fn bring(&self, placed: &Placed, last: Option<PodStatus>) -> Result<Outcome, Status> {
        let engine = self.engine(placed.is_virtual);
        let generation = fields::integer(&placed.pod["metadata"], "generation");
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        if known.generation == Some(generation)
            && let Some(status) = engine.status(&placed.uid)
        {
            return Ok(Outcome::Runs(status));
        }
        let Some(ip) = self.address(placed) else {
            return Ok(Outcome::NoAddress);
        };
        let (spec, refused) = match self.spec(placed, ip) {
            Ok(translated) => translated,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let ran = engine.run(spec, last).await;
        let ran = match ran {
            Ok(ran) => ran,
            Err(wharf_runtime::Error::Start { reason, message }) => {
                tracing::debug!(reason, message, "the engine did not start a pod");
                return Ok(Outcome::Refused(Refusal {
                    trouble: Trouble::Config,
                    container: None,
                    message,
                }));
            }
            Err(error) => return Err(Status::internal(error)),
        };
        for refusal in &refused {
            self.tell_refusal(placed, refusal);
        }
        self.0.state.change(&placed.key, |known| {
            known.generation = Some(generation);
            known.complaint.clear();
            known.refused = refused
                .into_iter()
                .map(|one| {
                    (
                        one.container.clone().unwrap_or_default(),
                        one.reason(),
                        one.message,
                    )
                })
                .collect();
        });
        Ok(Outcome::Runs(ran))
    }

    /// The address of a pod: its node's on Fargate and in the network of its node.
    fn address(&self, placed: &Placed) -> Option<IpAddr> {
        let labels = &placed.host["metadata"]["labels"];
        let fargate = fields::text(labels, "eks.amazonaws.com/compute-type") == "fargate";
        // Only virtual pods come that far with it.
        if fargate || fields::flag(&placed.pod["spec"], "hostNetwork") {
            return placed.host_ip;
        }
        let before = fields::text(&placed.pod["status"], "podIP").parse().ok();
        self.0.addresses.allocate(&placed.node, &placed.uid, before)
    }

    fn spec(&self, placed: &Placed, ip: IpAddr) -> Result<(PodSpec, Vec<Refusal>), Refusal> {
        let Placed { pod, host, .. } = placed;
        if placed.is_virtual
            && let Some(spec) = virtuals::spec(pod, Some(ip))
        {
            return Ok((spec, Vec::new()));
        }
        let cluster = &self.0.cluster;
        let lookup = |resource: &str, namespace: &str, name: &str| {
            cluster
                .get(resource, namespace, name)
                .map(|object| object.value())
        };
        let services = self.0.links.of(cluster, &placed.key.0);
        let dns = cluster
            .get("services", "kube-system", "kube-dns")
            .and_then(|service| {
                let service = service.value();
                fields::text(&service["spec"], "clusterIP").parse().ok()
            });
        let context = Context {
            lookup: &lookup,
            pod_ip: Some(ip),
            host_ip: placed.host_ip,
            allocatable: &host["status"]["allocatable"],
            services: &services,
            dns,
            finishes: finishes(pod),
        };
        let translated = translate(pod, &context)?;
        Ok((translated.spec, translated.refused))
    }

    /// Says why a pod does not run, and makes sure that it does not.
    async fn refuse(
        &self,
        placed: &Placed,
        refusal: &Refusal,
        now: Timestamp,
    ) -> Result<(), Status> {
        let engine = self.engine(placed.is_virtual);
        if engine.status(&placed.uid).is_some() {
            engine
                .stop(&placed.uid, Duration::ZERO)
                .await
                .map_err(Status::internal)?;
            engine.remove(&placed.uid).await.map_err(Status::internal)?;
        }
        self.0.addresses.release(&placed.node, &placed.uid);
        let waits = refusal.trouble != Trouble::Policy;
        self.0.state.set_waiting(&placed.key, waits);
        self.0
            .state
            .change(&placed.key, |known| known.generation = None);
        self.tell_refusal(placed, refusal);
        let refused = if refusal.trouble == Trouble::Mount {
            Vec::new()
        } else {
            let names = refused_names(&placed.pod, refusal);
            let one = |name: &String| waiting(name, refusal.reason(), &refusal.message);
            names.iter().map(one).collect()
        };
        self.write_waiting(placed, &refused, now).await
    }

    fn tell_refusal(&self, placed: &Placed, refusal: &Refusal) {
        match refusal.trouble {
            Trouble::Mount => self.complain(placed, "FailedMount", &refusal.message),
            Trouble::Image => {
                let name = refusal.container.as_deref().unwrap_or_default();
                let about = about_container(&placed.pod, name);
                if self.is_new_complaint(placed, &refusal.message) {
                    self.0
                        .events
                        .warning(&about, "InspectFailed", refusal.message.clone());
                    self.0
                        .events
                        .warning(&about, "Failed", "Error: InvalidImageName".to_owned());
                }
            }
            Trouble::Policy | Trouble::Config => {
                let names = refused_names(&placed.pod, refusal);
                let name = names.first().map(String::as_str).unwrap_or_default();
                if self.is_new_complaint(placed, &refusal.message) {
                    let about = about_container(&placed.pod, name);
                    let message = format!("Error: {}", refusal.message);
                    self.0.events.warning(&about, "Failed", message);
                }
            }
        }
    }

    fn complain(&self, placed: &Placed, reason: &'static str, message: &str) {
        if self.is_new_complaint(placed, message) {
            self.0
                .events
                .warning(&about(&placed.pod), reason, message.to_owned());
        }
    }

    /// The same thing is told once.
    fn is_new_complaint(&self, placed: &Placed, message: &str) -> bool {
        let mut new = false;
        self.0.state.change(&placed.key, |known| {
            new = known.complaint != message;
            message.clone_into(&mut known.complaint);
        });
        new
    }

    fn tell_started(&self, placed: &Placed, ran: &PodStatus) {
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        let new: Vec<&ContainerStatus> = ran
            .containers
            .iter()
            .filter(|one| !one.id.is_empty() && !known.told.contains(&one.id))
            .collect();
        if new.is_empty() {
            return;
        }
        for container in &new {
            let name = &container.name;
            let about = about_container(&placed.pod, name);
            let image = image(&placed.pod, name);
            let events = &self.0.events;
            events.normal(
                &about,
                "Pulled",
                format!("Container image \"{image}\" already present on machine"),
            );
            events.normal(&about, "Created", format!("Created container: {name}"));
            events.normal(&about, "Started", format!("Started container {name}"));
        }
        let ids: Vec<String> = ran.containers.iter().map(|one| one.id.clone()).collect();
        self.0
            .state
            .change(&placed.key, |known| known.told = ids.into_iter().collect());
    }

    async fn exceed(&self, placed: &Placed, now: Timestamp) -> Result<Option<Timestamp>, Status> {
        let containers = self.stopped(placed, Duration::ZERO, now).await?;
        let (reason, message) = DEADLINE;
        self.0
            .events
            .normal(&about(&placed.pod), reason, message.to_owned());
        let seen = Seen {
            ended: true,
            failure: Some(DEADLINE),
            ..self.seen(placed, &containers, now)
        };
        self.write(placed, &seen).await?;
        Ok(None)
    }

    /// A pod that is to be deleted: stop it, say how it ended, and let it go.
    async fn end(&self, placed: &Placed, now: Timestamp) -> Result<Option<Timestamp>, Status> {
        let grace = fields::integer(&placed.pod["metadata"], "deletionGracePeriodSeconds");
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        let containers = self.stopped(placed, grace, now).await?;
        let seen = Seen {
            ended: true,
            ..self.seen(placed, &containers, now)
        };
        self.write(placed, &seen).await?;
        let engine = self.engine(placed.is_virtual);
        engine.remove(&placed.uid).await.map_err(Status::internal)?;
        self.0.addresses.release(&placed.node, &placed.uid);
        let how = Deletion {
            grace_secs: Some(0),
            uid: Some(placed.uid.clone()),
            ..Deletion::default()
        };
        let (namespace, name) = (&placed.key.0, &placed.key.1);
        let by = actor(&placed.node);
        match self
            .0
            .cluster
            .delete("pods", namespace, name, &how, &by)
            .await
        {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(None),
        }
    }

    /// Stops a pod and tells how its containers ended.
    async fn stopped(
        &self,
        placed: &Placed,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Vec<ContainerStatus>, Status> {
        let engine = self.engine(placed.is_virtual);
        let before = engine.status(&placed.uid).or_else(|| adopted(&placed.pod));
        let running = before.iter().flat_map(|status| &status.containers);
        for container in running.filter(|one| one.is_running()) {
            let about = about_container(&placed.pod, &container.name);
            let message = format!("Stopping container {}", container.name);
            self.0.events.normal(&about, "Killing", message);
        }
        let ended = engine
            .stop(&placed.uid, grace)
            .await
            .map_err(Status::internal)?;
        Ok(match (ended, before) {
            (Some(ended), _) => ended.containers,
            (None, Some(before)) => before
                .containers
                .into_iter()
                .map(|one| lost(one, now))
                .collect(),
            (None, None) => Vec::new(),
        })
    }

    fn seen<'a>(
        &self,
        placed: &Placed,
        containers: &'a [ContainerStatus],
        now: Timestamp,
    ) -> Seen<'a> {
        Seen {
            containers,
            sandbox: false,
            ip: None,
            host_ip: placed.host_ip,
            ended: false,
            failure: None,
            generations: has_generations(&self.0.cluster.settings().version),
            now,
        }
    }

    async fn write_running(
        &self,
        placed: &Placed,
        ran: &PodStatus,
        now: Timestamp,
    ) -> Result<(), Status> {
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        let mut containers = ran.containers.clone();
        for (name, reason, message) in &known.refused {
            containers.push(waiting(name, reason, message));
        }
        let seen = Seen {
            sandbox: true,
            ip: ran.ip,
            ..self.seen(placed, &containers, now)
        };
        self.write(placed, &seen).await
    }

    async fn write_waiting(
        &self,
        placed: &Placed,
        containers: &[ContainerStatus],
        now: Timestamp,
    ) -> Result<(), Status> {
        self.write(placed, &self.seen(placed, containers, now))
            .await
    }

    async fn write(&self, placed: &Placed, seen: &Seen<'_>) -> Result<(), Status> {
        let (namespace, name) = (&placed.key.0, &placed.key.1);
        let by = actor(&placed.node);
        let change = |pod: &mut Value| {
            if fields::text(&pod["metadata"], "uid") != placed.uid {
                return Err(Status::not_found("pods", "", name));
            }
            let status = status(pod, seen);
            fields::set(pod, "status", status);
            Ok(())
        };
        let cluster = &self.0.cluster;
        let written = cluster
            .modify("pods", namespace, name, Part::Status, &by, change)
            .await?;
        self.0.state.change(&placed.key, |known| {
            known.uid.clone_from(&placed.uid);
            known.node.clone_from(&placed.node);
            known.is_virtual = placed.is_virtual;
            known.written = written.revision;
        });
        Ok(())
    }
}

/// What is said of a container of which the engine knows nothing.
fn lost(mut container: ContainerStatus, now: Timestamp) -> ContainerStatus {
    if let ContainerState::Running { since } = container.state {
        container.state = ContainerState::Terminated(Terminated {
            exit_code: 137,
            reason: "ContainerStatusUnknown".to_owned(),
            message: "The container could not be located when the pod was terminated".to_owned(),
            started: since,
            finished: now,
        });
        container.ready = false;
        container.started = false;
    }
    container
}

pub(super) fn internal_ip(node: &Value) -> Option<IpAddr> {
    let mut all = fields::list(&node["status"], "addresses").iter();
    let found = all.find(|address| fields::text(address, "type") == "InternalIP")?;
    fields::text(found, "address").parse().ok()
}

/// When a pod has run long enough.
fn deadline(pod: &Value, now: Timestamp) -> Option<Timestamp> {
    let secs = fields::number(&pod["spec"]["activeDeadlineSeconds"])?;
    let started = parse_rfc3339(fields::text(&pod["status"], "startTime")).unwrap_or(now);
    Some(started + Duration::from_secs(u64::try_from(secs).ok()?))
}

/// Whether the work of a pod ends: jobs make such pods.
fn finishes(pod: &Value) -> bool {
    let mut owners = fields::list(&pod["metadata"], "ownerReferences").iter();
    owners.any(|owner| fields::text(owner, "kind") == "Job" && fields::flag(owner, "controller"))
        && fields::text(&pod["spec"], "restartPolicy") != "Always"
}

/// The containers that a refusal is about: the one that it names, else those that come first.
fn refused_names(pod: &Value, refusal: &Refusal) -> Vec<String> {
    if let Some(name) = &refusal.container {
        return vec![name.clone()];
    }
    let name = |container: &Value| fields::text(container, "name").to_owned();
    match fields::list(&pod["spec"], "initContainers").first() {
        Some(init) => vec![name(init)],
        None => fields::list(&pod["spec"], "containers")
            .iter()
            .map(name)
            .collect(),
    }
}

fn image<'a>(pod: &'a Value, container: &str) -> &'a str {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let mut all = lists
        .into_iter()
        .flat_map(|list| fields::list(&pod["spec"], list));
    let found = all.find(|one| fields::text(one, "name") == container);
    found.map_or("", |container| fields::text(container, "image"))
}

/// Statuses tell the generation that they are about since 1.34.
fn has_generations(version: &str) -> bool {
    let minor = version
        .split_once('.')
        .and_then(|(_, minor)| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 34)
}
