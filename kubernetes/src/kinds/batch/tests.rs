use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::cron_job::CRON_JOB;
use super::job::JOB;
use crate::kinds::testing::{cells, invalid, refused, stored_pod_spec};

fn pod_template() -> Value {
    json!({
        "spec": {
            "containers": [{ "name": "main", "image": "nginx" }],
            "restartPolicy": "Never",
        },
    })
}

fn job() -> Value {
    let mut job = json!({
        "metadata": { "name": "pi", "namespace": "default", "uid": "u-1" },
        "spec": { "template": pod_template() },
    });
    (JOB.default)(&mut job);
    (JOB.prepare_create)(&mut job);
    job
}

fn cron_job() -> Value {
    let mut object = json!({
        "metadata": { "name": "tick", "namespace": "default" },
        "spec": {
            "schedule": "*/5 * * * *",
            "jobTemplate": { "spec": { "template": pod_template() } },
        },
    });
    (CRON_JOB.default)(&mut object);
    object
}

#[test]
fn jobs_are_filled_in_and_select_their_own_pods() {
    let mut spec = stored_pod_spec();
    spec["restartPolicy"] = "Never".into();
    assert_eq!(
        job()["spec"],
        json!({
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "completions": 1,
            "manualSelector": false,
            "parallelism": 1,
            "podReplacementPolicy": "TerminatingOrFailed",
            "selector": { "matchLabels": { "batch.kubernetes.io/controller-uid": "u-1" } },
            "suspend": false,
            "template": {
                "metadata": { "labels": {
                    "batch.kubernetes.io/controller-uid": "u-1",
                    "batch.kubernetes.io/job-name": "pi",
                    "controller-uid": "u-1",
                    "job-name": "pi",
                } },
                "spec": spec,
            },
        })
    );
    assert_eq!(invalid(&JOB, &job()), "[]");
    assert_eq!(refused(&JOB, &job(), &job()), "[]");
}

#[test]
fn jobs_end() {
    let mut bad = job();
    bad["spec"]["template"]["spec"]["restartPolicy"] = "Always".into();
    assert_eq!(
        invalid(&JOB, &bad),
        "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""
    );
}

#[test]
fn indexed_jobs_need_completions() {
    let mut bad = job();
    bad["spec"]["completionMode"] = "Indexed".into();
    assert_eq!(invalid(&JOB, &bad), "[]");
    bad["spec"].as_object_mut().unwrap().remove("completions");
    assert_eq!(
        invalid(&JOB, &bad),
        "spec.completions: Required value: when completion mode is Indexed"
    );
}

#[test]
fn failure_and_success_policies_are_checked() {
    let mut bad = job();
    bad["spec"]["podReplacementPolicy"] = "Failed".into();
    bad["spec"]["podFailurePolicy"] = json!({ "rules": [{
        "action": "FailJob",
        "onExitCodes": { "operator": "In", "values": [2, 1, 0] },
    }] });
    assert_eq!(
        invalid(&JOB, &bad),
        "[spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Invalid value: 0: must not be 0 for the In operator, spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1,0]: must be ordered]"
    );
    let mut bad = job();
    bad["spec"]["completionMode"] = "Indexed".into();
    bad["spec"]["completions"] = 5.into();
    bad["spec"]["successPolicy"] =
        json!({ "rules": [{ "succeededIndexes": "0,2-4", "succeededCount": 5 }] });
    assert_eq!(
        invalid(&JOB, &bad),
        "spec.successPolicy.rules[0].succeededCount: Invalid value: 5: must be less than or equal to 4 (the number of indexes in the specified succeededIndexes field)"
    );
}

