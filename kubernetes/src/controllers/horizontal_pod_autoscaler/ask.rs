//! What each metric of an autoscaler asks for.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::calculator::{self, Proposal, Question, Sample, Samples};
use crate::cluster::Cluster;
use crate::fields;
use crate::metrics::ContainerUsage;
use crate::validation::Quantity;

/// Nobody serves them here.
const NO_CUSTOM: &str = "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered";

/// Whose metrics are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) namespace: &'a str,
    /// Those that the target's selector selects.
    pub(super) pods: &'a [Value],
    /// `spec.replicas` of the target.
    pub(super) replicas: i64,
    pub(super) now: Timestamp,
}

/// What a metric says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) replicas: i64,
    /// How it is called in reasons.
    pub(super) name: String,
    /// An element of `status.currentMetrics`.
    pub(super) status: Value,
}

/// Why a metric says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silent {
    /// Of the event and the condition.
    pub(super) reason: &'static str,
    pub(super) error: String,
    /// What comes before it in the error of the whole.
    pub(super) what: String,
}

/// Asks one metric of `spec.metrics`.
pub(super) fn ask(about: &About<'_>, metric: &Value) -> Result<Answer, Silent> {
    let name = |key: &str| fields::text(&metric[key]["metric"], "name").to_owned();
    let silent = |reason, error: String, what: String| {
        Err(Silent {
            reason,
            error,
            what,
        })
    };
    match fields::text(metric, "type") {
        "Resource" => resource(about, &metric["resource"]),
        "ContainerResource" => container(about, &metric["containerResource"]),
        "Pods" => {
            let error = format!("unable to get metric {}: {NO_CUSTOM}", name("pods"));
            let what = "failed to get pods metric value".to_owned();
            silent("FailedGetPodsMetric", error, what)
        }
        "Object" => {
            let object = &metric["object"]["describedObject"];
            let (kind, of) = (fields::text(object, "kind"), fields::text(object, "name"));
            let (name, namespace) = (name("object"), about.namespace);
            let error =
                format!("unable to get metric {name}: {kind} on {namespace} {of}/{NO_CUSTOM}");
            let what = "failed to get object metric value".to_owned();
            silent("FailedGetObjectMetric", error, what)
        }
        "External" => {
            let (name, namespace) = (name("external"), about.namespace);
            let error = format!(
                "unable to get external metric {namespace}/{name}/{}: unable to fetch metrics from external metrics API: the server could not find the requested resource (get {name}.external.metrics.k8s.io)",
                selector(&metric["external"]["metric"]["selector"])
            );
            let error = if fields::has(&metric["external"]["target"], "averageValue") {
                format!("failed to get {name} external metric: {error}")
            } else {
                format!("failed to get external metric {name}: {error}")
            };
            let what = format!("failed to get {name} external metric value");
            silent("FailedGetExternalMetric", error, what)
        }
        other => {
            let error = format!("unknown metric source type {other:?}");
            silent("InvalidMetricSourceType", error, String::new())
        }
    }
}

/// A selector as Go prints it.
fn selector(selector: &Value) -> String {
    if selector.is_null() {
        return "nil".to_owned();
    }
    let labels = fields::entries(selector, "matchLabels");
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default()))
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{}},}}",
        labels.join("")
    )
}

fn resource(about: &About<'_>, source: &Value) -> Result<Answer, Silent> {
    let name = fields::text(source, "name");
    let (proposal, called) = measured(about, source, "", "resource").map_err(|error| Silent {
        reason: "FailedGetResourceMetric",
        error,
        what: format!("failed to get {name} resource metric value"),
    })?;
    let current = current(name, &proposal);
    Ok(Answer {
        replicas: proposal.replicas,
        name: called,
        status: json!({ "type": "Resource", "resource": { "name": name, "current": current } }),
    })
}

