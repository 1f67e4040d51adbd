use std::time::Duration;

use futures::FutureExt as _;
use wharf_types::Timestamp;

use super::*;
use crate::cluster::Part;
use crate::controllers::testing::{running, template};

/// Tuesday, 14 November 2023, 22:13:20.
const NOW: i64 = 1_700_000_000;

fn time(secs: i64) -> String {
    rfc3339(Timestamp::from_secs(secs))
}

/// The time of a day at which the tests begin.
fn at(text: &str) -> Timestamp {
    crate::cluster::time::parse_rfc3339(&format!("2023-11-14T{text}Z")).unwrap()
}

/// One made at 22:00 of that day.
fn cron(schedule: &str, spec: Value, status: Value) -> CronJobView {
    let mut value = json!({
        "metadata": {
            "name": "tick", "namespace": "default", "uid": "cron",
            "creationTimestamp": "2023-11-14T22:00:00Z",
        },
        "spec": {
            "schedule": schedule, "concurrencyPolicy": "Allow",
            "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
        },
    });
    value["status"] = status;
    if let Value::Object(members) = spec {
        value["spec"].as_object_mut().unwrap().extend(members);
    }
    serde_json::from_value(value).unwrap()
}

fn job(name: &str, end: &str) -> Arc<JobView> {
    let mut value = json!({
        "metadata": { "name": name, "uid": name },
        "status": { "startTime": time(NOW) },
    });
    if !end.is_empty() {
        value["status"]["conditions"] = json!([{ "type": end, "status": "True" }]);
        value["status"]["completionTime"] = time(NOW).into();
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

fn active(name: &str) -> Value {
    json!({ "active": [{ "name": name, "uid": name, "namespace": "default" }] })
}

fn planned(cron: &CronJobView, jobs: &[Arc<JobView>], now: &str) -> Plan {
    plan(cron, jobs, |_| false, at(now))
}

fn reasons(plan: &Plan) -> Vec<&str> {
    plan.told.iter().map(|told| told.reason).collect()
}

#[test]
fn a_job_starts_at_its_time_and_once() {
    let every_five = cron("*/5 * * * *", json!({}), json!({}));
    let early = planned(&every_five, &[], "22:04:59");
    assert_eq!(
        (early.start, early.again),
        (None, Some(Duration::from_millis(1100)))
    );
    let due = planned(&every_five, &[], "22:05:00");
    let start = due.start.unwrap();
    assert_eq!(
        (start.at, start.local.as_str()),
        (at("22:05:00"), "2023-11-14T22:05:00Z")
    );
    assert_eq!(due.again, Some(Duration::from_millis(300_100)));
    assert_eq!(job_name("tick", start.at), "tick-28333325");
    let used = json!({ "lastScheduleTime": "2023-11-14T22:05:00Z" });
    let used = cron("*/5 * * * *", json!({}), used);
    assert_eq!(planned(&used, &[], "22:06:00").start, None);
    assert_eq!(
        planned(&used, &[], "22:10:00").start.unwrap().at,
        at("22:10:00")
    );
}

#[test]
fn of_missed_times_the_latest_counts() {
    let few = planned(&cron("*/5 * * * *", json!({}), json!({})), &[], "22:13:20");
    assert_eq!(few.start.unwrap().at, at("22:10:00"));
    assert_eq!(few.told, []);
    let long = json!({ "lastScheduleTime": "2023-11-14T20:00:00Z" });
    let many = planned(&cron("* * * * *", json!({}), long.clone()), &[], "22:13:20");
    assert_eq!(many.start.as_ref().unwrap().at, at("22:13:00"));
    assert_eq!(reasons(&many), ["TooManyMissedTimes"]);
    let spec = json!({ "startingDeadlineSeconds": 200 });
    let bounded = planned(&cron("* * * * *", spec, long.clone()), &[], "22:13:20");
    assert_eq!(bounded.told, []);
    assert_eq!(bounded.start.unwrap().at, at("22:13:00"));
    // What is counted from the last time stays in step with it.
    let every = planned(&cron("@every 7m", json!({}), long), &[], "22:13:20");
    assert_eq!(every.start.unwrap().at, at("22:13:00"));
}

#[test]
fn after_the_deadline_nothing_starts() {
    let spec = json!({ "startingDeadlineSeconds": 60 });
    let hourly = cron(
        "@hourly",
        spec,
        json!({ "lastScheduleTime": "2023-11-14T20:00:00Z" }),
    );
    assert_eq!(
        planned(&hourly, &[], "22:00:30").start.unwrap().at,
        at("22:00:00")
    );
    let late = planned(&hourly, &[], "22:01:30");
    assert_eq!(
        (late.start.is_none(), late.again),
        (true, Some(Duration::from_millis(3_510_100)))
    );
}

#[test]
fn times_are_those_of_the_zone() {
    let spec = json!({ "timeZone": "Asia/Kolkata" });
    let daily = cron("45 3 * * *", spec, json!({}));
    let start = planned(&daily, &[], "22:15:01").start.unwrap();
    assert_eq!(
        (start.at, start.local.as_str()),
        (at("22:15:00"), "2023-11-15T03:45:00+05:30")
    );
    let nowhere = cron("* * * * *", json!({ "timeZone": "Mars/Base" }), json!({}));
    let plan = planned(&nowhere, &[], "22:15:00");
    let message = "invalid timeZone: \"Mars/Base\": unknown time zone Mars/Base";
    assert_eq!(
        plan.told,
        [Told::warning("UnknownTimeZone", message.to_owned())]
    );
}

#[test]
fn a_schedule_that_never_comes_is_told() {
    let plan = planned(&cron("0 0 30 2 *", json!({}), json!({})), &[], "22:15:00");
    let message = "invalid schedule: 0 0 30 2 * : time difference between two schedules is less than 1 second";
    assert_eq!(
        plan.told,
        [Told::warning("InvalidSchedule", message.to_owned())]
    );
    assert_eq!(plan.again, None);
}

#[test]
fn running_jobs_are_left_replaced_or_in_the_way() {
    let of = |policy: &str| {
        let spec = json!({ "concurrencyPolicy": policy });
        planned(
            &cron("*/5 * * * *", spec, active("old")),
            &[job("old", "")],
            "22:05:00",
        )
    };
    let both = of("Allow");
    assert_eq!(both.start.unwrap().replaces, []);
    let one = of("Forbid");
    assert_eq!(
        (one.start.is_none(), reasons(&one)),
        (true, vec!["JobAlreadyActive"])
    );
    let other = of("Replace");
    assert_eq!(other.start.unwrap().replaces[0].name, "old");
}

#[test]
fn a_suspended_one_only_looks_after_its_jobs() {
    let cron = cron("* * * * *", json!({ "suspend": true }), active("old"));
    let plan = planned(&cron, &[job("old", "Complete")], "22:05:00");
    assert_eq!((plan.start.is_none(), plan.again), (true, None));
    assert_eq!(reasons(&plan), ["SawCompletedJob"]);
    assert_eq!(
        plan.told[0].message,
        "Saw completed job: old, condition: Complete"
    );
    assert_eq!(plan.status.active, []);
    assert_eq!(plan.status.last_successful_time, Some(time(NOW)));
}

#[test]
fn jobs_that_went_missing_or_came_from_elsewhere_are_told() {
    let cron = cron("0 0 1 1 *", json!({}), active("gone"));
    let seen = planned(&cron, &[job("strange", "")], "22:05:00");
    assert_eq!(reasons(&seen), ["UnexpectedJob", "MissingJob"]);
    assert_eq!(seen.status.active, []);
    let kept = plan(&cron, &[], |_| true, at("22:05:00"));
    assert_eq!((kept.status.active.len(), reasons(&kept)), (1, vec![]));
}

#[test]
fn only_the_latest_ended_jobs_are_kept() {
    let spec = json!({ "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0 });
    let cron = cron("0 0 1 1 *", spec, json!({}));
    let mut jobs: Vec<Arc<JobView>> = ["c", "a", "b"].map(|name| job(name, "Complete")).to_vec();
    let first = Arc::make_mut(&mut jobs[0]);
    first.status.start_time = Some(time(NOW - 60));
    let never = Arc::make_mut(&mut jobs[1]);
    never.status.start_time = None;
    jobs.push(job("f", "Failed"));
    jobs.push(job("r", ""));
    let plan = planned(&cron, &jobs, "22:05:00");
    let old: Vec<&str> = plan.old.iter().map(|job| &*job.metadata.name).collect();
    assert_eq!(old, ["c", "b", "f"]);
}

#[tokio::test]
async fn a_cron_job_starts_jobs_by_the_clock() {
    let running = running(&[|c| run(c).boxed()]).await;
    let mut pods = template("work:1");
    pods["spec"]["restartPolicy"] = "Never".into();
    let value = json!({
        "metadata": { "name": "tick", "namespace": "default" },
        "spec": {
            "schedule": "* * * * *",
            "successfulJobsHistoryLimit": 0,
            "jobTemplate": {
                "metadata": { "labels": { "a": "b" }, "annotations": { "c": "d" } },
                "spec": { "template": pods },
            },
        },
    });
    running.create(CRON_JOBS, value).await;
    running.test.clock.advance(Duration::from_secs(41));
    let name = job_name("tick", Timestamp::from_secs(NOW + 40));
    let job = running.until_one(JOBS, &name, "started", |_| true).await;
    let metadata = &job["metadata"];
    assert_eq!(metadata["labels"], json!({ "a": "b" }));
    let notes = json!({ "c": "d", SCHEDULED: "2023-11-14T22:14:00Z" });
    assert_eq!(metadata["annotations"], notes);
    assert_eq!(metadata["ownerReferences"][0]["name"], "tick");
    let used = |cron: &Value| {
        let status = &cron["status"];
        status["lastScheduleTime"] == "2023-11-14T22:14:00Z"
            && status["active"][0]["name"] == name.as_str()
    };
    running.until_one(CRON_JOBS, "tick", "used", used).await;
    let done = |job: &mut Value| {
        job["status"]["completionTime"] = "2023-11-14T22:14:10Z".into();
        job["status"]["conditions"] = json!([{ "type": "Complete", "status": "True" }]);
        Ok(())
    };
    let (cluster, by) = (running.cluster(), &running.test.by);
    let done = cluster.modify(JOBS, "default", &name, Part::Status, by, done);
    done.await.unwrap();
    let seen = |cron: &Value| {
        cron["status"]["active"].is_null()
            && cron["status"]["lastSuccessfulTime"] == "2023-11-14T22:14:10Z"
    };
    running.until_one(CRON_JOBS, "tick", "seen", seen).await;
    for reason in ["SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete"] {
        running
            .until("events", reason, |_| {
                (running.events("tick", reason).len() == 1).then_some(())
            })
            .await;
    }
}

#[tokio::test]
async fn a_new_schedule_makes_up_for_nothing() {
    let running = running(&[|c| run(c).boxed()]).await;
    let mut pods = template("work:1");
    pods["spec"]["restartPolicy"] = "Never".into();
    let value = json!({
        "metadata": { "name": "tick", "namespace": "default" },
        "spec": {
            "schedule": "14 22 * * *",
            "jobTemplate": { "spec": { "template": pods } },
        },
    });
    running.create(CRON_JOBS, value).await;
    running.test.clock.advance(Duration::from_mins(1));
    // So the controller knows the old schedule.
    running
        .until_one(JOBS, &job_name("tick", at("22:14:00")), "made", |_| true)
        .await;
    running.test.clock.advance(Duration::from_mins(90));
    let change = |cron: &mut Value| cron["spec"]["schedule"] = "@hourly".into();
    running.change(CRON_JOBS, "tick", change).await;
    let created = || {
        running.until(JOBS, "another job", |jobs| {
            let names: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
            (names.len() > 1).then_some(names)
        })
    };
    // Nobody tells when the controller has seen the change: until then, hours pass without a job.
    let names = loop {
        running.test.clock.advance(Duration::from_hours(1));
        let soon = Duration::from_millis(200);
        if let Ok(names) = tokio::time::timeout(soon, created()).await {
            break names;
        }
    };
    // 23:00 passed under the old one.
    let missed = at("00:00:00") + Duration::from_hours(23);
    assert_eq!(names.len(), 2);
    assert!(!names.contains(&job_name("tick", missed)), "{names:?}");
}
