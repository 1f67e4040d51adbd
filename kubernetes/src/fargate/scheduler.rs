//! `fargate-scheduler`: a machine for every pod that runs on Fargate, and its end.
//!
//! A key is a pod. If it is there and has no node, it gets a machine, then a node of that name, then
//! it is bound. If it is gone, its node and its machine go. Stopped anywhere, the next
//! look goes on: the machine is named by the pod's uid, and the node says whose it is.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Lookup, unsupported};
use super::{PROFILE_LABEL, SCHEDULER, node, size};
use crate::capacity::{Capacity, CapacityError, Machine, PodRef};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, Deletion, EventType, Part, Reference};
use crate::controllers::{Frame, Key, Outcome, Seen};
use crate::scheduler::model::{Claim, Volume};
use crate::scheduler::{Binding, bind, set_condition};
use crate::store::Object;
use crate::{Status, fields};

/// A pod that could not be placed is looked at again after this time.
const RETRY: Duration = Duration::from_secs(30);

/// How many pods are worked on at a time.
const WORKERS: usize = 16;

/// Where AWS looks for the configuration of logs.
const LOGGING: (&str, &str) = ("aws-observability", "aws-logging");

struct Scheduler {
    cluster: Cluster,
    capacity: Arc<dyn Capacity>,
    by: Actor,
    /// Which nodes pods have.
    nodes: Mutex<HashMap<Key, BTreeMap<String, PodRef>>>,
}

/// Runs for ever.
///
/// # Errors
/// The cluster lacks a resource that every cluster has.
pub async fn run(cluster: Cluster, capacity: Arc<dyn Capacity>) -> Result<(), Status> {
    let scheduler = Arc::new(Scheduler {
        by: Actor::system("eks:fargate-scheduler", SCHEDULER, SCHEDULER),
        cluster: cluster.clone(),
        capacity,
        nodes: Mutex::default(),
    });
    scheduler.sweep().await;
    let clock = cluster.clone();
    let mut frame = Frame::new(SCHEDULER, cluster.store(), move || clock.now());
    let known = Arc::clone(&scheduler);
    frame.on(cluster.shelf("nodes")?, move |seen| known.node(seen));
    frame.on(cluster.shelf("pods")?, |seen| {
        let ours = |object: &&Arc<Object>| object.label(PROFILE_LABEL).is_some();
        let any = seen
            .states()
            .any(|object| ours(&object) || object.value()["spec"]["schedulerName"] == SCHEDULER);
        let keys = seen.latest().filter(|_| any).map(|object| Key::of(object));
        keys.into_iter().collect()
    });
    let waiting = Arc::clone(&scheduler);
    frame.on(cluster.shelf("persistentvolumeclaims")?, move |seen| {
        waiting.claim(seen)
    });
    frame
        .run(WORKERS, move |key| {
            let scheduler = Arc::clone(&scheduler);
            async move { scheduler.work(&key).await }
        })
        .await;
    Ok(())
}

impl Scheduler {
    /// Takes back the machines of pods that went while nobody looked.
    async fn sweep(&self) {
        let pods = self.cluster.list("pods", None);
        let ours = pods.iter().filter(|pod| pod.label(PROFILE_LABEL).is_some());
        let uids: Vec<String> = ours.map(|pod| pod.uid.clone()).collect();
        if let Err(error) = self.capacity.retain(&uids).await {
            tracing::warn!(error = %error, "machines of pods that are gone were not taken back");
        }
    }

    fn node(&self, seen: &Seen<'_>) -> Vec<Key> {
        let Some(object) = seen.latest() else {
            return Vec::new();
        };
        let Some(owner) = node::owner(&object.value()) else {
            return Vec::new();
        };
        let key = Key::new(&owner.namespace, &owner.name);
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let own = nodes.entry(key.clone()).or_default();
        if seen.new.is_some() {
            own.insert(object.name.clone(), owner);
        } else {
            own.remove(&object.name);
        }
        if own.is_empty() {
            nodes.remove(&key);
        }
        vec![key]
    }

