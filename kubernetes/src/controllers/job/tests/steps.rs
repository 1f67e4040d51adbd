//! How many pods there should be.
use super::*;

#[test]
fn no_more_pods_run_than_are_wanted_or_missing() {
    let of = |parallelism: i64, completions: i64, succeeded: i64, active: usize| {
        let spec = json!({ "parallelism": parallelism, "completions": completions });
        let job = job(spec, json!({ "succeeded": succeeded }));
        let pods: Vec<Value> = (0..active)
            .map(|i| pod(&format!("p{i}"), -1, "Running"))
            .collect();
        match pass(&job, &pods).step {
            Step::Create(pods) => judge::count(pods.len()),
            Step::Remove(pods) => -judge::count(pods.len()),
            Step::Nothing => 0,
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(of(2, 5, 0, 0), 2);
    assert_eq!(of(2, 5, 0, 1), 1);
    assert_eq!(of(2, 5, 0, 2), 0);
    assert_eq!(of(2, 5, 0, 3), -1);
    assert_eq!(of(2, 5, 4, 0), 1);
    assert_eq!(of(2, 5, 4, 2), -1);
    assert_eq!(of(0, 5, 0, 2), -2);
    assert_eq!(of(2000, 3000, 0, 0), 500);
}

#[test]
fn a_work_queue_starts_nothing_more_once_one_pod_succeeded() {
    let spec = json!({ "parallelism": 3, "completions": null });
    let job = job(spec, json!({}));
    assert_eq!(pass(&job, &[]).created().len(), 3);
    let one = [pod("a", -1, "Succeeded"), pod("b", -1, "Running")];
    let first = pass(&job, &one);
    assert!(matches!(first.step, Step::Nothing), "{:?}", first.step);
    assert_eq!((first.status.active, first.status.succeeded), (1, 1));
    assert_eq!(first.end, None);
    let mut later = job.clone();
    later.status = first.status;
    let mut gone = pod("a", -1, "Succeeded");
    gone["metadata"]["finalizers"] = json!([]);
    let last = pass(&later, &[gone, pod("b", -1, "Succeeded")]);
    assert_eq!(last.status.succeeded, 2);
    let wanted = [
        ("SuccessCriteriaMet", "CompletionsReached"),
        ("Complete", "CompletionsReached"),
    ];
    assert_eq!(last.conditions(), wanted);
}

#[test]
fn failed_pods_are_replaced_after_a_pause_that_doubles() {
    let job = job(json!({}), json!({ "failed": 0 }));
    assert_eq!(pass(&job, &[failed("a", -1, 0, 1)]).waits().as_secs(), 10);
    assert_eq!(pass(&job, &[failed("a", -1, 4, 1)]).waits().as_secs(), 6);
    let two = [failed("a", -1, 30, 1), failed("b", -1, 15, 1)];
    assert_eq!(pass(&job, &two).waits().as_secs(), 5);
    assert_eq!(pass(&job, &two[..1]).created(), [None]);
}

#[test]
fn pods_that_are_being_deleted_are_replaced_as_the_policy_says() {
    let ending = [deleting(pod("a", -1, "Running"))];
    let at_once = job(json!({}), json!({}));
    let first = pass(&at_once, &ending);
    assert_eq!(first.status.failed, 1);
    let late = job(json!({ "podReplacementPolicy": "Failed" }), json!({}));
    let first = pass(&late, &ending);
    assert!(matches!(first.step, Step::Nothing));
    assert_eq!(
        (first.status.failed, first.status.terminating),
        (0, Some(1))
    );
}

#[test]
fn a_suspended_job_has_no_pods_and_no_clock() {
    let suspended = job(
        json!({ "suspend": true, "activeDeadlineSeconds": 5 }),
        json!({}),
    );
    let first = pass(
        &suspended,
        &[pod("a", -1, "Running"), pod("b", -1, "Pending")],
    );
    assert_eq!(first.removed().len(), 2);
    assert_eq!(first.status.start_time, None);
    assert_eq!(first.status.active, 0);
    assert_eq!(first.conditions(), [("Suspended", "JobSuspended")]);
    assert_eq!(first.tracking.told, Some(("Suspended", "Job suspended")));
    let mut again = suspended.clone();
    again.status = first.status;
    assert_eq!(pass(&again, &[]).tracking.told, None);
    again.spec.suspend = false;
    let old = rfc3339(Timestamp::from_secs(NOW - 3));
    again.status.start_time = Some(old.clone());
    let resumed = pass(&again, &[]);
    assert_eq!(resumed.created(), [None]);
    assert_eq!(resumed.tracking.told, Some(("Resumed", "Job resumed")));
    assert_eq!(resumed.conditions(), [("Suspended", "JobResumed")]);
    assert_eq!(resumed.status.conditions[0].status, "False");
    assert_eq!(
        resumed.status.start_time,
        Some(rfc3339(Timestamp::from_secs(NOW)))
    );
}

#[test]
fn indexes_that_nobody_works_on_get_pods() {
    let status = json!({ "completedIndexes": "0,2", "succeeded": 2 });
    let job = job(indexed(6, json!({ "parallelism": 3 })), status);
    let pods = [pod("a", 3, "Running"), pod("b", 5, "Succeeded")];
    let first = pass(&job, &pods);
    assert_eq!(first.created(), [Some(1), Some(4)]);
    assert_eq!(first.status.completed_indexes, "0,2,5");
    assert_eq!(first.status.succeeded, 3);
}

#[test]
fn pods_without_a_right_index_or_with_that_of_another_go() {
    let job = job(indexed(3, json!({})), json!({}));
    let pods = [
        pod("twin", 0, "Pending"),
        pod("first", 0, "Running"),
        pod("second", 1, "Running"),
        pod("beyond", 3, "Running"),
        pod("lost", -1, "Running"),
    ];
    let mut removed = pass(&job, &pods);
    assert_eq!(removed.removed(), ["lost", "twin", "beyond"]);
    removed = pass(&job, &pods[1..3]);
    assert_eq!(removed.created(), [Some(2)]);
}

#[test]
fn an_index_waits_for_itself_where_it_has_a_limit_of_its_own() {
    let spec = indexed(
        2,
        json!({ "backoffLimitPerIndex": 2, "backoffLimit": i32::MAX }),
    );
    let job = job(spec, json!({}));
    let mut bad = failed("a", 0, 5, 1);
    bad["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] = "1".into();
    let first = pass(&job, &[bad.clone()]);
    assert_eq!(first.created(), [Some(1)]);
    // It stays until it is replaced: it knows how often its index failed.
    assert!(first.tracking.release.is_empty());
    assert_eq!(
        pass(&job, &[bad.clone(), pod("b", 1, "Running")])
            .waits()
            .as_secs(),
        15
    );
    bad["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"] =
        rfc3339(Timestamp::from_secs(NOW - 20)).into();
    let late = pass(&job, &[bad.clone(), pod("b", 1, "Running")]);
    assert_eq!(late.created(), [Some(0)]);
    let owner = owner();
    let made = pods::new(
        &job,
        &owner,
        Some(0),
        late.judged.delayed.get(&0).map(|pod| &**pod),
    );
    let notes = &made["metadata"]["annotations"];
    assert_eq!(notes["batch.kubernetes.io/job-index-failure-count"], "2");
    let replaced = pass(&job, &[bad, pod("c", 0, "Running"), pod("b", 1, "Running")]);
    assert_eq!(replaced.status.failed, 1);
    assert_eq!(replaced.status.failed_indexes.as_deref(), Some(""));
}

fn owner() -> Owner {
    Owner {
        resource: JOBS,
        api_version: API_VERSION,
        kind: KIND,
        namespace: "default".to_owned(),
        name: "work".to_owned(),
        uid: "job".to_owned(),
        deleting: false,
        finalizer: None,
    }
}

#[test]
fn pods_of_an_index_know_it() {
    let job = job(indexed(3, json!({})), json!({}));
    let made = pods::new(&job, &owner(), Some(2), None);
    let metadata = &made["metadata"];
    assert_eq!(metadata["generateName"], "work-2-");
    assert_eq!(metadata["finalizers"], json!([pods::TRACKING]));
    let key = "batch.kubernetes.io/job-completion-index";
    assert_eq!(metadata["labels"][key], "2");
    assert_eq!(metadata["annotations"], json!({ key: "2" }));
    assert_eq!(made["spec"]["hostname"], "work-2");
    let path = "metadata.labels['batch.kubernetes.io/job-completion-index']";
    assert_eq!(
        made["spec"]["containers"][0]["env"],
        json!([{ "name": "JOB_COMPLETION_INDEX", "valueFrom": { "fieldRef": { "fieldPath": path } } }])
    );
    let plain = pods::new(&job, &owner(), None, None);
    assert_eq!(plain["metadata"]["generateName"], "work-");
    assert!(plain["spec"]["hostname"].is_null());
}
