//! One pod: what it is, what it should be, and the step between.
mod end;
mod stop;
mod tell;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
pub(super) use stop::{Ended, Stop};
use wharf_runtime::{ContainerStatus, PodSpec, PodStatus};
use wharf_types::Timestamp;

use super::queue::Key;
use super::status::adopted;
use super::translate::{Context, Refusal, Trouble, translate};
use super::{Kubelet, virtuals};
use crate::cluster::time::parse_rfc3339;
use crate::store::Object;
use crate::views::NodeView;
use crate::{Status, fields};

/// After how long something that is missing is looked for again, if nobody tells of it.
const RETRY: Duration = Duration::from_mins(1);

/// After how long an address, or a node that is down, is asked for again.
const ADDRESS_RETRY: Duration = Duration::from_secs(10);

/// A pod and the node that it is on.
struct Placed {
    key: Key,
    pod: Value,
    uid: String,
    node: String,
    host: Arc<NodeView>,
    host_ip: Option<IpAddr>,
    is_virtual: bool,
}

/// What comes after a look at a pod.
pub(super) enum Next {
    /// Another look, if it changes by itself.
    At(Option<Timestamp>),
    /// It is to be stopped, which may take long.
    Stop(Stop),
}

/// What came of bringing a pod to its engine.
enum Outcome {
    Runs(PodStatus),
    Refused(Refusal),
    NoAddress,
}

impl Kubelet {
    /// Looks at a pod and does what is to be done. Answers when it changes by itself.
    pub(super) async fn sync(&self, key: &Key) -> Result<Next, Status> {
        let Some(object) = self.0.cluster.get("pods", &key.0, &key.1) else {
            self.forget(key).await;
            return Ok(Next::At(None));
        };
        let pod = object.value();
        let node = fields::text(&pod["spec"], "nodeName").to_owned();
        let Some(host) = self
            .0
            .cluster
            .get("nodes", "", &node)
            .filter(|_| !node.is_empty())
        else {
            return Ok(Next::At(None));
        };
        let now = self.0.cluster.now();
        if !self.0.addresses.is_up(&node) {
            return Ok(Next::At(Some(now + ADDRESS_RETRY)));
        }
        if self
            .0
            .state
            .get(key)
            .is_some_and(|known| known.uid != object.uid)
        {
            self.forget(key).await;
        }
        let host = host.view::<NodeView>();
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
            Ok(Next::At(None))
        } else {
            self.advance(&placed, now).await.map(Next::At)
        }
    }

    /// Keeps the address that a pod had before a restart of the server.
    pub(super) fn reserve(&self, object: &Object) {
        let pod = object.value();
        let status = &pod["status"];
        let ended = ["Succeeded", "Failed"].contains(&fields::text(status, "phase"));
        let own = fields::text(status, "podIP");
        // Pods of Fargate and of the network of their node have the address of the node.
        if ended || own == fields::text(status, "hostIP") {
            return;
        }
        if let Ok(ip) = own.parse() {
            let node = fields::text(&pod["spec"], "nodeName");
            let _same = self.0.addresses.allocate(node, &object.uid, Some(ip));
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
        self.0.tokens.forget(&known.uid);
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
                let renew = self.0.state.get(&placed.key).and_then(|known| known.renew);
                [ran.next_change, renew].into_iter().flatten().min()
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
        let given = fingerprint(&placed.pod);
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        let now = self.0.cluster.now();
        if known.given == Some(given)
            && known.renew.is_none_or(|renew| now < renew)
            && let Some(status) = engine.status(&placed.uid)
        {
            return Ok(Outcome::Runs(status));
        }
        let Some(ip) = self.address(placed) else {
            return Ok(Outcome::NoAddress);
        };
        // Where nothing runs, nobody reads them, and a signature takes time.
        let real = self.0.tells && !placed.is_virtual;
        let translated = self.spec(placed, ip).and_then(|(mut spec, refused)| {
            let renew = if real {
                let tokens = &self.0.tokens;
                tokens.fill(&self.0.cluster, &placed.pod, &mut spec)?
            } else {
                None
            };
            Ok((spec, refused, renew))
        });
        let (spec, refused, renew) = match translated {
            Ok(translated) => translated,
            Err(refusal) => return Ok(self.refused(placed, refusal, now)),
        };
        let ran = engine.run(spec, last).await;
        let ran = match ran {
            Ok(ran) => ran,
            Err(wharf_runtime::Error::Start { reason, message }) => {
                return Ok(Outcome::Refused(Refusal {
                    trouble: Trouble::Engine(reason),
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
            known.given = Some(given);
            known.renew = renew;
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

    /// What runs runs on as it is if something that it names is gone; it is only told of.
    fn refused(&self, placed: &Placed, refusal: Refusal, now: Timestamp) -> Outcome {
        let status = self.engine(placed.is_virtual).status(&placed.uid);
        let is_missing = matches!(refusal.trouble, Trouble::Config | Trouble::Mount);
        let Some(status) = status.filter(|_| is_missing) else {
            return Outcome::Refused(refusal);
        };
        self.tell_refusal(placed, &refusal);
        let state = &self.0.state;
        state.change(&placed.key, |known| known.renew = Some(now + RETRY));
        Outcome::Runs(status)
    }

    /// The address of a pod: its node's on Fargate and in the network of its node.
    fn address(&self, placed: &Placed) -> Option<IpAddr> {
        let labels = &placed.host.metadata.labels;
        let compute = labels.get("eks.amazonaws.com/compute-type");
        let fargate = compute.is_some_and(|compute| compute == "fargate");
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
        let names = Mutex::new(BTreeSet::new());
        let lookup = |resource: &str, namespace: &str, name: &str| {
            if self.0.tells && ["configmaps", "secrets"].contains(&resource) {
                let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
                names.insert((resource.to_owned(), name.to_owned()));
            }
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
            allocatable: &host.status.allocatable,
            services: &services,
            dns,
            machine_domain: &super::network::private_domain(&cluster.settings().region),
            finishes: finishes(pod),
        };
        let translated = translate(pod, &context);
        let names = names.into_inner().unwrap_or_else(PoisonError::into_inner);
        let state = &self.0.state;
        state.change(&placed.key, |known| known.names = names);
        translated.map(|translated| (translated.spec, translated.refused))
    }
}

fn internal_ip(node: &NodeView) -> Option<IpAddr> {
    let mut all = node.status.addresses.iter();
    let found = all.find(|address| address.r#type == "InternalIP")?;
    found.address.parse().ok()
}

/// When a pod has run long enough.
fn deadline(pod: &Value, now: Timestamp) -> Option<Timestamp> {
    let secs = fields::number(&pod["spec"]["activeDeadlineSeconds"])?;
    let started = parse_rfc3339(fields::text(&pod["status"], "startTime")).unwrap_or(now);
    Some(started + Duration::from_secs(u64::try_from(secs).ok()?))
}

/// Differs with the spec of a pod, and with what its containers may be told of it.
fn fingerprint(pod: &Value) -> u64 {
    let metadata = &pod["metadata"];
    let mut hasher = DefaultHasher::new();
    fields::integer(metadata, "generation").hash(&mut hasher);
    for key in ["labels", "annotations"] {
        metadata[key].to_string().hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether the work of a pod ends: jobs make such pods.
fn finishes(pod: &Value) -> bool {
    let mut owners = fields::list(&pod["metadata"], "ownerReferences").iter();
    owners.any(|owner| fields::text(owner, "kind") == "Job" && fields::flag(owner, "controller"))
        && fields::text(&pod["spec"], "restartPolicy") != "Always"
}
