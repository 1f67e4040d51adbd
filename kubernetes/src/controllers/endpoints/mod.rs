//! Who answers for a service: its endpoint slices and its `Endpoints` object.
mod member;
mod slices;
mod subsets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Frame, Index, Key, Outcome, Seen, WORKERS};
use crate::cluster::{Actor, Deletion, EventType, Part, Reference};
use crate::controllers::pod_control;
use crate::store::Object;
use crate::validation::Selector;
use crate::views::PodView;
use crate::{Cluster, Status, fields};

const SLICES: &str = "endpointslices.discovery.k8s.io";
const ZONE: &str = "topology.kubernetes.io/zone";
const SERVICE: &str = "kubernetes.io/service-name";

pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let clock = cluster.clone();
    let mut frame = Frame::new("endpoints", cluster.store(), move || clock.now());
    let services = cluster.shelf("services")?;
    let pods = cluster.shelf("pods")?;
    let slices = cluster.shelf(SLICES)?;
    let endpoints = cluster.shelf("endpoints")?;
    let store = cluster.store();
    let controller = Arc::new(Controller {
        pods: Index::new(store, Arc::clone(&pods), |pod| {
            let terms = pod.labels.iter();
            terms
                .map(|(key, value)| term(&pod.namespace, key, value))
                .collect()
        }),
        slices: Index::new(store, Arc::clone(&slices), |slice| {
            let name = slice.label(SERVICE);
            name.map(|name| format!("{}/{name}", slice.namespace))
                .into_iter()
                .collect()
        }),
        cluster: cluster.clone(),
    });
    frame.on(Arc::clone(&services), |seen| seen.keys());
    // What was changed by somebody else is made right.
    frame.on(endpoints, |seen| match seen.old {
        Some(_) => seen.keys(),
        None => Vec::new(),
    });
    frame.on(slices, |seen| {
        let own = seen
            .old
            .and_then(|slice| Some(Key::new(&slice.namespace, slice.label(SERVICE)?)));
        own.into_iter().collect()
    });
    frame.on(pods, move |seen| {
        let (Some(latest), true) = (seen.latest(), is_telling(seen)) else {
            return Vec::new();
        };
        let all = services.objects(Some(&latest.namespace));
        let selecting = all
            .iter()
            .filter(|service| seen.states().any(|pod| selects(service, pod)));
        selecting.map(|service| Key::of(service)).collect()
    });
    let work = frame.run(WORKERS, move |key| {
        let controller = Arc::clone(&controller);
        async move { controller.tell(&key).await }
    });
    work.await;
    Ok(())
}

/// Whether a change of a pod may be seen in an endpoint.
fn is_telling(seen: &Seen<'_>) -> bool {
    let (Some(old), Some(new)) = (seen.old, seen.new) else {
        return true;
    };
    let (before, after): (Arc<PodView>, Arc<PodView>) = (old.view(), new.view());
    old.uid != new.uid
        || old.labels != new.labels
        || pod_control::is_ready(&before) != pod_control::is_ready(&after)
        || before.metadata.is_deleting() != after.metadata.is_deleting()
        || pod_control::is_finished(&before) != pod_control::is_finished(&after)
        || before.status.pod_ip != after.status.pod_ip
        || before.status.pod_ips != after.status.pod_ips
        || before.spec.node_name != after.spec.node_name
}

fn term(namespace: &str, key: &str, value: &str) -> String {
    format!("{namespace}/{key}={value}")
}

/// The selector of a service, which is cached with the object.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Selecting {
    spec: SelectingSpec,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct SelectingSpec {
    selector: HashMap<String, String>,
}

fn selects(service: &Object, pod: &Object) -> bool {
    let view: Arc<Selecting> = service.view();
    let selector = &view.spec.selector;
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| pod.label(key) == Some(value))
}

/// Whether a service has no address of its own.
fn is_headless(service: &Value) -> bool {
    let ip = fields::text(&service["spec"], "clusterIP");
    ip.is_empty() || ip == "None"
}

#[derive(Debug)]
struct Controller {
    cluster: Cluster,
    /// By label.
    pods: Index,
    /// By service.
    slices: Index,
}

