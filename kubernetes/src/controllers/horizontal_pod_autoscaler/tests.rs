use futures::FutureExt as _;
use serde_json::json;
use wharf_types::Timestamp;

use super::calculator::{Proposal, Question, Sample, Samples, by_average, by_utilization};
use super::*;
use crate::controllers::testing::{self, Running, template};
use crate::metrics::tests::Given;
use crate::views::{AutoscalerSpec, PodView};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A pod that has run and been ready for an hour and requests a CPU.
fn pod(name: &str) -> Value {
    let long_ago = rfc3339(Timestamp::from_secs(NOW.as_secs() - 3600));
    json!({
        "metadata": { "name": name },
        "spec": { "containers": [{ "name": "c", "resources": { "requests": { "cpu": "1" } } }] },
        "status": {
            "phase": "Running", "startTime": long_ago,
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": long_ago }],
        },
    })
}

fn samples(milli: &[i64]) -> Samples {
    let sample = |&milli: &i64| Sample {
        milli,
        at: NOW,
        window: Duration::from_secs(15),
    };
    let all = milli.iter().enumerate();
    all.filter(|(_, milli)| **milli >= 0)
        .map(|(n, milli)| (format!("p{n}"), sample(milli)))
        .collect()
}

fn question(current: i64) -> Question<'static> {
    Question {
        resource: "cpu",
        container: "",
        current,
        now: NOW,
    }
}

/// What is proposed for pods that use these thousandths of a CPU; below zero nothing is known.
fn propose(milli: &[i64], pods: &[Value], target: i64) -> Result<i64, String> {
    let current = i64::try_from(pods.len()).unwrap();
    by_utilization(&question(current), pods, samples(milli), target).map(|found| found.replicas)
}

#[test]
fn utilization_decides_how_many_pods_there_should_be() {
    let pods: Vec<Value> = (0..4).map(|n| pod(&format!("p{n}"))).collect();
    for (milli, target, expected, why) in [
        ([600, 600, 600, 600], 30, 8, "twice as much is used"),
        ([100, 100, 100, 100], 30, 2, "a third is used, rounded up"),
        (
            [320, 320, 320, 320],
            30,
            4,
            "7 % more is within the tolerance",
        ),
        ([280, 280, 280, 280], 30, 4, "7 % less is too"),
        ([340, 340, 340, 340], 30, 5, "13 % more is not"),
        (
            [100, 100, 100, -1],
            30,
            4,
            "one that is missing counts as all that it requests",
        ),
        (
            [900, 900, 900, -1],
            30,
            9,
            "or as nothing, where there should be more",
        ),
        ([350, 350, 350, -1], 30, 4, "which may hold the change back"),
    ] {
        assert_eq!(propose(&milli, &pods, target), Ok(expected), "{why}");
    }
}

#[test]
fn pods_that_start_or_end_do_not_count() {
    let mut pods: Vec<Value> = (0..4).map(|n| pod(&format!("p{n}"))).collect();
    let just_now = rfc3339(Timestamp::from_secs(NOW.as_secs() - 10));
    pods[2]["status"]["startTime"] = just_now.as_str().into();
    pods[2]["status"]["conditions"][0]["status"] = "False".into();
    pods[3]["metadata"]["deletionTimestamp"] = just_now.as_str().into();
    // Two use twice their share: the one that starts counts as nothing, 900 of 3000.
    assert_eq!(propose(&[600, 600, 1000, 1000], &pods, 30), Ok(4));
    assert_eq!(propose(&[900, 900, 1000, 1000], &pods, 30), Ok(6));
    pods[0]["status"]["phase"] = "Pending".into();
    pods[1]["status"]["phase"] = "Pending".into();
    let nobody = "did not receive metrics for targeted pods (pods might be unready)";
    assert_eq!(propose(&[9, 9, 9, 9], &pods, 30), Err(nobody.to_owned()));
    let none = "no pods returned by selector while calculating replica count";
    assert_eq!(propose(&[9], &[], 30), Err(none.to_owned()));
}

#[test]
fn a_pod_has_to_say_what_it_requests() {
    let mut greedy = pod("p0");
    greedy["spec"]["containers"][0]["resources"] = json!({});
    let why = "missing request for cpu in container c of Pod p0";
    assert_eq!(propose(&[9], &[greedy], 30), Err(why.to_owned()));
}

