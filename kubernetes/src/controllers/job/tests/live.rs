//! Jobs in a cluster.
use futures::FutureExt as _;

use super::*;
use crate::cluster::{Deletion, Part, Propagation};
use crate::controllers::garbage;
use crate::controllers::testing::{Running, running, template};

async fn cluster() -> Running {
    running(&[
        |c| run(c).boxed(),
        |c| run_orphans(c).boxed(),
        |c| garbage::run(c).boxed(),
    ])
    .await
}

async fn create(running: &Running, spec: Value) {
    let mut pods = template("work:1");
    pods["spec"]["restartPolicy"] = "Never".into();
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": "work", "namespace": "default" },
        "spec": { "template": pods },
    });
    for (key, field) in spec.as_object().unwrap() {
        job["spec"][key] = field.clone();
    }
    running.create(JOBS, job).await;
}

/// The names of the pods that are not about to go, once there are so many.
async fn pods(running: &Running, count: usize) -> Vec<String> {
    let what = format!("{count} pods");
    running
        .until("pods", &what, |pods| {
            let active = pods.iter().filter(|pod| {
                let view = pod.view::<PodView>();
                pod_control::is_active(&view)
            });
            let names: Vec<String> = active.map(|pod| pod.name.clone()).collect();
            (names.len() == count).then_some(names)
        })
        .await
}

async fn end(running: &Running, name: &str, phase: &str) {
    let at = rfc3339(running.cluster().now());
    let change = |pod: &mut Value| {
        pod["status"]["phase"] = phase.into();
        pod["status"]["containerStatuses"] = json!([{
            "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": 1, "finishedAt": at } },
        }]);
        Ok(())
    };
    let cluster = running.cluster();
    let by = &running.test.by;
    let changed = cluster.modify("pods", "default", name, Part::Status, by, change);
    changed.await.unwrap();
}

fn has(job: &Value, kind: &str, reason: &str) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    let mut held = conditions.filter(|condition| condition["status"] == "True");
    held.any(|condition| condition["type"] == kind && condition["reason"] == reason)
}

