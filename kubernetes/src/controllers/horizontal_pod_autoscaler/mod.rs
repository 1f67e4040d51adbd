//! Horizontal pod autoscalers: as many pods as metrics ask for, between a least and a most.
//!
//! Who measures pods is [`crate::metrics::PodMetrics`]. Without figures an autoscaler says so in its
//! conditions and keeps the number within its limits, as it does anywhere.
mod ask;
mod behavior;
mod calculator;
mod look;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ask::{About, Answer};
use behavior::{History, Normal};
use look::Look;
use serde_json::{Value, json};

use super::{Frame, Key, Outcome, WORKERS, save_status};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, EventType, Part, Reference, Resource};
use crate::selector::LabelSelector;
use crate::store::Object;
use crate::views::{AutoscalerView, ScaleTarget};
use crate::{Status, Subresource, fields};

const AUTOSCALERS: &str = "horizontalpodautoscalers.autoscaling";

/// How often metrics are asked for.
const PERIOD: Duration = Duration::from_secs(15);

/// What is remembered of autoscalers, by their keys.
#[derive(Debug)]
struct Controller {
    cluster: Cluster,
    by: Actor,
    histories: Mutex<HashMap<Key, History>>,
}

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("horizontalpodautoscaler", &cluster);
    let controller = Arc::new(Controller {
        cluster: cluster.clone(),
        by: Actor::controller("horizontal-pod-autoscaler"),
        histories: Mutex::default(),
    });
    frame.on(cluster.shelf(AUTOSCALERS)?, |seen| {
        let spec = |object: &Arc<Object>| object.value()["spec"].clone();
        // What was written into the status is no reason to look again.
        let same = seen
            .old
            .zip(seen.new)
            .is_some_and(|(old, new)| spec(old) == spec(new));
        let latest = seen.latest().filter(|_| !same);
        latest.map(|object| Key::of(object)).into_iter().collect()
    });
    frame
        .run(WORKERS, move |key| {
            let controller = Arc::clone(&controller);
            async move { controller.sync(&key).await }
        })
        .await;
    Ok(())
}

/// What came of the metrics.
struct Wish {
    replicas: i64,
    reason: String,
    statuses: Vec<Value>,
}

impl Controller {
    async fn sync(&self, key: &Key) -> Outcome {
        let Some(object) = self.cluster.get(AUTOSCALERS, &key.namespace, &key.name) else {
            let mut histories = self
                .histories
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            histories.remove(key);
            return Ok(None);
        };
        let view: Arc<AutoscalerView> = object.view();
        let mut look = Look {
            about: Reference::to("autoscaling/v2", "HorizontalPodAutoscaler", &object),
            status: view.status.clone(),
            now: self.cluster.now(),
            view,
            object,
        };
        self.scale(&mut look, key).await;
        if look.status != look.view.status {
            save_status(
                &self.cluster,
                &self.by,
                AUTOSCALERS,
                &look.object,
                &look.status,
            )
            .await?;
        }
        Ok(Some(PERIOD))
    }

    async fn scale(&self, look: &mut Look, key: &Key) {
        let target = look.view.spec.scale_target_ref.clone();
        let found = self.target(&key.namespace, &target);
        let (resource, scale) = match found {
            Ok(found) => found,
            Err(why) => {
                self.warn(look, "FailedGetScale", &why).await;
                let text = format!(
                    "the HPA controller was unable to get the target's current scale: {why}"
                );
                return look.condition("AbleToScale", false, "FailedGetScale", &text);
            }
        };
        let text = "the HPA controller was able to get the target's current scale";
        look.condition("AbleToScale", true, "SucceededGetScale", text);
        let current = fields::integer(&scale["spec"], "replicas");
        self.history(key, |history| history.begin(current, self.cluster.now()));
        let (least, most) = limits(&look.view);
        let wish = if current == 0 && least != 0 {
            let text = "scaling is disabled since the replica count of the target is zero";
            look.condition("ScalingActive", false, "ScalingDisabled", text);
            return look.tell(current, current, Vec::new());
        } else if current > most {
            Wish::bound(most, "Current number of replicas above Spec.MaxReplicas")
        } else if current < least {
            Wish::bound(least, "Current number of replicas below Spec.MinReplicas")
        } else {
            match self.wish(look, key, &scale).await {
                Ok(wish) => wish,
                Err((statuses, why)) => {
                    let desired = fields::integer(&look.status, "desiredReplicas");
                    look.tell(current, desired, statuses);
                    return self.warn(look, "FailedComputeMetricsReplicas", &why).await;
                }
            }
        };
        if wish.replicas == current {
            return look.tell(current, current, wish.statuses);
        }
        self.rescale(look, key, &resource, current, wish).await;
    }

