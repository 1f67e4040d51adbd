//! Jobs that say how long they stay after they have ended.
use std::time::Duration;

use wharf_types::Timestamp;

use super::{Frame, Key, Outcome};
use crate::Status;
use crate::cluster::time::parse_rfc3339;
use crate::cluster::{Actor, Cluster, Deletion, Propagation};
use crate::views::JobView;

const JOBS: &str = "jobs.batch";

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("ttl-after-finished", &cluster);
    frame.on(cluster.shelf(JOBS)?, |seen| {
        let job = seen.new.filter(|job| end(&job.view::<JobView>()).is_some());
        job.map(|job| Key::of(job)).into_iter().collect()
    });
    let by = Actor::controller("ttl-after-finished-controller");
    frame
        .run(1, move |key| {
            let (cluster, by) = (cluster.clone(), by.clone());
            async move { expire(&cluster, &by, &key).await }
        })
        .await;
    Ok(())
}

/// When a job goes, if it does.
fn end(job: &JobView) -> Option<Timestamp> {
    let life = job.spec.ttl_seconds_after_finished?;
    let finished = job.finished()?.last_transition_time.as_deref();
    let life = Duration::from_secs(u64::try_from(life).unwrap_or(0));
    Some(parse_rfc3339(finished?)? + life)
}

async fn expire(cluster: &Cluster, by: &Actor, key: &Key) -> Outcome {
    let found = cluster.get(JOBS, &key.namespace, &key.name);
    let Some(job) = found.filter(|job| !job.deleting) else {
        return Ok(None);
    };
    let Some(end) = end(&job.view::<JobView>()) else {
        return Ok(None);
    };
    let left = end.since(cluster.now());
    if !left.is_zero() {
        return Ok(Some(left));
    }
    let how = Deletion {
        propagation: Some(Propagation::Foreground),
        uid: Some(job.uid.clone()),
        // A longer life that was just given counts.
        revision: Some(job.revision.to_string()),
        ..Deletion::default()
    };
    match cluster
        .delete(JOBS, &key.namespace, &key.name, &how, by)
        .await
    {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::{Value, json};

    use super::super::testing::{running, template};
    use super::*;
    use crate::cluster::Part;

    #[tokio::test]
    async fn a_job_goes_so_long_after_it_has_ended() {
        let running = running(&[
            |c| run(c).boxed(),
            |c| super::super::garbage::run(c).boxed(),
        ])
        .await;
        let mut pods = template("work:1");
        pods["spec"]["restartPolicy"] = "Never".into();
        for name in ["short", "kept"] {
            let mut job = json!({
                "metadata": { "name": name, "namespace": "default" },
                "spec": { "template": pods },
            });
            if name == "short" {
                job["spec"]["ttlSecondsAfterFinished"] = 60.into();
            }
            running.create(JOBS, job).await;
            let now = crate::cluster::time::rfc3339(running.cluster().now());
            let done = move |job: &mut Value| {
                job["status"]["conditions"] =
                    json!([{ "type": "Complete", "status": "True", "lastTransitionTime": now }]);
                Ok(())
            };
            let by = &running.test.by;
            let cluster = running.cluster();
            let done = cluster.modify(JOBS, "default", name, Part::Status, by, done);
            done.await.unwrap();
        }
        let key = Key::new("default", "short");
        let left = expire(running.cluster(), &running.test.by, &key);
        assert_eq!(left.await.unwrap(), Some(Duration::from_mins(1)));
        running.test.clock.advance(Duration::from_mins(1));
        running
            .until(JOBS, "one is gone", |jobs| {
                let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
                (names == ["kept"]).then_some(())
            })
            .await;
    }
}