#[tokio::test]
async fn a_job_runs_its_pods_and_is_complete() {
    let running = cluster().await;
    create(&running, json!({ "completions": 3, "parallelism": 2 })).await;
    let first = pods(&running, 2).await;
    let made = running.cluster().get("pods", "default", &first[0]).unwrap();
    assert_eq!(made.label("batch.kubernetes.io/job-name"), Some("work"));
    assert!(pods::is_tracked(&made.view::<PodView>()));
    end(&running, &first[0], "Succeeded").await;
    running
        .until_one(JOBS, "work", "one", |job| job["status"]["succeeded"] == 1)
        .await;
    for name in pods(&running, 2).await {
        end(&running, &name, "Succeeded").await;
    }
    let done = |job: &Value| has(job, "Complete", "CompletionsReached");
    let job = running.until_one(JOBS, "work", "done", done).await;
    let status = &job["status"];
    assert_eq!(status["succeeded"], 3);
    assert_eq!(
        (&status["ready"], &status["terminating"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(status["uncountedTerminatedPods"], json!({}));
    let left = running.cluster().list("pods", Some("default"));
    let tracked = |pod: &Arc<Object>| pods::is_tracked(&pod.view::<PodView>());
    assert_eq!((left.len(), left.iter().any(tracked)), (3, false));
    running
        .until("events", "all told", |_| {
            (running.events("work", "Completed") == ["Job completed"]).then_some(())
        })
        .await;
    assert_eq!(running.events("work", "SuccessfulCreate").len(), 3);
}

#[tokio::test]
async fn a_job_gives_up_after_its_tries() {
    let running = cluster().await;
    create(&running, json!({ "backoffLimit": 1 })).await;
    let first = pods(&running, 1).await;
    end(&running, &first[0], "Failed").await;
    running
        .until_one(JOBS, "work", "a failure", |job| {
            job["status"]["failed"] == 1
        })
        .await;
    running.test.clock.advance(Duration::from_secs(10));
    let second = pods(&running, 1).await;
    assert_ne!(first, second);
    end(&running, &second[0], "Failed").await;
    let done = |job: &Value| has(job, "Failed", "BackoffLimitExceeded");
    let job = running.until_one(JOBS, "work", "done", done).await;
    assert_eq!(job["status"]["failed"], 2);
}

#[tokio::test]
async fn a_deadline_ends_a_job_and_its_pods() {
    let running = cluster().await;
    create(&running, json!({ "activeDeadlineSeconds": 30 })).await;
    let pod = pods(&running, 1).await;
    running.make_ready(&pod[0]).await;
    running
        .until_one(JOBS, "work", "ready", |job| job["status"]["ready"] == 1)
        .await;
    running.test.clock.advance(Duration::from_secs(30));
    let ending = |job: &Value| has(job, "FailureTarget", "DeadlineExceeded");
    running.until_one(JOBS, "work", "ending", ending).await;
    running.finish(&pod[0]).await;
    let done = |job: &Value| has(job, "Failed", "DeadlineExceeded");
    running.until_one(JOBS, "work", "failed", done).await;
}

#[tokio::test]
async fn a_suspended_job_rests_and_is_resumed() {
    let running = cluster().await;
    create(&running, json!({ "suspend": true })).await;
    let rests = |job: &Value| has(job, "Suspended", "JobSuspended");
    running.until_one(JOBS, "work", "rests", rests).await;
    let suspend = async |suspend: bool| {
        let change = move |job: &mut Value| job["spec"]["suspend"] = suspend.into();
        running.change(JOBS, "work", change).await;
    };
    suspend(false).await;
    pods(&running, 1).await;
    suspend(true).await;
    // One that was not placed anywhere is gone at once.
    running
        .until("pods", "none", |pods| pods.is_empty().then_some(()))
        .await;
    let job = running.until_one(JOBS, "work", "rests", rests).await;
    assert!(job["status"]["failed"].is_null());
}

#[tokio::test]
async fn pods_go_with_their_job_however_it_is_deleted() {
    for way in [
        Propagation::Background,
        Propagation::Foreground,
        Propagation::Orphan,
    ] {
        let running = cluster().await;
        create(&running, json!({ "completions": 2, "parallelism": 2 })).await;
        let two = pods(&running, 2).await;
        running.make_ready(&two[0]).await;
        end(&running, &two[1], "Succeeded").await;
        running
            .until_one(JOBS, "work", "seen", |job| job["status"]["succeeded"] == 1)
            .await;
        let how = Deletion {
            propagation: Some(way),
            ..Deletion::default()
        };
        let by = &running.test.by;
        let deleted = running.cluster().delete(JOBS, "default", "work", &how, by);
        deleted.await.unwrap();
        if way == Propagation::Orphan {
            running
                .until("pods", "free pods", |pods| {
                    let free = |pod: &Arc<Object>| {
                        pod.owners.is_empty() && !pods::is_tracked(&pod.view::<PodView>())
                    };
                    (pods.len() == 2 && pods.iter().all(free)).then_some(())
                })
                .await;
        } else {
            running
                .until("pods", "one told to end", |pods| {
                    (pods.len() == 1 && pods[0].deleting).then_some(())
                })
                .await;
            running.finish(&two[0]).await;
            running
                .until("pods", "no pods", |pods| pods.is_empty().then_some(()))
                .await;
        }
        running
            .until(JOBS, "no job", |jobs| jobs.is_empty().then_some(()))
            .await;
    }
}

#[tokio::test]
async fn pods_are_adopted_to_be_counted_and_released_uncounted() {
    let running = cluster().await;
    let mut orphan = template("work:1");
    orphan["metadata"]["name"] = "orphan".into();
    orphan["metadata"]["namespace"] = "default".into();
    orphan["spec"]["restartPolicy"] = "Never".into();
    running.create("pods", orphan).await;
    let selector = json!({ "matchLabels": { "app": "web" } });
    create(
        &running,
        json!({ "manualSelector": true, "selector": selector }),
    )
    .await;
    let tracked = |pod: &Value| pod["metadata"]["finalizers"] == json!([pods::TRACKING]);
    running
        .until_one("pods", "orphan", "adopted", tracked)
        .await;
    running
        .change("pods", "orphan", |pod| {
            pod["metadata"]["labels"]["app"] = "other".into();
        })
        .await;
    let free = |pod: &Value| {
        let metadata = &pod["metadata"];
        let none = |field: &str| crate::fields::list(metadata, field).is_empty();
        none("finalizers") && none("ownerReferences")
    };
    running.until_one("pods", "orphan", "released", free).await;
    pods(&running, 2).await;
}

#[tokio::test]
async fn somebody_else_may_work_for_a_job() {
    let running = cluster().await;
    create(&running, json!({ "managedBy": "example.com/other" })).await;
    let mut other = template("work:1");
    other["spec"]["restartPolicy"] = "Never".into();
    let job = json!({ "metadata": { "name": "own", "namespace": "default" }, "spec": { "template": other } });
    running.create(JOBS, job).await;
    let first = pods(&running, 1).await;
    assert!(first[0].starts_with("own-"), "{first:?}");
    let job = running.cluster().get(JOBS, "default", "work").unwrap();
    assert_eq!(job.view::<JobView>().status, JobStatus::default());
}