    /// The resource and the scale of what is scaled.
    fn target(
        &self,
        namespace: &str,
        target: &ScaleTarget,
    ) -> Result<(Arc<Resource>, Value), String> {
        let group = target
            .api_version
            .rsplit_once('/')
            .map_or("", |(group, _)| group);
        let resources = self.cluster.resources();
        let mut all = resources.all.iter();
        let found = all.find(|own| own.group == group && own.kind == target.kind);
        let Some(resource) = found else {
            let kind = &target.kind;
            return Err(format!("no matches for kind {kind:?} in group {group:?}"));
        };
        let not_found = || Status::not_found(&resource.plural, group, &target.name).to_string();
        if !resource.has(Subresource::Scale) {
            return Err("the server could not find the requested resource".to_owned());
        }
        let object = resource.shelf.get(namespace, &target.name);
        let object = object.ok_or_else(not_found)?;
        let scale = resource
            .scale_of(&object.value())
            .map_err(|e| e.to_string())?;
        Ok((Arc::clone(resource), scale))
    }

    /// What metrics wish for, within the limits; or the statuses of those that say something, and why
    /// nothing comes of them.
    async fn wish(
        &self,
        look: &mut Look,
        key: &Key,
        scale: &Value,
    ) -> Result<Wish, (Vec<Value>, String)> {
        let current = fields::integer(&scale["spec"], "replicas");
        let pods = match self.selected(look, key, scale) {
            Ok(pods) => pods,
            Err((reason, why)) => {
                self.warn(look, reason, &why).await;
                return Err((Vec::new(), why));
            }
        };
        let about = About {
            cluster: &self.cluster,
            namespace: &key.namespace,
            pods: &pods,
            replicas: current,
            now: self.cluster.now(),
        };
        let (answer, statuses) = self.ask(look, &about).await?;
        let reason = if answer.replicas > current {
            format!("{} above target", answer.name)
        } else {
            "All metrics below target".to_owned()
        };
        let (spec, now) = (Arc::clone(&look.view), about.now);
        let normal = self.history(key, |history| {
            history.normalize(&spec.spec, current, answer.replicas, now)
        });
        let Normal {
            replicas,
            able: (able, text),
            limited: (is_limited, (limited, why)),
        } = normal;
        look.condition("AbleToScale", true, able, text);
        look.condition("ScalingLimited", is_limited, limited, why);
        Ok(Wish {
            replicas,
            reason,
            statuses,
        })
    }

    /// Asks all metrics; the one that wishes for the most counts.
    async fn ask(
        &self,
        look: &mut Look,
        about: &About<'_>,
    ) -> Result<(Answer, Vec<Value>), (Vec<Value>, String)> {
        let view = Arc::clone(&look.view);
        let metrics = &view.spec.metrics;
        let (mut most, mut statuses): (Option<Answer>, Vec<Value>) = (None, Vec::new());
        let mut silent = Vec::new();
        for metric in metrics {
            match ask::ask(about, metric) {
                Ok(answer) => {
                    statuses.push(answer.status.clone());
                    if most
                        .as_ref()
                        .is_none_or(|most| answer.replicas > most.replicas)
                    {
                        most = Some(answer);
                    }
                }
                Err(why) => {
                    self.warn(look, why.reason, &why.error).await;
                    statuses.push(json!({ "type": "" }));
                    silent.push(why);
                }
            }
        }
        let enough = |answer: &Answer| silent.is_empty() || answer.replicas >= about.replicas;
        if let Some(answer) = most.filter(enough) {
            let text = format!(
                "the HPA was able to successfully calculate a replica count from {}",
                answer.name
            );
            look.condition("ScalingActive", true, "ValidMetricFound", &text);
            return Ok((answer, statuses));
        }
        let Some(first) = silent.first() else {
            return Err((statuses, "no metrics".to_owned()));
        };
        let text = format!(
            "the HPA was unable to compute the replica count: {}",
            first.error
        );
        look.condition("ScalingActive", false, first.reason, &text);
        let error = if first.what.is_empty() {
            first.error.clone()
        } else {
            format!("{}: {}", first.what, first.error)
        };
        let text = format!(
            "invalid metrics ({} invalid out of {}), first error is: {error}",
            silent.len(),
            metrics.len()
        );
        Err((statuses, text))
    }