fn container(about: &About<'_>, source: &Value) -> Result<Answer, Silent> {
    let (name, container) = (
        fields::text(source, "name"),
        fields::text(source, "container"),
    );
    let done = measured(about, source, container, "container resource");
    let (proposal, called) = done.map_err(|error| Silent {
        reason: "FailedGetContainerResourceMetric",
        error,
        what: format!("failed to get {container} container metric value"),
    })?;
    let current = current(name, &proposal);
    let status = json!({ "name": name, "container": container, "current": current });
    Ok(Answer {
        replicas: proposal.replicas,
        name: called,
        status: json!({ "type": "ContainerResource", "containerResource": status }),
    })
}

/// What a measured resource asks for, and how the metric is called.
fn measured(
    about: &About<'_>,
    source: &Value,
    container: &str,
    kind: &str,
) -> Result<(Proposal, String), String> {
    let (name, target) = (fields::text(source, "name"), &source["target"]);
    let question = Question {
        resource: name,
        container,
        current: about.replicas,
        now: about.now,
    };
    let samples = || {
        samples(about, name, container)
            .map_err(|why| format!("unable to get metrics for resource {name}: {why}"))
    };
    if let Ok(average) = Quantity::of(&target["averageValue"]) {
        let done = samples()
            .and_then(|s| calculator::by_average(&question, about.pods, s, average.milli()));
        let proposal = done.map_err(|why| format!("failed to get {name} usage: {why}"))?;
        return Ok((proposal, format!("{name} resource")));
    }
    let Some(percent) = fields::number(&target["averageUtilization"]) else {
        let text = "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set";
        return Err(text.to_owned());
    };
    let done =
        samples().and_then(|s| calculator::by_utilization(&question, about.pods, s, percent));
    let proposal = done.map_err(|why| format!("failed to get {name} utilization: {why}"))?;
    let called = format!("{name} {kind} utilization (percentage of request)");
    Ok((proposal, called))
}

/// What the pods use, of all their containers or of one.
fn samples(about: &About<'_>, resource: &str, container: &str) -> Result<Samples, String> {
    let mut samples = Samples::new();
    let mut measured = false;
    for pod in about.pods {
        let name = fields::text(&pod["metadata"], "name");
        let metrics = about.cluster.metrics();
        let Some(usage) = metrics.and_then(|metrics| metrics.usage(about.namespace, name)) else {
            continue;
        };
        measured = true;
        let wanted = usage.containers.iter();
        let wanted = wanted.filter(|own| container.is_empty() || own.name == container);
        let amounts: Option<Vec<i64>> = wanted.map(|own| milli(own, resource)).collect();
        if let Some(amounts) = amounts.filter(|amounts| !amounts.is_empty()) {
            let sample = Sample {
                milli: amounts.into_iter().fold(0, i64::saturating_add),
                at: usage.at,
                window: usage.window,
            };
            samples.insert(name.to_owned(), sample);
        }
    }
    if !measured {
        return Err("no metrics returned from resource metrics API".to_owned());
    }
    Ok(samples)
}

fn milli(usage: &ContainerUsage, resource: &str) -> Option<i64> {
    let amount = match resource {
        "cpu" => usage.cpu_nanos.div_ceil(1_000_000),
        "memory" => usage.memory_bytes.saturating_mul(1000),
        _ => return None,
    };
    Some(i64::try_from(amount).unwrap_or(i64::MAX))
}

/// `current` of a status.
fn current(resource: &str, proposal: &Proposal) -> Value {
    let milli = proposal.average_milli;
    let average = match resource {
        "memory" => Quantity::from_units(milli / 1000).to_string(),
        _ => {
            Quantity::parse(&format!("{milli}m")).map_or_else(|_| "0".to_owned(), |q| q.to_string())
        }
    };
    let mut current = json!({ "averageValue": average });
    if let Some(percent) = proposal.utilization {
        current["averageUtilization"] = percent.into();
    }
    current
}
