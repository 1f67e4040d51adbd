//! How jobs end.
use super::*;

#[test]
fn enough_successes_complete_a_job() {
    let job = job(json!({ "completions": 2, "parallelism": 2 }), json!({}));
    let both = [pod("a", -1, "Succeeded"), pod("b", -1, "Succeeded")];
    let done = pass(&job, &both);
    let wanted = [
        ("SuccessCriteriaMet", "CompletionsReached"),
        ("Complete", "CompletionsReached"),
    ];
    assert_eq!(done.conditions(), wanted);
    let message = "Reached expected number of succeeded pods";
    assert_eq!(done.status.conditions[1].message, message);
    assert_eq!(
        done.status.completion_time,
        Some(rfc3339(Timestamp::from_secs(NOW)))
    );
    assert_eq!((done.status.succeeded, done.status.active), (2, 0));
    let one = pass(&job, &both[..1]);
    assert_eq!((one.end, one.status.succeeded), (None, 1));
}

#[test]
fn nothing_to_do_is_done() {
    for spec in [
        json!({ "completions": 0 }),
        json!({ "completions": 0, "suspend": true }),
    ] {
        assert!(pass(&job(spec, json!({})), &[]).end.is_some());
    }
}

#[test]
fn too_many_failures_fail_a_job_once_its_pods_have_ended() {
    let spec = json!({ "backoffLimit": 1, "parallelism": 2, "completions": 2 });
    let mut job = job(spec, json!({ "failed": 1 }));
    let first = pass(&job, &[failed("a", -1, 0, 1), pod("b", -1, "Running")]);
    assert_eq!(first.reason(), Some("BackoffLimitExceeded"));
    assert_eq!(first.removed(), ["b"]);
    // The one that was stopped has failed, too.
    assert_eq!(
        (first.status.failed, first.status.terminating),
        (3, Some(1))
    );
    assert_eq!(
        first.conditions(),
        [("FailureTarget", "BackoffLimitExceeded")]
    );
    assert_eq!(first.end, None);
    job.status = first.status;
    let mut last = deleting(pod("b", -1, "Failed"));
    last["metadata"]["finalizers"] = json!([]);
    let last = pass(&job, &[last]);
    let wanted = [
        ("FailureTarget", "BackoffLimitExceeded"),
        ("Failed", "BackoffLimitExceeded"),
    ];
    assert_eq!(last.conditions(), wanted);
    assert_eq!(last.status.failed, 3);
    assert_eq!(last.status.completion_time, None);
    let message = "Job has reached the specified backoff limit";
    assert_eq!(last.status.conditions[1].message, message);
}

#[test]
fn containers_that_start_again_are_failures() {
    let restarts = |limit: i64, counts: [i64; 2]| {
        let template = json!({ "spec": { "restartPolicy": "OnFailure" } });
        let job = job(
            json!({ "backoffLimit": limit, "template": template }),
            json!({}),
        );
        let mut pod = pod("a", -1, "Running");
        pod["status"]["containerStatuses"] = json!([{ "restartCount": counts[0] }]);
        pod["status"]["initContainerStatuses"] = json!([{ "restartCount": counts[1] }]);
        pass(&job, &[pod]).reason().is_some()
    };
    assert!(!restarts(0, [0, 0]));
    assert!(restarts(0, [1, 0]));
    assert!(!restarts(3, [1, 1]));
    assert!(restarts(3, [1, 2]));
}

#[test]
fn a_deadline_ends_a_job() {
    let of = |ago: i64| {
        let start = rfc3339(Timestamp::from_secs(NOW - ago));
        let spec = json!({ "activeDeadlineSeconds": 60 });
        pass(
            &job(spec, json!({ "startTime": start })),
            &[pod("a", -1, "Running")],
        )
    };
    let early = of(20);
    assert_eq!(
        (early.reason(), early.judged.again),
        (None, Some(Duration::from_secs(40)))
    );
    let late = of(60);
    assert_eq!(late.reason(), Some("DeadlineExceeded"));
    assert_eq!(late.removed(), ["a"]);
    let message = "Job was active longer than specified deadline";
    assert_eq!(late.status.conditions[0].message, message);
}