    /// Pods that may have waited for a claim.
    fn claim(&self, seen: &Seen<'_>) -> Vec<Key> {
        let Some(claim) = seen.new else {
            return Vec::new();
        };
        let pods = self.cluster.list("pods", Some(&claim.namespace));
        let waits = |pod: &&Arc<Object>| {
            pod.label(PROFILE_LABEL).is_some()
                && fields::text(&pod.value()["spec"], "nodeName").is_empty()
        };
        pods.iter().filter(waits).map(|pod| Key::of(pod)).collect()
    }

    async fn work(&self, key: &Key) -> Outcome {
        let pod = self.cluster.get("pods", &key.namespace, &key.name);
        // A pod that has ended keeps its node until it is deleted: AWS ties them together.
        let pod = pod.map(|pod| (pod.value(), pod));
        let ours = pod.filter(|(value, _)| value["spec"]["schedulerName"] == SCHEDULER);
        let uid = ours.as_ref().map_or("", |(_, pod)| pod.uid.as_str());
        self.clear(key, uid).await?;
        match &ours {
            Some((value, pod)) => self.place(pod, value).await,
            None => Ok(None),
        }
    }

    /// Removes nodes and machines that a key has for other pods than the one that lives.
    async fn clear(&self, key: &Key, uid: &str) -> Result<(), Status> {
        let nodes = {
            let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
            nodes.get(key).cloned().unwrap_or_default()
        };
        for (name, owner) in nodes.into_iter().filter(|(_, owner)| owner.uid != uid) {
            let how = Deletion::default();
            match self
                .cluster
                .delete("nodes", "", &name, &how, &self.by)
                .await
            {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => self.release(&owner.uid).await?,
            }
        }
        Ok(())
    }

    async fn release(&self, uid: &str) -> Result<(), Status> {
        self.capacity.release(uid).await.map_err(Status::internal)
    }

    async fn place(&self, object: &Object, pod: &Value) -> Outcome {
        let spec = &pod["spec"];
        let ended = matches!(
            fields::text(&pod["status"], "phase"),
            "Succeeded" | "Failed"
        );
        if ended
            || !fields::text(spec, "nodeName").is_empty()
            || !fields::list(spec, "schedulingGates").is_empty()
            || object.deleting
        {
            return Ok(None);
        }
        let profile = match self.profile(object) {
            Ok(profile) => profile,
            Err(why) => return self.refuse(object, &why).await,
        };
        if let Some(why) = unsupported(spec, &Claims(&self.cluster, &object.namespace)) {
            return self.refuse(object, &why).await;
        }
        let wanted = size::size(spec);
        if wanted.storage_gib > size::MOST_STORAGE_GIB {
            return self.refuse(object, TOO_LARGE).await;
        }
        let owner = PodRef {
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            uid: object.uid.clone(),
        };
        match self.capacity.provision(&owner, wanted, &profile).await {
            Ok(machine) => self.assign(object, &owner, &machine).await,
            Err(CapacityError::TooLarge) => self.refuse(object, TOO_LARGE).await,
            Err(CapacityError::Unavailable(why)) => {
                tracing::warn!(pod = %object.name, why, "no machine for a pod on Fargate");
                let PodRef {
                    namespace, name, ..
                } = &owner;
                let text =
                    format!("Pod provisioning timed out (will retry) for pod: {namespace}/{name}");
                self.refuse(object, &text).await
            }
        }
    }

    /// The profile that a pod says, if there is one.
    fn profile(&self, pod: &Object) -> Result<String, String> {
        let Some(name) = pod.label(PROFILE_LABEL) else {
            return Err(format!(
                "Misconfigured Fargate Profile: pod does not have profile label {PROFILE_LABEL}"
            ));
        };
        let settings = self.cluster.settings();
        let mut profiles = settings.fargate.iter();
        if profiles.any(|profile| profile.name == name && profile.active) {
            return Ok(name.to_owned());
        }
        Err(format!(
            "Misconfigured Fargate Profile: fargate profile {name} blocked for new launches due to: fargate profile not found"
        ))
    }

