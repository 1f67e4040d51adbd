use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::judge::Judged;
use super::track::Done;
use super::*;
use crate::cluster::time::rfc3339;
use crate::views::PodView;

mod counting;
mod ends;
mod live;
mod steps;

const NOW: i64 = 1_700_000_000;

/// A job that has been told to be as it is wanted, in the state in which it is stored.
fn job(spec: Value, status: Value) -> JobView {
    let mut value = json!({
        "metadata": { "name": "work", "namespace": "default", "uid": "job" },
        "spec": {
            "parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed",
            "suspend": false, "podReplacementPolicy": "TerminatingOrFailed",
            "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "main" }] } },
        },
    });
    value["status"] = status;
    put(&mut value["spec"], spec);
    serde_json::from_value(value).unwrap()
}

fn indexed(completions: i64, more: Value) -> Value {
    let mut spec = json!({
        "completionMode": "Indexed", "completions": completions, "parallelism": completions,
    });
    put(&mut spec, more);
    spec
}

/// Adds members to an object.
fn put(to: &mut Value, members: Value) {
    if let Value::Object(members) = members {
        to.as_object_mut().unwrap().extend(members);
    }
}

/// A pod with a name, of an index if that is not negative, in a phase.
fn pod(name: &str, index: i64, phase: &str) -> Value {
    let mut pod = json!({
        "metadata": {
            "name": name, "namespace": "default", "uid": name,
            "finalizers": [pods::TRACKING],
            "creationTimestamp": rfc3339(Timestamp::from_secs(NOW - 100)),
        },
        "spec": { "nodeName": "node" },
        "status": { "phase": phase },
    });
    if index >= 0 {
        let text = index.to_string();
        pod["metadata"]["annotations"] =
            json!({ "batch.kubernetes.io/job-completion-index": text });
    }
    pod
}

/// One that failed some seconds ago, with an exit code.
fn failed(name: &str, index: i64, ago: i64, code: i64) -> Value {
    let mut pod = pod(name, index, "Failed");
    let at = rfc3339(Timestamp::from_secs(NOW - ago));
    pod["status"]["containerStatuses"] = json!([{
        "name": "main",
        "state": { "terminated": { "exitCode": code, "finishedAt": at } },
    }]);
    pod
}

fn deleting(mut pod: Value) -> Value {
    pod["metadata"]["deletionTimestamp"] = rfc3339(Timestamp::from_secs(NOW)).into();
    pod
}

fn views(pods: &[Value]) -> Vec<Arc<PodView>> {
    let read = |pod: &Value| Arc::new(serde_json::from_value(pod.clone()).unwrap());
    pods.iter().map(read).collect()
}

/// One pass over a job, in which all that is wanted is done.
struct Pass {
    judged: Judged,
    step: Step,
    tracking: Tracking,
    status: JobStatus,
    end: Option<End>,
}

fn pass(job: &JobView, pods: &[Value]) -> Pass {
    let pods = views(pods);
    let look = Look {
        job,
        pods: &pods,
        failures: backoff::Failures::default(),
        now: Timestamp::from_secs(NOW),
    };
    let judged = judge(&look);
    let step = step(&look, &judged);
    let ready = |pods: &[Arc<PodView>]| {
        let ready = pods.iter().filter(|pod| pod_control::is_ready(pod));
        judge::count(ready.count())
    };
    let done = match &step {
        Step::Nothing | Step::Wait(_) => Done::default(),
        Step::Create(indexes) => Done {
            created: judge::count(indexes.len()),
            ..Done::default()
        },
        Step::End(pods) | Step::Remove(pods) => Done {
            deleted: judge::count(pods.len()),
            ready: ready(pods),
            ..Done::default()
        },
    };
    let tracking = track(&look, judged.clone(), &step, done);
    let released = tracking.release.iter();
    let released = released.map(|pod| pod.metadata.uid.clone()).collect();
    let (status, end) = tracking.clone().settle(&released, look.now);
    Pass {
        judged,
        step,
        tracking,
        status,
        end,
    }
}

impl Pass {
    fn created(&self) -> Vec<Option<i64>> {
        match &self.step {
            Step::Create(indexes) => indexes.clone(),
            step => panic!("{step:?}"),
        }
    }

    fn removed(&self) -> Vec<&str> {
        match &self.step {
            Step::Remove(pods) | Step::End(pods) => {
                pods.iter().map(|pod| pod.metadata.name.as_str()).collect()
            }
            step => panic!("{step:?}"),
        }
    }

    fn waits(&self) -> Duration {
        match self.step {
            Step::Wait(pause) => pause,
            ref step => panic!("{step:?}"),
        }
    }

    /// The reason why the job ends or ended.
    fn reason(&self) -> Option<&str> {
        self.judged.end.as_ref().map(|end| end.reason.as_str())
    }

    fn conditions(&self) -> Vec<(&str, &str)> {
        let all = self.status.conditions.iter();
        all.map(|one| (one.r#type.as_str(), one.reason.as_str()))
            .collect()
    }
}
