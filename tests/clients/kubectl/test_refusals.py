"""No pod gets anything of this computer: not in any place that it can be asked for, not in any way.

Objects are stored, as Kubernetes stores them; pods that ask for what is forbidden never run, and an
event says why. On Fargate it is AWS's list and words.
"""

import copy
import json
import os
import re
import time

import pytest
from api import Api, eks
from forbidden import CONTAINER, FARGATE, INVALID, NODE, REFUSED, THINGS
from tools import ACCOUNT, Shell, until

CLUSTER = "refusals"
PLAIN = {"containers": [{"name": "c", "image": "nginx"}]}
# Kinds with a template of pods, and where their objects are.
OWNERS = {
    "Deployment": "apis/apps/v1/{}/deployments",
    "ReplicaSet": "apis/apps/v1/{}/replicasets",
    "StatefulSet": "apis/apps/v1/{}/statefulsets",
    "DaemonSet": "apis/apps/v1/{}/daemonsets",
    "ReplicationController": "api/v1/{}/replicationcontrollers",
    "Job": "apis/batch/v1/{}/jobs",
    "CronJob": "apis/batch/v1/{}/cronjobs",
}
WAYS = ["apply", "strategic", "merge", "json", "replace"]


@pytest.fixture(scope="module")
def shell():
    shell, made = Shell(), eks()
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    made.create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    made.create_nodegroup(
        clusterName=CLUSTER, nodegroupName="n", nodeRole=role, subnets=["subnet-1"],
        # For many pods.
        instanceTypes=["m5.24xlarge"], scalingConfig={"minSize": 1, "maxSize": 1, "desiredSize": 1},
    )
    made.create_fargate_profile(
        clusterName=CLUSTER, fargateProfileName="p", podExecutionRoleArn=role, selectors=[{"namespace": "on-fargate"}],
    )
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER)
    return shell


@pytest.fixture(scope="module")
def api(shell):
    api = Api(CLUSTER)
    until("there is a node", lambda: len(api.get("/api/v1/nodes")["items"]) == 1)
    return api


@pytest.fixture
def place(api, request):
    """A namespace of the test's own."""
    name = "t" + format(abs(hash(request.node.name)) % 10**9)
    until("a namespace is free", lambda: api.ask("GET", f"/api/v1/namespaces/{name}").status == 404)
    path = api.namespace(name)
    until("its account is there", lambda: api.ask("GET", f"{path}/serviceaccounts/default").status == 200)
    yield name
    api.ask("DELETE", path).expect(200)


def slug(*words) -> str:
    text = "".join(c if c.isalnum() else "-" for c in "-".join(map(str, words)).lower())
    return "-".join(part for part in text.split("-") if part)[:50]