    async fn assign(&self, object: &Object, owner: &PodRef, machine: &Machine) -> Outcome {
        let region = self.cluster.settings().region.clone();
        let wanted = node::object(machine, owner, &region, self.cluster.now());
        self.register(&wanted, owner).await?;
        let logged = self
            .cluster
            .get("configmaps", LOGGING.0, LOGGING.1)
            .is_some();
        let logging = if logged {
            "LoggingEnabled"
        } else {
            "LoggingDisabled: LOGGING_CONFIGMAP_NOT_FOUND"
        };
        let annotations = [
            ("CapacityProvisioned", machine.provisioned.as_str()),
            ("Logging", logging),
        ];
        let binding = Binding {
            uid: owner.uid.clone(),
            node: machine.node.clone(),
            labels: BTreeMap::new(),
            annotations: annotations
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        let PodRef {
            namespace, name, ..
        } = owner;
        bind(&self.cluster, namespace, name, &binding, &self.by).await?;
        if logged {
            let text = "Successfully enabled logging for pod";
            self.event(object, EventType::Normal, "LoggingEnabled", text)
                .await;
        } else {
            let text = "Disabled logging because aws-logging configmap was not found. configmap \"aws-logging\" not found";
            self.event(object, EventType::Warning, "LoggingDisabled", text)
                .await;
        }
        let node = &machine.node;
        let text = format!("Successfully assigned {namespace}/{name} to {node}");
        self.event(object, EventType::Normal, "Scheduled", &text)
            .await;
        Ok(None)
    }

    /// Makes the node, unless it is there.
    async fn register(&self, wanted: &Value, owner: &PodRef) -> Result<(), Status> {
        let name = fields::text(&wanted["metadata"], "name");
        match self.cluster.create("nodes", wanted.clone(), &self.by).await {
            Err(status) if status.is_already_exists() => {
                let there = self.cluster.get("nodes", "", name);
                let ours = there.and_then(|there| node::owner(&there.value()));
                if ours.as_ref() != Some(owner) {
                    // The one of the pod that had the address before is about to go.
                    return Err(status);
                }
            }
            Err(status) => return Err(status),
            Ok(_made) => {}
        }
        let complete = |node: &mut Value| {
            if node["status"]["addresses"].is_null() || node["status"]["allocatable"].is_null() {
                node["status"] = wanted["status"].clone();
            }
            Ok(())
        };
        let done = self
            .cluster
            .modify("nodes", "", name, Part::Status, &self.by, complete);
        done.await.map(drop)
    }

    async fn refuse(&self, pod: &Object, message: &str) -> Outcome {
        let now = rfc3339(self.cluster.now());
        self.event(pod, EventType::Warning, "FailedScheduling", message)
            .await;
        let tell = |value: &mut Value| {
            let condition = json!({
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
                "lastProbeTime": null,
                "lastTransitionTime": now,
            });
            set_condition(value, condition);
            Ok(())
        };
        let (namespace, name) = (&pod.namespace, &pod.name);
        let told = self
            .cluster
            .modify("pods", namespace, name, Part::Status, &self.by, tell);
        match told.await {
            Err(status) if status.is_not_found() => Ok(None),
            Err(status) => Err(status),
            Ok(_) => Ok(Some(RETRY)),
        }
    }

    async fn event(&self, pod: &Object, kind: EventType, reason: &str, message: &str) {
        let about = Reference::to("v1", "Pod", pod);
        self.cluster
            .event(&self.by, &about, kind, reason, message)
            .await;
    }
}

const TOO_LARGE: &str = "Your pod's cpu/memory requirements exceed the max Fargate configuration";

/// The claims of a namespace.
struct Claims<'a>(&'a Cluster, &'a str);

impl Lookup for Claims<'_> {
    fn claim(&self, name: &str) -> Option<Claim> {
        let found = self.0.get("persistentvolumeclaims", self.1, name)?;
        Some(Claim::read(&found.value()))
    }

    fn volume(&self, name: &str) -> Option<Volume> {
        let found = self.0.get("persistentvolumes", "", name)?;
        Some(Volume::read(&found.value()))
    }
}