#[test]
fn the_template_of_a_job_never_changes() {
    let old = job();
    let mut new = old.clone();
    new["spec"]["parallelism"] = 3.into();
    new["spec"]["suspend"] = true.into();
    assert_eq!(refused(&JOB, &new, &old), "[]");
    new["spec"]["template"]["spec"]["nodeSelector"] = json!({ "zone": "a" });
    let found = refused(&JOB, &new, &old);
    assert!(
        found.starts_with("spec.template: Invalid value: {"),
        "{found}"
    );
    assert!(found.ends_with(": field is immutable"), "{found}");
    let mut suspended = old.clone();
    suspended["spec"]["suspend"] = true.into();
    assert_eq!(refused(&JOB, &new, &suspended), "[]");
    let mut indexed = old.clone();
    indexed["spec"]["completionMode"] = "Indexed".into();
    let mut more = indexed.clone();
    more["spec"]["completions"] = 3.into();
    assert_eq!(
        refused(&JOB, &more, &indexed),
        "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"
    );
    more["spec"]["parallelism"] = 3.into();
    assert_eq!(refused(&JOB, &more, &indexed), "[]");
    new = old.clone();
    new["spec"]["completions"] = 2.into();
    assert_eq!(
        refused(&JOB, &new, &old),
        "spec.completions: Invalid value: 2: field is immutable"
    );
}

#[test]
fn jobs_show_how_far_they_are() {
    let now = Timestamp::from_secs(100);
    let mut object = job();
    object["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z".into();
    let selector = "batch.kubernetes.io/controller-uid=u-1";
    assert_eq!(
        cells(&JOB, &object, now),
        json!([
            "pi", "Running", "0/1", "", "100s", "main", "nginx", selector
        ])
    );
    object["status"] = json!({
        "succeeded": 1,
        "startTime": "1970-01-01T00:00:10Z",
        "completionTime": "1970-01-01T00:00:15Z",
        "conditions": [{ "type": "Complete", "status": "True" }],
    });
    let row = cells(&JOB, &object, now);
    assert_eq!(
        (&row[1], &row[2], &row[3]),
        (&json!("Complete"), &json!("1/1"), &json!("5s"))
    );
    object["spec"]
        .as_object_mut()
        .unwrap()
        .remove("completions");
    object["spec"]["parallelism"] = 3.into();
    assert_eq!(cells(&JOB, &object, now)[2], "1/1 of 3");
}

#[test]
fn cron_jobs_are_filled_in() {
    let mut spec = stored_pod_spec();
    spec["restartPolicy"] = "Never".into();
    assert_eq!(
        cron_job()["spec"],
        json!({
            "schedule": "*/5 * * * *",
            "concurrencyPolicy": "Allow",
            "suspend": false,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "metadata": {},
                "spec": { "template": { "metadata": {}, "spec": spec } },
            },
        })
    );
    assert_eq!(invalid(&CRON_JOB, &cron_job()), "[]");
}

#[test]
fn schedules_and_zones_are_checked() {
    let check = |key: &str, value: &str| {
        let mut object = cron_job();
        object["spec"][key] = value.into();
        invalid(&CRON_JOB, &object)
    };
    assert_eq!(
        check("schedule", "* * *"),
        "spec.schedule: Invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]"
    );
    assert_eq!(check("schedule", ""), "spec.schedule: Required value");
    assert_eq!(
        check("schedule", "TZ=UTC 0 * * * *"),
        "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    );
    assert_eq!(check("timeZone", "Europe/Berlin"), "[]");
    assert_eq!(
        check("timeZone", "Mars/Base"),
        "spec.timeZone: Invalid value: \"Mars/Base\": unknown time zone Mars/Base"
    );
    assert_eq!(
        check("concurrencyPolicy", "Maybe"),
        "spec.concurrencyPolicy: Unsupported value: \"Maybe\": supported values: \"Allow\", \"Forbid\", \"Replace\""
    );
    let mut long = cron_job();
    long["metadata"]["name"] = "a".repeat(53).into();
    assert!(invalid(&CRON_JOB, &long).ends_with(": must be no more than 52 characters"));
}

#[test]
fn cron_jobs_show_their_schedule() {
    let now = Timestamp::from_secs(100);
    let mut object = cron_job();
    object["status"] = json!({ "active": [{}], "lastScheduleTime": "1970-01-01T00:01:00Z" });
    assert_eq!(
        cells(&CRON_JOB, &object, now),
        json!([
            "tick",
            "*/5 * * * *",
            "<none>",
            "False",
            1,
            "40s",
            "<unknown>",
            "main",
            "nginx",
            "<none>"
        ])
    );
}