def pod(name: str, spec: dict) -> dict:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def owner(kind: str, name: str, spec: dict) -> dict:
    """An object whose pods are of this spec."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    group = OWNERS[kind].removeprefix("apis/").removeprefix("api/").split("/{}")[0]
    made = {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": {"template": template}}
    if kind == "ReplicationController":
        made["spec"]["selector"] = labels
    elif kind not in ("Job", "CronJob"):
        made["spec"]["selector"] = {"matchLabels": labels}
    if kind == "StatefulSet":
        made["spec"]["serviceName"] = "none"
    if kind in ("Job", "CronJob"):
        template["spec"] = dict(spec, restartPolicy="Never")
    if kind == "CronJob":
        made["spec"] = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
    return made


def path(place: str, kind: str) -> str:
    return "/" + OWNERS[kind].format(f"namespaces/{place}")


def statuses(pod: dict) -> list[dict]:
    lists = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return [status for name in lists for status in pod["status"].get(name, [])]


def assert_nothing_ran(pod: dict):
    assert pod["status"]["phase"] in ("Pending", "Failed"), pod["status"]
    for status in statuses(pod):
        state = status.get("state", {})
        assert "running" not in state and "terminated" not in state, pod["status"]
        assert not status.get("containerID") and not status.get("started") and not status["ready"], pod["status"]


def events(api, place) -> dict[str, list[str]]:
    """What the warnings of each pod say."""
    told = {}
    for event in api.get(f"/api/v1/namespaces/{place}/events")["items"]:
        if event["type"] == "Warning" and event["involvedObject"]["kind"] == "Pod":
            told.setdefault(event["involvedObject"]["name"], []).append(event["message"])
    return told


def refused(api, place: str, wanted: dict[str, str]):
    """Waits until each pod whose name begins so was told why it is refused; none of them has run."""
    left = {}

    def all_told():
        told = events(api, place)
        pods = {one["metadata"]["name"]: one for one in api.get(f"/api/v1/namespaces/{place}/pods")["items"]}
        left.clear()
        found = []
        for name, text in wanted.items():
            # The pod itself, or those that a controller named after its object.
            made = re.compile(re.escape(name) + "(-[0-9a-z]{6,10})?-([0-9a-z]{5}|0)")
            own = [one for one in pods if one == name] or [one for one in pods if made.fullmatch(one)]
            found += own
            if not own or not all(any(text in message for message in told.get(one, [])) for one in own):
                left[name] = (text, [(told.get(one), pods[one]["status"]) for one in own])
        for name in found:
            assert_nothing_ran(pods[name])
        return None if left else ([pods[name] for name in found], told)

    try:
        pods, told = until("pods are refused", all_told)
    except AssertionError as error:
        raise AssertionError(f"{len(left)} of {len(wanted)}: {list(left.items())[:3]}") from error
    for one in pods:
        reasons = {status["state"]["waiting"]["reason"] for status in statuses(one)}
        if any(NODE in message for message in told[one["metadata"]["name"]]):
            assert "CreateContainerConfigError" in reasons, one["status"]


def says(thing, at: str = "containers[0]") -> str:
    if thing.of == "container":
        return f"{NODE}spec.{at}.{thing.says}"
    return NODE + thing.says


def test_the_list_is_long():
    names = [thing.name for thing in THINGS]
    assert len({slug(name) for name in names}) == len(names) > 60


@pytest.mark.parametrize("kind", ["Pod", *OWNERS])
def test_what_kubernetes_finds_invalid_is_not_stored(api, place, kind):
    for thing in INVALID:
        spec = thing.put(PLAIN)
        if kind == "Pod":
            answer = api.ask("POST", f"/api/v1/namespaces/{place}/pods", pod(slug(thing), spec))
        else:
            answer = api.ask("POST", path(place, kind), owner(kind, slug(thing), spec))
        status = answer.expect(422).json
        assert thing.invalid in status["message"], (thing.name, status["message"])
        where = {"Pod": "spec.", "CronJob": "spec.jobTemplate.spec.template.spec."}.get(kind, "spec.template.spec.")
        assert all(cause["field"].startswith(where) for cause in status["details"]["causes"]), status


def test_pods(api, place):
    """In each kind of container, the second one too."""
    both = {"containers": [{"name": "a", "image": "nginx"}, {"name": "c", "image": "nginx"}]}
    first = dict(PLAIN, initContainers=[{"name": "i", "image": "busybox"}])
    sidecar = dict(PLAIN, initContainers=[{"name": "i", "image": "busybox", "restartPolicy": "Always"}])
    wanted = {}
    for thing in REFUSED:
        where = [("", PLAIN, ("containers", 0))]
        if thing.of == "container":
            where += [("two", both, ("containers", 1)), ("init", first, ("initContainers", 0)), ("side", sidecar, ("initContainers", 0))]
        for word, spec, at in where:
            name, asked = slug(thing, word), thing.put(spec, at)
            for port in asked[at[0]][at[1]].get("ports", []):
                # No two pods of a node can have the same.
                port["hostPort"] = port.get("hostPort") and 8000 + len(wanted)
            api.create(f"/api/v1/namespaces/{place}/pods", pod(name, asked))
            wanted[name] = says(thing, f"{at[0]}[{at[1]}]")
    refused(api, place, wanted)


@pytest.fixture(scope="module")
def jobs(api):
    """Skips what needs jobs where nothing runs them."""
    at = "/apis/batch/v1/namespaces/default/jobs"
    api.create(at, owner("Job", "plain", PLAIN))
    end = time.monotonic() + 5
    while not api.get(f"{at}/plain").get("status"):
        if time.monotonic() > end:
            pytest.skip("jobs do not run")


@pytest.mark.parametrize("kind", [kind for kind in OWNERS if kind != "CronJob"])
def test_templates(api, place, kind, request):
    if kind == "Job":
        request.getfixturevalue("jobs")
    wanted = {}
    for thing in REFUSED:
        api.create(path(place, kind), owner(kind, slug(thing), thing.put(PLAIN)))
        wanted[slug(thing)] = says(thing)
    refused(api, place, wanted)


def test_templates_of_cron_jobs(api, place, jobs):
    for thing in REFUSED:
        api.create(path(place, "CronJob"), owner("CronJob", slug(thing), thing.put(PLAIN)))
    wanted = {}
    for thing in REFUSED:
        # What `kubectl create job --from` does; the schedule may bring one more.
        made = api.get(f"{path(place, 'CronJob')}/{slug(thing)}")
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": slug(thing, "now")}, "spec": made["spec"]["jobTemplate"]["spec"]}
        api.create(path(place, "Job"), job)
        wanted[slug(thing, "now")] = says(thing)
    refused(api, place, wanted)


def change(api, way: str, at: str, old: dict, spec: dict, inside: list[str]):
    """Changes the pod's spec that is `inside` an object in one of the ways."""

    def wrapped(value):
        for key in reversed(inside):
            value = {key: value}
        return value

    named = {"apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": {"name": old["metadata"]["name"]}}
    if way == "replace":
        new = copy.deepcopy(old)
        hole = new
        for key in inside[:-1]:
            hole = hole[key]
        hole[inside[-1]] = dict(hole[inside[-1]], **spec)
        return api.ask("PUT", at, new)
    if way == "json":
        steps = [{"op": "add", "path": "/" + "/".join([*inside, key]), "value": value} for key, value in spec.items()]
        return api.patch(at, "json", steps)
    return api.patch(at, way, {**(named if way == "apply" else {}), **wrapped(spec)})