#[test]
fn an_average_decides_too() {
    let pods: Vec<Value> = (0..2).map(|n| pod(&format!("p{n}"))).collect();
    let found = by_average(&question(2), &pods, samples(&[300, 500]), 200).unwrap();
    let expected = Proposal {
        replicas: 4,
        utilization: None,
        average_milli: 400,
    };
    assert_eq!(found, expected);
}

fn spec(value: Value) -> AutoscalerSpec {
    serde_json::from_value(value).unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOW.as_secs() + secs)
}

#[test]
fn without_rules_it_doubles_at_most_and_falls_after_five_minutes() {
    let spec = spec(json!({ "minReplicas": 2, "maxReplicas": 20 }));
    let mut history = History::default();
    for (secs, current, wanted, expected, able, limited) in [
        (0, 3, 3, 3, "ReadyForNewScale", "DesiredWithinRange"),
        (15, 3, 15, 6, "ReadyForNewScale", "ScaleUpLimit"),
        (30, 12, 30, 20, "ReadyForNewScale", "TooManyReplicas"),
        (45, 20, 1, 20, "ScaleDownStabilized", "TooManyReplicas"),
        (331, 20, 1, 2, "ReadyForNewScale", "TooFewReplicas"),
    ] {
        let found = history.normalize(&spec, current, wanted, at(secs));
        assert_eq!(found.replicas, expected, "at {secs}");
        assert_eq!(
            (found.able.0, found.limited.1.0),
            (able, limited),
            "at {secs}"
        );
    }
}

#[test]
fn rules_say_how_fast() {
    let rules = json!({
        "minReplicas": 1, "maxReplicas": 100,
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
                "policies": [
                    { "type": "Pods", "value": 4, "periodSeconds": 60 },
                    { "type": "Percent", "value": 10, "periodSeconds": 60 },
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 60, "selectPolicy": "Min",
                "policies": [
                    { "type": "Pods", "value": 5, "periodSeconds": 60 },
                    { "type": "Percent", "value": 50, "periodSeconds": 60 },
                ],
            },
        },
    });
    let spec = spec(rules);
    let mut history = History::default();
    let mut go = |secs, current, wanted| {
        let found = history.normalize(&spec, current, wanted, at(secs));
        if found.replicas != current {
            history.scaled(current, found.replicas, at(secs));
        }
        (found.replicas, found.able.0, found.limited.1.0)
    };
    let ready = "ReadyForNewScale";
    assert_eq!(go(0, 10, 90), (14, ready, "ScaleUpLimit"), "four pods");
    assert_eq!(go(15, 14, 90), (14, ready, "ScaleUpLimit"), "a minute");
    assert_eq!(go(61, 14, 90), (18, ready, "ScaleUpLimit"), "four more");
    assert_eq!(
        go(75, 18, 4),
        (18, "ScaleDownStabilized", "DesiredWithinRange")
    );
    assert_eq!(
        go(150, 18, 4),
        (13, ready, "ScaleDownLimit"),
        "the smaller change"
    );
}

#[test]
fn what_is_disabled_does_not_happen() {
    let rules = json!({
        "minReplicas": 1, "maxReplicas": 100,
        "behavior": {
            "scaleUp": { "stabilizationWindowSeconds": 0, "selectPolicy": "Disabled" },
            "scaleDown": { "stabilizationWindowSeconds": 0, "selectPolicy": "Disabled" },
        },
    });
    let spec = spec(rules);
    for wanted in [3, 30] {
        let found = History::default().normalize(&spec, 10, wanted, NOW);
        assert_eq!(found.replicas, 10, "{wanted}");
    }
}

async fn shop(replicas: i64, autoscaler: Value) -> Running {
    let running = testing::running(&[
        |c| run(c).boxed(),
        |c| crate::controllers::deployment::run(c).boxed(),
        |c| crate::controllers::replica_set::run(c).boxed(),
    ])
    .await;
    let mut template = template("a:1");
    template["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "1" } });
    let deployment = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": {
            "replicas": replicas, "template": template,
            "selector": { "matchLabels": { "app": "web" } },
        },
    });
    running.create("deployments.apps", deployment).await;
    let mut spec = autoscaler;
    spec["scaleTargetRef"] =
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" });
    let autoscaler = json!({ "metadata": { "name": "web", "namespace": "default" }, "spec": spec });
    running.create(AUTOSCALERS, autoscaler).await;
    running
}

