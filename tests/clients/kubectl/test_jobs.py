"""Jobs and cron jobs as people use them, with kubectl, unmodified."""

import json
import re

import pytest
from tools import Failed, Shell, until

CLUSTER = "jobs"


@pytest.fixture(scope="module")
def shell():
    shell = Shell()
    shell.make_cluster(CLUSTER, 1, "t3.large")
    return shell


def job(name, namespace="default", pod=None, **spec):
    pod = dict({"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}, **(pod or {}))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": dict({"template": {"spec": pod}}, **spec),
    }


# A pod that no node takes.
NOWHERE = {"nodeSelector": {"there": "is-none"}}


def pods(shell, name, namespace="default"):
    return shell.items("pods", "-n", namespace, "-l", f"job-name={name}")


def complete(shell, name, condition="Complete"):
    done = shell.kubectl("wait", f"job/{name}", f"--for=condition={condition}", "--timeout=50s")
    assert "condition met" in done


def is_gone(shell, *what):
    try:
        shell.kubectl("get", *what)
    except Failed as failed:
        return "not found" in str(failed)
    return False


def test_a_job_is_created_completed_and_described(shell):
    assert "job.batch/once created" in shell.kubectl("create", "job", "once", "--image=busybox", "--", "true")
    complete(shell, "once")
    head, row = shell.kubectl("get", "jobs", "once").splitlines()
    assert head.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row.split()[:3] == ["once", "Complete", "1/1"]
    assert re.fullmatch(r"\d+s", row.split()[3])
    text = shell.kubectl("describe", "job", "once")
    assert re.search(r"Pods Statuses: +0 Active \(0 Ready\) / 1 Succeeded / 0 Failed", text)
    assert "Created pod: once-" in text and "Job completed" in text
    status = shell.get("job", "once")["status"]
    kinds = [condition["type"] for condition in status["conditions"]]
    assert kinds == ["SuccessCriteriaMet", "Complete"]
    assert (status["succeeded"], status["ready"], status["terminating"]) == (1, 0, 0)
    assert status["uncountedTerminatedPods"] == {}
    (pod,) = pods(shell, "once")
    assert pod["status"]["phase"] == "Succeeded"
    assert "finalizers" not in pod["metadata"]
    assert "Completed" in shell.kubectl("get", "pods", "-l", "job-name=once")
    shell.kubectl("delete", "job", "once")
    until("its pods are gone", lambda: pods(shell, "once") == [])


def test_indexed_jobs(shell):
    shell.apply(job("parts", completions=3, parallelism=2, completionMode="Indexed"))
    complete(shell, "parts")
    status = shell.get("job", "parts")["status"]
    assert (status["completedIndexes"], status["succeeded"]) == ("0-2", 3)
    hosts = sorted(pod["spec"]["hostname"] for pod in pods(shell, "parts"))
    assert hosts == ["parts-0", "parts-1", "parts-2"]
    assert re.search(r"Completed Indexes: +0-2", shell.kubectl("describe", "job", "parts"))
    shell.kubectl("delete", "job", "parts")


def test_jobs_that_rest(shell):
    shell.apply(job("resting", suspend=True))
    shell.kubectl("wait", "job/resting", "--for=condition=Suspended", "--timeout=30s")
    row = shell.kubectl("get", "job", "resting", "--no-headers").split()
    assert row[:3] == ["resting", "Suspended", "0/1"]
    assert pods(shell, "resting") == []
    assert "startTime" not in shell.get("job", "resting")["status"]
    shell.kubectl("patch", "job", "resting", "-p", '{"spec":{"suspend":false}}')
    complete(shell, "resting")
    text = shell.kubectl("describe", "job", "resting")
    for told in ("Job suspended", "Job resumed", "Job completed"):
        assert told in text
    shell.kubectl("delete", "job", "resting")


def test_what_may_not_change(shell):
    shell.apply(job("fixed", suspend=True))
    for patch in ('{"spec":{"completions":3}}', '{"spec":{"selector":{"matchLabels":{"a":"b"}}}}'):
        assert "field is immutable" in shell.fails("kubectl", "patch", "job", "fixed", "-p", patch)
    image = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"other"}]}}}}'
    assert "field is immutable" in shell.fails("kubectl", "patch", "job", "fixed", "-p", image)
    shell.kubectl("delete", "job", "fixed")