@pytest.mark.parametrize("way", WAYS)
def test_templates_that_change_later(api, place, way):
    """What runs goes on, and what would come instead does not run."""
    at = path(place, "Deployment")
    for thing in REFUSED:
        api.create(at, owner("Deployment", slug(thing), PLAIN))
    running = lambda: [  # noqa: E731
        one["metadata"]["name"] for one in api.get(f"/api/v1/namespaces/{place}/pods")["items"]
        if one["status"].get("phase") == "Running"
    ]
    until("all run", lambda: len(running()) == len(REFUSED))
    before = sorted(running())
    wanted = {}
    for thing in REFUSED:
        one = f"{at}/{slug(thing)}"
        old = api.get(one)
        old["metadata"].pop("managedFields", None)
        spec = thing.put(PLAIN)
        changed = until(f"{thing} is changed", lambda: not_stale(change(api, way, one, api.get(one), spec, ["spec", "template", "spec"])))
        new = changed.expect(200).json
        replica_set = until("there is a new replica set", lambda: newest(api, place, new))
        wanted[replica_set] = says(thing)
    refused(api, place, wanted)
    assert sorted(running()) == before


def not_stale(answer):
    return answer if answer.status != 409 else None


def newest(api, place, deployment):
    """The replica set of a deployment's second revision."""
    app = deployment["metadata"]["name"]
    found = api.get(f"{path(place, 'ReplicaSet')}?labelSelector=app%3D{app}")["items"]
    second = [one for one in found if one["metadata"]["annotations"].get("deployment.kubernetes.io/revision") == "2"]
    return second[0]["metadata"]["name"] if second else None


@pytest.mark.parametrize("way", WAYS)
def test_pods_that_change_later(api, place, way):
    """Nothing of this can be changed of a pod."""
    at = f"/api/v1/namespaces/{place}/pods"
    api.create(at, pod("p", PLAIN))
    until("it runs", lambda: api.get(f"{at}/p")["status"].get("phase") == "Running")
    before = api.get(f"{at}/p")
    for thing in THINGS:
        spec = thing.put(PLAIN)
        api_says = change(api, way, f"{at}/p", api.get(f"{at}/p"), spec, ["spec"]).expect(422).json
        assert api_says["reason"] == "Invalid", (thing.name, api_says)
    after = api.get(f"{at}/p")
    assert after["spec"] == before["spec"] and after["status"]["phase"] == "Running"