#[test]
fn failures_count_as_the_policy_says() {
    let rules = json!([
        { "action": "FailJob", "onExitCodes": { "operator": "In", "values": [42] } },
        { "action": "Ignore", "onExitCodes": { "operator": "In", "values": [7] } },
    ]);
    let spec = json!({ "podFailurePolicy": { "rules": rules }, "backoffLimit": 0 });
    let job = job(spec, json!({}));
    let ignored = pass(&job, &[failed("a", -1, 99, 7)]);
    assert_eq!((ignored.reason(), ignored.status.failed), (None, 0));
    assert_eq!(ignored.tracking.release.len(), 1);
    assert_eq!(ignored.created(), [None]);
    let fatal = pass(&job, &[failed("a", -1, 0, 42)]);
    assert_eq!(fatal.reason(), Some("PodFailurePolicy"));
    let message = "Container main for pod default/a failed with exit code 42 matching FailJob rule at index 0";
    assert_eq!(fatal.status.conditions[0].message, message);
    assert_eq!(
        pass(&job, &[failed("a", -1, 0, 1)]).reason(),
        Some("BackoffLimitExceeded")
    );
}

#[test]
fn indexes_fail_alone_up_to_a_limit() {
    let of = |more: Value, pods: &[Value]| {
        let mut spec = indexed(
            3,
            json!({ "backoffLimitPerIndex": 0, "backoffLimit": i32::MAX }),
        );
        for (key, field) in more.as_object().unwrap() {
            spec[key] = field.clone();
        }
        pass(&job(spec, json!({})), pods)
    };
    let one = [
        failed("a", 0, 99, 1),
        pod("b", 1, "Running"),
        pod("c", 2, "Running"),
    ];
    let first = of(json!({}), &one);
    assert_eq!(first.reason(), None);
    assert_eq!(first.status.failed_indexes.as_deref(), Some("0"));
    assert!(matches!(first.step, Step::Nothing), "{:?}", first.step);
    let limited = of(json!({ "maxFailedIndexes": 0 }), &one);
    assert_eq!(limited.reason(), Some("MaxFailedIndexesExceeded"));
    assert_eq!(limited.removed().len(), 2);
    let all = [
        failed("a", 0, 9, 1),
        pod("b", 1, "Succeeded"),
        pod("c", 2, "Succeeded"),
    ];
    let all = of(json!({}), &all);
    assert_eq!(all.reason(), Some("FailedIndexes"));
    assert_eq!(all.status.completed_indexes, "1,2");
    let wanted = [
        ("FailureTarget", "FailedIndexes"),
        ("Failed", "FailedIndexes"),
    ];
    assert_eq!(all.conditions(), wanted);
    let rules =
        json!([{ "action": "FailIndex", "onExitCodes": { "operator": "In", "values": [3] } }]);
    let more = json!({ "podFailurePolicy": { "rules": rules }, "backoffLimitPerIndex": 5 });
    let fatal = of(more, &[failed("a", 1, 99, 3), failed("b", 2, 99, 1)]);
    assert_eq!(fatal.status.failed_indexes.as_deref(), Some("1"));
}

#[test]
fn a_success_policy_ends_the_others() {
    let policy = json!({ "rules": [{ "succeededIndexes": "0", "succeededCount": 1 }] });
    let mut job = job(indexed(3, json!({ "successPolicy": policy })), json!({}));
    let pods = [
        pod("a", 0, "Succeeded"),
        pod("b", 1, "Running"),
        pod("c", 2, "Running"),
    ];
    let first = pass(&job, &pods);
    assert_eq!(first.removed(), ["b", "c"]);
    assert_eq!(
        first.conditions(),
        [("SuccessCriteriaMet", "SuccessPolicy")]
    );
    assert_eq!(
        first.status.conditions[0].message,
        "Matched rules at index 0"
    );
    // They are stopped, and have not failed.
    assert_eq!((first.status.succeeded, first.status.failed), (1, 0));
    job.status = first.status;
    let last = pass(&job, &[]);
    let wanted = [
        ("SuccessCriteriaMet", "SuccessPolicy"),
        ("Complete", "SuccessPolicy"),
    ];
    assert_eq!(last.conditions(), wanted);
}

#[test]
fn a_job_that_is_being_deleted_lets_its_pods_go() {
    let mut job = job(json!({ "parallelism": 3, "completions": 3 }), json!({}));
    job.metadata.deletion_timestamp = Some(rfc3339(Timestamp::from_secs(NOW)));
    let going = pass(&job, &[pod("a", -1, "Running"), pod("b", -1, "Succeeded")]);
    assert!(matches!(going.step, Step::Nothing));
    assert_eq!(going.tracking.release.len(), 2);
    assert_eq!(going.status.succeeded, 1);
}