    /// The pods of the target, or the reason and text of an event.
    fn selected(
        &self,
        look: &mut Look,
        key: &Key,
        scale: &Value,
    ) -> Result<Vec<Value>, (&'static str, String)> {
        let selector = fields::text(&scale["status"], "selector");
        if selector.is_empty() {
            let text = "the HPA target's scale is missing a selector";
            look.condition("ScalingActive", false, "InvalidSelector", text);
            return Err(("SelectorRequired", "selector is required".to_owned()));
        }
        let read = LabelSelector::parse(selector).map_err(|e| {
            let text = format!(
                "couldn't convert selector into a corresponding internal selector object: {e}"
            );
            ("InvalidSelector", text)
        });
        if let Err((reason, text)) = &read {
            look.condition("ScalingActive", false, reason, text);
        }
        let read = read?;
        let pods = self.cluster.list("pods", Some(&key.namespace));
        let own = pods.iter().filter(|pod| read.matches(&pod.labels));
        Ok(own.map(|pod| pod.value()).collect())
    }

    async fn rescale(
        &self,
        look: &mut Look,
        key: &Key,
        resource: &Resource,
        current: i64,
        wish: Wish,
    ) {
        let Wish {
            replicas,
            reason,
            statuses,
        } = wish;
        let scale = json!({ "spec": { "replicas": replicas } });
        let change = |object: &mut Value| {
            resource.apply_scale(object, &scale);
            Ok(())
        };
        let (qualified, name) = (resource.qualified(), &look.view.spec.scale_target_ref.name);
        let done = self.cluster.modify(
            &qualified,
            &key.namespace,
            name,
            Part::Main,
            &self.by,
            change,
        );
        if let Err(error) = done.await {
            let text = format!("New size: {replicas}; reason: {reason}; error: {error}");
            self.warn(look, "FailedRescale", &text).await;
            let text = format!("the HPA controller was unable to update the target scale: {error}");
            look.condition("AbleToScale", false, "FailedUpdateScale", &text);
            let desired = fields::integer(&look.status, "desiredReplicas");
            return look.tell(current, desired, statuses);
        }
        let text = format!("the HPA controller was able to update the target scale to {replicas}");
        look.condition("AbleToScale", true, "SucceededRescale", &text);
        let text = format!("New size: {replicas}; reason: {reason}");
        let (about, kind) = (&look.about, EventType::Normal);
        self.cluster
            .event(&self.by, about, kind, "SuccessfulRescale", &text)
            .await;
        let now = self.cluster.now();
        if look.view.spec.behavior.is_some() {
            self.history(key, |history| history.scaled(current, replicas, now));
        }
        look.tell(current, replicas, statuses);
        fields::set(&mut look.status, "lastScaleTime", rfc3339(now));
    }

    fn history<T>(&self, key: &Key, change: impl FnOnce(&mut History) -> T) -> T {
        let mut histories = self
            .histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(histories.entry(key.clone()).or_default())
    }

    async fn warn(&self, look: &Look, reason: &str, text: &str) {
        let kind = EventType::Warning;
        self.cluster
            .event(&self.by, &look.about, kind, reason, text)
            .await;
    }
}

impl Wish {
    fn bound(replicas: i64, reason: &str) -> Self {
        Self {
            replicas,
            reason: reason.to_owned(),
            statuses: Vec::new(),
        }
    }
}

fn limits(view: &AutoscalerView) -> (i64, i64) {
    (view.spec.min_replicas.unwrap_or(1), view.spec.max_replicas)
}