@pytest.mark.parametrize("way", WAYS)
def test_ephemeral_containers(api, place, way):
    at = f"/api/v1/namespaces/{place}/pods"
    api.create(at, pod("p", PLAIN))
    until("it runs", lambda: api.get(f"{at}/p")["status"].get("phase") == "Running")
    things = [thing for thing in CONTAINER if not thing.invalid and "ports" not in thing.what]
    ephemeral = [dict({"name": slug(thing), "image": "busybox"}, **thing.what) for thing in things]
    ephemeral.append({"name": "good", "image": "busybox"})
    change(api, way, f"{at}/p/ephemeralcontainers", api.get(f"{at}/p"), {"ephemeralContainers": ephemeral}, ["spec"]).expect(200)

    def shown():
        found = {one["name"]: one for one in api.get(f"{at}/p")["status"].get("ephemeralContainerStatuses", [])}
        return found if len(found) == len(ephemeral) and "waiting" not in found["good"]["state"] else None

    found = until("they are there", shown)
    assert found.pop("good")["state"].get("running")
    for name, status in found.items():
        assert status["state"]["waiting"]["reason"] == "CreateContainerConfigError", (name, status)
        assert status["state"]["waiting"]["message"].startswith(NODE + "spec.ephemeralContainers["), status
    told = until("events tell of all", lambda: all_told(events(api, place).get("p", []), things))
    assert told and api.get(f"{at}/p")["status"]["phase"] == "Running"


def all_told(messages, things):
    return all(any(thing.says in message for message in messages) for thing in things)