impl Controller {
    async fn tell(&self, key: &Key) -> Outcome {
        let Some(service) = self.cluster.get("services", &key.namespace, &key.name) else {
            return self.forget(key).await;
        };
        let value = service.value();
        let selector = &value["spec"]["selector"];
        let outside = fields::text(&value["spec"], "type") == "ExternalName";
        if outside || fields::count(selector) == 0 || service.deleting {
            return Ok(None);
        }
        let pods: Vec<Arc<PodView>> = self.selected(&key.namespace, selector);
        let pods: Vec<&PodView> = pods.iter().map(AsRef::as_ref).collect();
        let told = self.tell_slices(key, &value, &pods).await;
        let told = told.and(self.tell_endpoints(key, &value, &pods).await);
        if let Err(status) = told {
            if status.reason == "Forbidden" || status.is_not_found() {
                // The namespace is on its way.
                return Ok(None);
            }
            let text = format!(
                "Error updating Endpoint Slices for Service {}/{}: {status}",
                key.namespace, key.name
            );
            let about = Reference::to("v1", "Service", &service);
            let (by, kind) = (slice_actor(), EventType::Warning);
            self.cluster
                .event(&by, &about, kind, "FailedToUpdateEndpointSlices", &text)
                .await;
            return Err(status);
        }
        Ok(None)
    }

    fn selected(&self, namespace: &str, selector: &Value) -> Vec<Arc<PodView>> {
        let Some((key, value)) = selector.as_object().and_then(|all| all.iter().next()) else {
            return Vec::new();
        };
        let wanted = Selector::of_labels(selector);
        let found = self
            .pods
            .of(&term(namespace, key, value.as_str().unwrap_or_default()));
        let matching = found.iter().filter(|pod| {
            let labels = pod.labels.iter();
            let labels = labels.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
            wanted.matches(&Value::Object(labels.collect()))
        });
        matching.map(|pod| pod.view()).collect()
    }

    fn own_slices(&self, key: &Key) -> Vec<Value> {
        let all = self.slices.of(&key.to_string());
        let values = all.iter().map(|slice| slice.value());
        values
            .filter(|slice| slices::service_of(slice).is_some())
            .collect()
    }

    fn zones(&self, pods: &[&PodView]) -> HashMap<String, String> {
        let mut zones = HashMap::new();
        for pod in pods {
            let node = &pod.spec.node_name;
            if !node.is_empty() && !zones.contains_key(node) {
                let found = self.cluster.get("nodes", "", node);
                let zone = found
                    .as_ref()
                    .and_then(|node| node.label(ZONE))
                    .unwrap_or_default();
                zones.insert(node.clone(), zone.to_owned());
            }
        }
        zones
    }

    async fn tell_slices(
        &self,
        key: &Key,
        service: &Value,
        pods: &[&PodView],
    ) -> Result<(), Status> {
        let plan = slices::plan(service, pods, &self.zones(pods), &self.own_slices(key));
        let by = slice_actor();
        for slice in plan.create {
            self.cluster.create(SLICES, slice, &by).await?;
        }
        for slice in plan.update {
            let name = fields::text(&slice["metadata"], "name");
            let put = |object: &mut Value| {
                *object = slice.clone();
                Ok(())
            };
            self.cluster
                .modify(SLICES, &key.namespace, name, Part::Main, &by, put)
                .await?;
        }
        for slice in plan.delete {
            let name = fields::text(&slice["metadata"], "name");
            let how = Deletion::default();
            gone(
                self.cluster
                    .delete(SLICES, &key.namespace, name, &how, &by)
                    .await,
            )?;
        }
        Ok(())
    }

    async fn tell_endpoints(
        &self,
        key: &Key,
        service: &Value,
        pods: &[&PodView],
    ) -> Result<(), Status> {
        let by = Actor::controller("endpoint-controller");
        if self
            .cluster
            .get("endpoints", &key.namespace, &key.name)
            .is_none()
        {
            let new = subsets::endpoints(service, pods, &Value::Null);
            let made = self.cluster.create("endpoints", new, &by).await;
            return made.map(drop);
        }
        let Key { namespace, name } = key;
        let changed =
            self.cluster
                .modify("endpoints", namespace, name, Part::Main, &by, |object| {
                    *object = subsets::endpoints(service, pods, object);
                    Ok(())
                });
        changed.await.map(drop)
    }

    /// The service is gone.
    async fn forget(&self, key: &Key) -> Outcome {
        let Key { namespace, name } = key;
        let by = Actor::controller("endpoint-controller");
        let how = Deletion::default();
        gone(
            self.cluster
                .delete("endpoints", namespace, name, &how, &by)
                .await,
        )?;
        for slice in self.own_slices(key) {
            let name = fields::text(&slice["metadata"], "name");
            gone(
                self.cluster
                    .delete(SLICES, namespace, name, &how, &slice_actor())
                    .await,
            )?;
        }
        Ok(None)
    }
}

fn slice_actor() -> Actor {
    Actor::controller("endpoint-slice-controller")
}

fn gone(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(status) if status.is_not_found() => Ok(()),
        outcome => outcome,
    }
}