fn condition(autoscaler: &Value, kind: &str) -> (String, String) {
    let mut all = fields::list(&autoscaler["status"], "conditions").iter();
    let found = all.find(|one| one["type"] == kind);
    let text = |key| fields::text(found.unwrap_or(&Value::Null), key).to_owned();
    (text("status"), text("reason"))
}

#[tokio::test]
async fn without_figures_it_says_so_and_keeps_the_limits() {
    let running = shop(1, json!({ "minReplicas": 2, "maxReplicas": 5 })).await;
    running
        .play_until("deployments.apps", "web", "two", |web| {
            web["status"]["readyReplicas"] == 2
        })
        .await;
    let reason = "New size: 2; reason: Current number of replicas below Spec.MinReplicas";
    assert_eq!(running.events("web", "SuccessfulRescale"), [reason]);
    running.test.clock.advance(PERIOD);
    let told = |autoscaler: &Value| condition(autoscaler, "ScalingActive").0 == "False";
    let autoscaler = running
        .until_one(AUTOSCALERS, "web", "it says so", told)
        .await;
    assert_eq!(
        condition(&autoscaler, "ScalingActive").1,
        "FailedGetResourceMetric"
    );
    assert_eq!(
        condition(&autoscaler, "AbleToScale"),
        ("True".to_owned(), "SucceededGetScale".to_owned())
    );
    assert_eq!(autoscaler["status"]["currentReplicas"], 2);
    let why = "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API";
    let message = format!("the HPA was unable to compute the replica count: {why}");
    let active = fields::list(&autoscaler["status"], "conditions").iter();
    let mut active = active.filter(|one| one["type"] == "ScalingActive");
    assert_eq!(active.next().unwrap()["message"], message.as_str());
    let whole = format!(
        "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {why}"
    );
    running
        .until("events", "the whole error", |_| {
            (running.events("web", "FailedComputeMetricsReplicas") == [whole.as_str()])
                .then_some(())
        })
        .await;
    assert_eq!(running.events("web", "FailedGetResourceMetric"), [why]);
}

#[tokio::test]
async fn figures_make_it_grow() {
    let running = shop(2, json!({ "minReplicas": 1, "maxReplicas": 5, "metrics": [{
        "type": "Resource",
        "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 50 } },
    }] }))
    .await;
    running
        .play_until("deployments.apps", "web", "two", |web| {
            web["status"]["readyReplicas"] == 2
        })
        .await;
    let (cluster, by) = (running.cluster(), &running.test.by);
    let given = Given::default();
    let started = rfc3339(Timestamp::from_secs(
        running.cluster().now().as_secs() - 3600,
    ));
    for pod in cluster.list("pods", Some("default")) {
        assert!(crate::controllers::pod_control::is_ready(
            &pod.view::<PodView>()
        ));
        given.0.lock().unwrap().insert(pod.name.clone(), 800);
        let start = |pod: &mut Value| {
            pod["status"]["startTime"] = started.as_str().into();
            Ok(())
        };
        let part = Part::Status;
        let done = cluster.modify("pods", "default", &pod.name, part, by, start);
        done.await.unwrap();
    }
    cluster.set_metrics(Arc::new(given));
    running.test.clock.advance(PERIOD);
    // 80 % of what is meant to be 50 %: 3.2 pods.
    let grown = running
        .until_one(AUTOSCALERS, "web", "four", |a| {
            a["status"]["desiredReplicas"] == 4
        })
        .await;
    assert_eq!(
        grown["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"],
        80
    );
    assert_eq!(condition(&grown, "AbleToScale").1, "SucceededRescale");
    assert_eq!(condition(&grown, "ScalingLimited").1, "DesiredWithinRange");
    let reason =
        "New size: 4; reason: cpu resource utilization (percentage of request) above target";
    assert_eq!(running.events("web", "SuccessfulRescale"), [reason]);
}

#[tokio::test]
async fn a_target_that_is_not_there_is_told() {
    let running = shop(1, json!({ "maxReplicas": 5 })).await;
    running
        .change(AUTOSCALERS, "web", |a| {
            a["spec"]["scaleTargetRef"]["name"] = "gone".into();
        })
        .await;
    let told = |autoscaler: &Value| condition(autoscaler, "AbleToScale").1 == "FailedGetScale";
    running
        .until_one(AUTOSCALERS, "web", "it says so", told)
        .await;
    assert_eq!(
        running.events("web", "FailedGetScale"),
        ["deployments.apps \"gone\" not found"]
    );
}