def test_volumes_of_the_computer_by_way_of_claims(api, place):
    """A persistent volume may say anything; what it says is never mounted."""
    sources = {
        "host": {"hostPath": {"path": "/"}},
        "nfs": {"nfs": {"server": "10.0.0.1", "path": "/"}},
        "csi": {"csi": {"driver": "hostpath.csi.k8s.io", "volumeHandle": "x"}},
    }
    wanted = {}
    for name, source in sources.items():
        volume, claim = f"{place}-{name}", f"/api/v1/namespaces/{place}/persistentvolumeclaims"
        common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
        api.create("/api/v1/persistentvolumes", {
            "metadata": {"name": volume},
            "spec": {"capacity": {"storage": "1Gi"}, **common, **source,
                     "claimRef": {"namespace": place, "name": name}},
        })
        api.create(claim, {"metadata": {"name": name}, "spec": {
            "resources": {"requests": {"storage": "1Gi"}}, **common, "volumeName": volume}})
        spec = dict(PLAIN, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": name}}])
        api.create(f"/api/v1/namespaces/{place}/pods", pod(name, spec))
    pods = until("they are looked at", lambda: [
        one for one in api.get(f"/api/v1/namespaces/{place}/pods")["items"] if one["status"].get("conditions")])
    for one in pods:
        assert_nothing_ran(one)


def test_what_charts_need_runs(api, place):
    fine = {
        "usual capability": {"securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}},
        "may get rights": {"securityContext": {"allowPrivilegeEscalation": True}},
        "usual profiles": {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "appArmorProfile": {"type": "RuntimeDefault"}}},
        "not privileged": {"securityContext": {"privileged": False, "procMount": "Default"}},
    }
    for name, what in fine.items():
        spec = {"containers": [dict(PLAIN["containers"][0], **what)], "hostNetwork": False, "hostUsers": False}
        api.create(f"/api/v1/namespaces/{place}/pods", pod(slug(name), spec))
    until("they run", lambda: [one["status"].get("phase") for one in api.get(f"/api/v1/namespaces/{place}/pods")["items"]] == ["Running"] * len(fine))


def test_fargate(api):
    """What Fargate's list has is refused in its words; the rest is refused all the same."""
    place = "on-fargate"
    api.namespace(place)
    until("its account is there", lambda: api.ask("GET", f"/api/v1/namespaces/{place}/serviceaccounts/default").status == 200)
    wanted = {}
    for thing in REFUSED:
        made = api.create(f"/api/v1/namespaces/{place}/pods", pod(slug(thing), thing.put(PLAIN)))
        assert made["spec"]["schedulerName"] == "fargate-scheduler"
        wanted[slug(thing)] = FARGATE + thing.fargate if thing.fargate else says(thing)
        if thing.fargate and thing.of == "container":
            init = dict(PLAIN, initContainers=[{"name": "i", "image": "busybox"}])
            api.create(f"/api/v1/namespaces/{place}/pods", pod(slug(thing, "init"), thing.put(init, ("initContainers", 0))))
            wanted[slug(thing, "init")] = FARGATE + thing.fargate
    refused(api, place, wanted)
    for one in api.get(f"/api/v1/namespaces/{place}/pods")["items"]:
        thing = next(thing for thing in REFUSED if slug(thing) == one["metadata"]["name"].removesuffix("-init"))
        placed = one["spec"].get("nodeName", "")
        assert bool(placed) != bool(thing.fargate), one["metadata"]["name"]
        if not placed:
            condition = next(c for c in one["status"]["conditions"] if c["type"] == "PodScheduled")
            assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
            assert condition["message"] == FARGATE + thing.fargate


def test_kubectl_in_all_its_ways(shell, api, place):
    inside = ("-n", place)
    privileged = {"spec": {"containers": [{"name": "c", "image": "nginx", "securityContext": {"privileged": True}}]}}
    text = "spec.containers[0].securityContext.privileged: a privileged container could do anything to this computer"
    shell.kubectl("run", "run", "--image=nginx", "--privileged", *inside)
    shell.kubectl("run", "overridden", "--image=nginx", f"--overrides={json.dumps({'spec': {'hostPID': True}})}", *inside)
    for name, more in (("applied", ()), ("on-server", ("--server-side",))):
        shell.apply(pod(name, privileged["spec"]), arguments=(*more, *inside))
    shell.kubectl("create", "-f", "-", *inside, stdin=json.dumps(pod("created", privileged["spec"])))
    shell.kubectl("run", "forced", "--image=nginx", *inside)
    shell.kubectl("replace", "--force", "--grace-period=0", "-f", "-", *inside, stdin=json.dumps(pod("forced", privileged["spec"])))
    shell.kubectl("create", "deployment", "patched", "--image=nginx", *inside)
    shell.kubectl("create", "deployment", "edited", "--image=nginx", *inside)
    shell.kubectl("rollout", "status", "deployment/patched", *inside)
    shell.kubectl("rollout", "status", "deployment/edited", *inside)
    change = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    shell.kubectl("patch", "deployment", "patched", "-p", json.dumps(change), *inside)
    editor = os.path.join(shell.home, "editor")
    with open(editor, "w", encoding="utf-8") as script:
        script.write("#!/bin/sh\nsed -i 's/^      dnsPolicy:.*/&\\n      hostIPC: true/' \"$1\"\n")
    os.chmod(editor, 0o755)
    shell.run("env", f"KUBE_EDITOR={editor}", "kubectl", "edit", "deployment", "edited", *inside)
    refused(api, place, {
        "run": text, "overridden": "spec.hostPID", "applied": text, "on-server": text, "created": text, "forced": text,
    })
    for name, field in (("patched", "spec.hostNetwork"), ("edited", "spec.hostIPC")):
        deployment = api.get(f"{path(place, 'Deployment')}/{name}")
        refused(api, place, {until("a new replica set", lambda: newest(api, place, deployment)): f"{NODE}{field}"})
        shell.kubectl("get", "deployment", name, *inside)
    described = shell.kubectl("describe", "pod", "run", *inside)
    assert text in described and "CreateContainerConfigError" in described
    # `logs` must not claim that there are any.
    assert "container" in shell.fails("kubectl", "logs", "run", *inside)


def test_kubectl_debug(shell, api, place):
    inside = ("-n", place)
    shell.kubectl("run", "app", "--image=nginx", *inside)
    shell.kubectl("wait", "--for=condition=Ready", "pod/app", *inside)
    shell.kubectl("debug", "app", "--image=busybox", "--profile=sysadmin", "--container=root", "--attach=false", *inside)
    at = f"/api/v1/namespaces/{place}/pods"

    def waits():
        found = api.get(f"{at}/app")["status"].get("ephemeralContainerStatuses", [])
        return [one["state"]["waiting"]["message"] for one in found if "waiting" in one["state"]]

    said = until("it is refused", waits)
    assert said == [NODE + "spec.ephemeralContainers[0].securityContext.privileged: a privileged container could do anything to this computer"]
    # A pod with the node's file system and processes.
    node = api.get("/api/v1/nodes")["items"]
    node = next(one["metadata"]["name"] for one in node if one["metadata"]["name"].startswith("ip-"))
    shell.kubectl("debug", f"node/{node}", "--image=busybox", "--attach=false", *inside)
    made = [one["metadata"]["name"] for one in api.get(at)["items"] if one["metadata"]["name"].startswith("node-debugger")]
    refused(api, place, {made[0]: NODE + "spec."})
    # A copy that shares processes.
    shell.kubectl("debug", "app", "--copy-to=copy", "--image=busybox", "--share-processes", "--attach=false", *inside)
    refused(api, place, {"copy": NODE + "spec.shareProcessNamespace"})
