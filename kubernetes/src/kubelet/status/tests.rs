//! What the kubelet of Kubernetes 1.33 says in the same place.
use super::*;
use serde_json::json;
use wharf_runtime::{ContainerState, Terminated};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn pod(policy: &str) -> Value {
    json!({
        "metadata": { "name": "a", "generation": 3 },
        "spec": {
            "restartPolicy": policy,
            "initContainers": [
                { "name": "i", "image": "x" },
                { "name": "s", "image": "x", "restartPolicy": "Always" },
            ],
            "containers": [{ "name": "a", "image": "x" }, { "name": "b", "image": "x" }],
        },
        "status": { "qosClass": "Burstable" },
    })
}

fn running(name: &str) -> ContainerStatus {
    ContainerStatus {
        id: "0".repeat(64),
        state: ContainerState::Running { since: NOW },
        ready: true,
        started: true,
        ..waiting(name, "", "")
    }
}

fn ended(name: &str, exit_code: i32) -> ContainerStatus {
    let end = Terminated {
        exit_code,
        reason: if exit_code == 0 { "Completed" } else { "Error" }.to_owned(),
        message: String::new(),
        started: NOW,
        finished: NOW,
    };
    ContainerStatus {
        id: "0".repeat(64),
        state: ContainerState::Terminated(end),
        ready: exit_code == 0 && name == "i",
        ..waiting(name, "", "")
    }
}

fn seen(containers: &[ContainerStatus]) -> Seen<'_> {
    Seen {
        containers,
        sandbox: true,
        ip: None,
        host_ip: None,
        ended: false,
        failure: None,
        generations: false,
        now: NOW,
    }
}

fn phase_of(policy: &str, containers: &[ContainerStatus]) -> String {
    let status = status(&pod(policy), &seen(containers));
    fields::text(&status, "phase").to_owned()
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let mut all = fields::list(status, "conditions").iter();
    all.find(|condition| condition["type"] == kind).unwrap()
}

#[test]
fn phases_follow_the_containers() {
    let begun = || vec![ended("i", 0), running("s")];
    let with = |more: [ContainerStatus; 2]| [begun(), more.to_vec()].concat();
    let policies = ["Always", "OnFailure", "Never"];
    for (containers, wanted) in [
        (vec![], ["Pending"; 3]),
        (vec![running("i")], ["Pending"; 3]),
        (vec![ended("i", 1)], ["Pending", "Pending", "Failed"]),
        (begun(), ["Pending"; 3]),
        (with([running("a"), running("b")]), ["Running"; 3]),
        (with([ended("a", 1), running("b")]), ["Running"; 3]),
    ] {
        for (policy, wanted) in policies.into_iter().zip(wanted) {
            assert_eq!(
                phase_of(policy, &containers),
                wanted,
                "{policy} {containers:?}"
            );
        }
    }
    let all_ended = |code| {
        vec![
            ended("i", 0),
            ended("s", 0),
            ended("a", 0),
            ended("b", code),
        ]
    };
    for (code, wanted) in [
        (0, ["Running", "Succeeded", "Succeeded"]),
        (1, ["Running", "Running", "Failed"]),
    ] {
        for (policy, wanted) in policies.into_iter().zip(wanted) {
            assert_eq!(
                phase_of(policy, &all_ended(code)),
                wanted,
                "{policy} {code}"
            );
        }
    }
}

#[test]
fn a_pod_that_begins_names_what_it_waits_for() {
    let status = status(&pod("Always"), &seen(&[]));
    let reasons = |list: &str| {
        let list = fields::list(&status, list).iter();
        let reasons = list.map(|one| {
            one["state"]["waiting"]["reason"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        reasons.collect::<Vec<_>>()
    };
    assert_eq!(reasons("containerStatuses"), ["PodInitializing"; 2]);
    let initialized = condition(&status, "Initialized");
    assert_eq!(initialized["reason"], "ContainersNotInitialized");
    assert_eq!(
        initialized["message"],
        "containers with incomplete status: [i s]"
    );
    let ready = condition(&status, "Ready");
    assert_eq!(ready["reason"], "ContainersNotReady");
    assert_eq!(ready["message"], "containers with unready status: [s a b]");
    assert_eq!(status["qosClass"], "Burstable");
}

#[test]
fn readiness_gates_are_waited_for() {
    let all = [ended("i", 0), running("s"), running("a"), running("b")];
    let mut pod = pod("Always");
    pod["spec"]["readinessGates"] =
        json!([{ "conditionType": "example.com/a" }, { "conditionType": "example.com/b" }]);
    pod["status"]["conditions"] = json!([{ "type": "example.com/b", "status": "False" }]);
    let status = status(&pod, &seen(&all));
    assert_eq!(condition(&status, "ContainersReady")["status"], "True");
    let ready = condition(&status, "Ready");
    assert_eq!(ready["reason"], "ReadinessGatesNotReady");
    assert_eq!(
        ready["message"],
        "corresponding condition of pod readiness gate \"example.com/a\" does not exist., the status of pod readiness gate \"example.com/b\" is not \"True\", but False"
    );
    assert_eq!(
        condition(&status, "example.com/b")["status"],
        "False",
        "it belongs to others"
    );
}

#[test]
fn a_condition_keeps_the_time_of_its_last_change() {
    let all = [ended("i", 0), running("s"), running("a"), running("b")];
    let mut pod = pod("Always");
    pod["status"] = status(&pod, &seen(&all));
    let later = Seen {
        now: Timestamp::from_secs(1_700_000_100),
        generations: true,
        ..seen(&all)
    };
    let again = status(&pod, &later);
    assert_eq!(
        condition(&again, "Ready")["lastTransitionTime"],
        "2023-11-14T22:13:20Z"
    );
    assert_eq!(condition(&again, "Ready")["observedGeneration"], 3);
    assert_eq!(again["observedGeneration"], 3);
    assert_eq!(again["startTime"], "2023-11-14T22:13:20Z");
}

#[test]
fn what_has_completed_stays_so() {
    let all = [ended("i", 0), ended("s", 0), ended("a", 0), ended("b", 0)];
    let mut pod = pod("Never");
    pod["status"] = status(&pod, &seen(&all));
    assert_eq!(condition(&pod["status"], "Ready")["reason"], "PodCompleted");
    assert_eq!(
        condition(&pod["status"], "Initialized")["reason"],
        "PodCompleted"
    );
    let ended = Seen {
        ended: true,
        ..seen(&[])
    };
    assert_eq!(status(&pod, &ended)["phase"], "Succeeded");
}

#[test]
fn a_status_is_read_back_as_it_was_written() {
    let all = [ended("i", 0), running("s"), running("a"), ended("b", 1)];
    let mut pod = pod("Always");
    pod["status"] = status(&pod, &seen(&all));
    let back = adopted(&pod).unwrap();
    let wanted: Vec<ContainerStatus> = all.to_vec();
    assert_eq!(back.containers, wanted);
}
