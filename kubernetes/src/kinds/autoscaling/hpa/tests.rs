use wharf_types::Timestamp;

use super::*;
use crate::Errors;
use crate::kinds::testing::{cells, invalid};

fn web() -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "maxReplicas": 5,
        },
    })
}

#[test]
fn eighty_percent_of_the_cpu_is_the_default() {
    let mut hpa = web();
    (V2.default)(&mut hpa);
    assert_eq!(hpa["spec"]["minReplicas"], 1);
    assert_eq!(
        hpa["spec"]["metrics"],
        json!([{
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": { "type": "Utilization", "averageUtilization": 80 },
            },
        }])
    );
    assert_eq!(invalid(&V2, &hpa), "[]");
}

#[test]
fn behavior_is_filled_in_where_there_is_some() {
    let mut hpa = web();
    hpa["spec"]["behavior"] = json!({ "scaleDown": { "stabilizationWindowSeconds": 60 } });
    (V2.default)(&mut hpa);
    assert_eq!(
        hpa["spec"]["behavior"],
        json!({
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    { "type": "Pods", "value": 4, "periodSeconds": 15 },
                    { "type": "Percent", "value": 100, "periodSeconds": 15 },
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 60,
                "selectPolicy": "Max",
                "policies": [{ "type": "Percent", "value": 100, "periodSeconds": 15 }],
            },
        })
    );
}

#[test]
fn version_1_has_a_percentage_and_annotations() {
    let mut hpa = web();
    hpa["spec"]["behavior"] = json!({ "scaleUp": { "selectPolicy": "Min" } });
    hpa["spec"]["metrics"] = json!([
        {
            "type": "Pods",
            "pods": {
                "metric": { "name": "hits" },
                "target": { "type": "AverageValue", "averageValue": "10" },
            },
        },
        default_metric(70),
    ]);
    let v2 = hpa.clone();
    to_v1(&mut hpa);
    assert_eq!(hpa["spec"]["targetCPUUtilizationPercentage"], 70);
    assert_eq!(
        hpa["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"],
        r#"[{"pods":{"metricName":"hits","targetAverageValue":"10"},"type":"Pods"}]"#
    );
    assert_eq!(
        hpa["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/behavior"],
        r#"{"ScaleUp":{"SelectPolicy":"Min"}}"#
    );
    to_v2(&mut hpa);
    assert_eq!(hpa, v2);
}

#[test]
fn version_1_without_a_percentage_means_eighty() {
    let mut hpa = web();
    (V1.default)(&mut hpa);
    to_v2(&mut hpa);
    assert_eq!(hpa["spec"]["metrics"], json!([default_metric(80)]));
}

#[test]
fn bounds_and_targets_are_checked() {
    let mut hpa = web();
    (V2.default)(&mut hpa);
    hpa["spec"]["minReplicas"] = 0.into();
    assert_eq!(
        invalid(&V2, &hpa),
        "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"
    );
    let mut groupless = web();
    (V2.default)(&mut groupless);
    groupless["spec"]["scaleTargetRef"]["apiVersion"] = "v1".into();
    assert_eq!(
        invalid(&V2, &groupless),
        "spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API group"
    );
    hpa["spec"]["minReplicas"] = 9.into();
    assert_eq!(
        invalid(&V2, &hpa),
        "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"
    );
    hpa["spec"]["minReplicas"] = 1.into();
    hpa["spec"]["metrics"] = json!([{ "type": "Resource" }]);
    assert_eq!(
        invalid(&V2, &hpa),
        "spec.metrics[0].resource: Required value: must populate information for the given metric source"
    );
}

#[test]
fn the_table_shows_what_is_and_what_is_wanted() {
    let mut hpa = web();
    (V2.default)(&mut hpa);
    hpa["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z".into();
    let now = Timestamp::from_secs(90);
    let shown = cells(&V2, &hpa, now);
    assert_eq!(
        shown,
        json!([
            "web",
            "Deployment/web",
            "cpu: <unknown>/80%",
            "1",
            5,
            0,
            "90s"
        ])
    );
    hpa["status"] = json!({
        "currentReplicas": 3,
        "currentMetrics": [
            { "type": "Resource", "resource": { "name": "cpu", "current": { "averageUtilization": 12 } } },
        ],
    });
    assert_eq!(cells(&V2, &hpa, now)[2], "cpu: 12%/80%");
    let mut errors = Errors::default();
    (V2.validate_update)(&hpa, &hpa, &mut errors);
    assert!(errors.is_empty());
    to_v1(&mut hpa);
    assert_eq!(cells(&V1, &hpa, now)[2], "cpu: 12%/80%");
}