def test_a_deadline(shell):
    shell.apply(job("late", pod=NOWHERE, activeDeadlineSeconds=1))
    complete(shell, "late", "Failed")
    status = shell.get("job", "late")["status"]
    reasons = {condition["type"]: condition["reason"] for condition in status["conditions"]}
    assert reasons == {"FailureTarget": "DeadlineExceeded", "Failed": "DeadlineExceeded"}
    assert shell.kubectl("get", "job", "late", "--no-headers").split()[1] == "Failed"
    assert "Job was active longer than specified deadline" in shell.kubectl("describe", "job", "late")
    assert pods(shell, "late") == []
    shell.kubectl("delete", "job", "late")


def test_jobs_that_clean_up_after_themselves(shell):
    shell.apply(job("brief", ttlSecondsAfterFinished=1))
    until("the job is gone", lambda: is_gone(shell, "job", "brief"))
    until("its pods are gone", lambda: pods(shell, "brief") == [])


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_deletion_while_pods_run_and_wait(shell, cascade):
    name = f"doomed-{cascade}"
    shell.apply(job(name, parallelism=2, completions=2), job(f"{name}-waits", pod=NOWHERE))
    for one, count in ((name, 2), (f"{name}-waits", 1)):
        until("its pods are there", lambda: len(pods(shell, one)) == count)
        shell.kubectl("delete", "job", one, f"--cascade={cascade}")
        assert is_gone(shell, "job", one)
        if cascade == "orphan":
            free = lambda: not any(
                {"finalizers", "ownerReferences"} & pod["metadata"].keys() for pod in pods(shell, one)
            )
            until("its pods are free", free)
            assert len(pods(shell, one)) == count
            shell.kubectl("delete", "pods", "-l", f"job-name={one}")
        until("its pods are gone", lambda: pods(shell, one) == [])


def test_a_namespace_goes_with_its_jobs(shell):
    shell.kubectl("create", "namespace", "busy")
    shell.apply(job("runs", "busy", parallelism=2, completions=2), job("waits", "busy", pod=NOWHERE))
    until("its pods are there", lambda: len(shell.items("pods", "-n", "busy")) == 3)
    shell.kubectl("delete", "namespace", "busy")
    assert is_gone(shell, "namespace", "busy")


def test_cron_jobs(shell):
    # Every two seconds; the first job is enough.
    shell.kubectl("create", "cronjob", "tick", "--image=busybox", "--schedule=@every 2s")
    mine = lambda: [
        one for one in shell.items("jobs") if one["metadata"].get("ownerReferences", [{}])[0].get("name") == "tick"
    ]
    first = until("a job is started", mine)[0]
    shell.kubectl("patch", "cronjob", "tick", "-p", '{"spec":{"suspend":true}}')
    metadata = first["metadata"]
    assert re.fullmatch(r"tick-\d{8}", metadata["name"])
    assert "batch.kubernetes.io/cronjob-scheduled-timestamp" in metadata["annotations"]
    complete(shell, metadata["name"])
    successful = lambda: "lastSuccessfulTime" in shell.get("cronjob", "tick").get("status", {})
    until("its end is seen", successful)
    head, row = shell.kubectl("get", "cronjobs").splitlines()
    assert head.split()[:6] == ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST"]
    assert "True" in row.split()
    text = shell.kubectl("describe", "cronjob", "tick")
    assert f"Created job {metadata['name']}" in text
    assert f"Saw completed job: {metadata['name']}, condition: Complete" in text
    shell.kubectl("create", "job", "--from=cronjob/tick", "now")
    complete(shell, "now")
    note = shell.get("job", "now")["metadata"]["annotations"]
    assert note["cronjob.kubernetes.io/instantiate"] == "manual"
    assert "Saw a job that the controller did not create or forgot: now" in shell.kubectl("describe", "cronjob", "tick")
    shell.kubectl("delete", "cronjob", "tick")
    until("its jobs are gone", lambda: mine() == [])
    until("their pods are gone", lambda: pods(shell, metadata["name"]) == [])


def test_a_wrong_schedule_is_refused(shell):
    wrong = shell.fails("kubectl", "create", "cronjob", "bad", "--image=busybox", "--schedule=* * *")
    assert "expected exactly 5 fields" in wrong
    good = json.loads(
        shell.kubectl(
            "create", "cronjob", "zoned", "--image=busybox", "--schedule=0 3 * * *", "--dry-run=client", "-o", "json"
        )
    )
    good["spec"]["timeZone"] = "Mars/Base"
    assert "unknown time zone Mars/Base" in shell.fails("kubectl", "apply", "-f", "-", stdin=json.dumps(good))
