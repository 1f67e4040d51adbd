//! How much of the machines pods use: measured by the engine that runs them, asked for by whoever
//! serves `metrics.k8s.io` and by autoscalers.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::Cluster;
use crate::cluster::time::rfc3339;
use crate::store::Object;

/// The group whose objects are made here.
pub(crate) const GROUP: &str = "metrics.k8s.io";

/// Who measures pods. Without one there are no figures, and everybody who asks is told so.
pub trait PodMetrics: std::fmt::Debug + Send + Sync {
    /// What a running pod uses; none if it was not measured.
    fn usage(&self, namespace: &str, name: &str) -> Option<PodUsage>;
}

/// What a pod used in a time that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodUsage {
    pub at: Timestamp,
    pub window: Duration,
    pub containers: Vec<ContainerUsage>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    pub name: String,
    /// Billionths of a CPU.
    pub cpu_nanos: u64,
    pub memory_bytes: u64,
}

impl PodUsage {
    fn sum(&self) -> ContainerUsage {
        let mut sum = ContainerUsage::default();
        for own in &self.containers {
            sum.cpu_nanos = sum.cpu_nanos.saturating_add(own.cpu_nanos);
            sum.memory_bytes = sum.memory_bytes.saturating_add(own.memory_bytes);
        }
        sum
    }
}

impl ContainerUsage {
    fn to_json(&self) -> Value {
        json!({
            "cpu": format!("{}n", self.cpu_nanos),
            "memory": format!("{}Ki", self.memory_bytes / 1024),
        })
    }
}

/// The objects of `metrics.k8s.io` of one kind, `pods` or `nodes`.
pub(crate) fn objects(cluster: &Cluster, plural: &str, namespace: Option<&str>) -> Vec<Value> {
    if cluster.metrics().is_none() {
        return Vec::new();
    }
    let (source, one): (_, fn(&Cluster, &Object) -> Option<Value>) = match plural {
        "nodes" => ("nodes", of_node),
        _ => ("pods", of_pod),
    };
    let all = cluster.list(source, namespace);
    all.iter()
        .filter_map(|object| one(cluster, object))
        .collect()
}

/// The one with a name; none without figures.
pub(crate) fn object(
    cluster: &Cluster,
    plural: &str,
    namespace: &str,
    name: &str,
) -> Option<Value> {
    let found = cluster.get(plural, namespace, name)?;
    match plural {
        "nodes" => of_node(cluster, &found),
        _ => of_pod(cluster, &found),
    }
}

fn of_pod(cluster: &Cluster, pod: &Object) -> Option<Value> {
    let usage = cluster.metrics()?.usage(&pod.namespace, &pod.name)?;
    let containers = usage.containers.iter();
    let containers = containers.map(|own| json!({ "name": own.name, "usage": own.to_json() }));
    let containers: Vec<Value> = containers.collect();
    let mut metrics = shown("PodMetrics", pod, usage.at, usage.window);
    metrics["containers"] = containers.into();
    Some(metrics)
}

/// A node uses what its pods use.
fn of_node(cluster: &Cluster, node: &Object) -> Option<Value> {
    let metrics = cluster.metrics()?;
    let shelf = cluster.shelf("pods").ok()?;
    let at = shelf.field("spec.nodeName")?;
    let pods = shelf.objects(None).into_iter();
    let here = pods.filter(|pod| pod.fields.get(at) == Some(node.name.as_str()));
    let used = here.filter_map(|pod| metrics.usage(&pod.namespace, &pod.name));
    let used: Vec<PodUsage> = used.collect();
    let latest = used.iter().max_by_key(|usage| usage.at)?;
    let all = PodUsage {
        containers: used.iter().map(PodUsage::sum).collect(),
        ..latest.clone()
    };
    let mut metrics = shown("NodeMetrics", node, all.at, all.window);
    metrics["usage"] = all.sum().to_json();
    Some(metrics)
}

fn shown(kind: &str, of: &Object, at: Timestamp, window: Duration) -> Value {
    let labels: serde_json::Map<String, Value> = of
        .labels
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    let at = rfc3339(at);
    let mut metadata = json!({ "name": of.name, "creationTimestamp": at });
    if !of.namespace.is_empty() {
        metadata["namespace"] = of.namespace.as_str().into();
    }
    if !labels.is_empty() {
        metadata["labels"] = labels.into();
    }
    json!({
        "kind": kind,
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": metadata,
        "timestamp": at,
        "window": format!("{}s", window.as_secs()),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cluster::testing::TestCluster;

    /// Figures that a test gives: thousandths of a CPU by the names of pods.
    #[derive(Debug, Default)]
    pub(crate) struct Given(pub(crate) Mutex<HashMap<String, u64>>);

    impl PodMetrics for Given {
        fn usage(&self, _namespace: &str, name: &str) -> Option<PodUsage> {
            let milli = *self.0.lock().unwrap().get(name)?;
            let container = ContainerUsage {
                name: "web".to_owned(),
                cpu_nanos: milli * 1_000_000,
                memory_bytes: 2 << 20,
            };
            Some(PodUsage {
                at: Timestamp::from_secs(1_700_000_000),
                window: Duration::from_secs(15),
                containers: vec![container],
            })
        }
    }

    #[tokio::test]
    async fn what_was_measured_is_shown_and_nothing_else() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        for name in ["a", "b"] {
            let pod = json!({
                "metadata": { "name": name, "namespace": "default", "labels": { "app": name } },
                "spec": { "nodeName": "n", "containers": [{ "name": "web", "image": "a:1" }] },
            });
            cluster.create("pods", pod, by).await.unwrap();
        }
        let node = json!({ "metadata": { "name": "n" } });
        cluster.create("nodes", node, by).await.unwrap();
        assert!(objects(cluster, "pods", None).is_empty());
        let given = Given::default();
        given.0.lock().unwrap().insert("a".to_owned(), 250);
        cluster.set_metrics(Arc::new(given));
        let all = objects(cluster, "pods", Some("default"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["metadata"]["labels"], json!({ "app": "a" }));
        let usage = json!({ "cpu": "250000000n", "memory": "2048Ki" });
        assert_eq!(
            all[0]["containers"],
            json!([{ "name": "web", "usage": usage }])
        );
        assert_eq!(all[0]["window"], "15s");
        assert_eq!(objects(cluster, "nodes", None)[0]["usage"], usage);
        assert!(object(cluster, "pods", "default", "b").is_none());
    }
}
