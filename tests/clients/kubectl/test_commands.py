"""What people type: kubectl's commands, unmodified, against a cluster with a node group."""

import json
import os
import re
import subprocess
import urllib.request

import pytest
from tools import Shell, deployment, until

CLUSTER = "commands"


@pytest.fixture(scope="module")
def shell():
    shell = Shell()
    shell.make_cluster(CLUSTER, 2)
    return shell


@pytest.fixture
def web(shell):
    """A deployment of two that is rolled out."""
    shell.apply(deployment("web", "default", replicas=2))
    shell.kubectl("rollout", "status", "deployment/web")
    yield "deployment/web"
    shell.kubectl("delete", "deployment", "web", "--ignore-not-found")


def test_version_and_cluster_info(shell):
    assert re.search(r"Server Version: v1\.\d+\.\d+-eks-[0-9a-f]{7}", shell.kubectl("version"))
    assert "Kubernetes control plane" in shell.kubectl("cluster-info")


def test_get_in_all_forms(shell, web):
    table = shell.kubectl("get", web)
    assert table.splitlines()[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table.splitlines()[1].split()[:4] == ["web", "2/2", "2", "2"]
    wide = shell.kubectl("get", web, "-o", "wide")
    assert wide.splitlines()[0].split()[-3:] == ["CONTAINERS", "IMAGES", "SELECTOR"]
    assert shell.kubectl("get", web, "-o", "name").strip() == "deployment.apps/web"
    assert shell.kubectl("get", web, "-o", "jsonpath={.spec.replicas}") == "2"
    assert "replicas: 2" in shell.kubectl("get", web, "-o", "yaml")
    assert shell.kubectl("get", web, "-o", "custom-columns=N:.metadata.name").split() == ["N", "web"]
    assert shell.kubectl("get", web, "-o", "go-template={{.metadata.name}}") == "web"
    everything = shell.kubectl("get", "all")
    for kind in ("pod/web-", "service/kubernetes", "deployment.apps/web", "replicaset.apps/web-"):
        assert kind in everything
    assert "app=web" in shell.kubectl("get", "pods", "--show-labels", "-l", "app=web")
    by_age = shell.kubectl("get", "pods", "-A", "--sort-by=.metadata.creationTimestamp", "--no-headers")
    assert "kube-system" in by_age
    assert len(shell.kubectl("get", "pods", "--chunk-size=1", "--no-headers").splitlines()) == 2
    selected = shell.kubectl("get", "pods", "--field-selector=status.phase=Running", "--no-headers")
    assert len(selected.splitlines()) == 2
    assert "No resources found" in subprocess.run(
        ["kubectl", "get", "jobs"], env=shell.environ, capture_output=True, text=True, check=True
    ).stderr
    assert '"web" not found' in shell.fails("kubectl", "get", "pod", "web")


def test_get_watch(shell):
    watch = subprocess.Popen(
        ["kubectl", "get", "configmaps", "-w", "--output-watch-events"],
        env=shell.environ, stdout=subprocess.PIPE, text=True,
    )
    try:
        first = watch.stdout.readline()
        assert first.split()[:2] == ["EVENT", "NAME"]
        assert "kube-root-ca.crt" in watch.stdout.readline()
        shell.kubectl("create", "configmap", "watched", "--from-literal=a=1")
        assert watch.stdout.readline().split()[:2] == ["ADDED", "watched"]
        shell.kubectl("delete", "configmap", "watched")
        assert watch.stdout.readline().split()[:2] == ["DELETED", "watched"]
    finally:
        watch.kill()


def test_describe(shell, web):
    text = shell.kubectl("describe", web)
    assert "Scaled up replica set web-" in text
    assert "MinimumReplicasAvailable" in text
    pod = shell.items("pods", "-l", "app=web")[0]["metadata"]["name"]
    text = shell.kubectl("describe", "pod", pod)
    for event in ("Scheduled", "Created", "Started"):
        assert event in text
    assert f"Successfully assigned default/{pod} to ip-192-168-" in text
    text = shell.kubectl("describe", "nodes")
    assert "Allocated resources" in text and pod in text
    for kind in ("service", "namespace", "serviceaccount", "configmap"):
        shell.kubectl("describe", kind)


def test_apply_again_and_what_would_change(shell, web):
    assert "unchanged" in shell.apply(deployment("web", "default", replicas=2))
    changed = json.dumps(deployment("web", "default", replicas=3))
    diff = shell.fails("kubectl", "diff", "-f", "-", stdin=changed)
    assert "-  replicas: 2" in diff and "+  replicas: 3" in diff
    assert "configured" in shell.kubectl("apply", "-f", "-", "--dry-run=server", stdin=changed)
    assert shell.get(web)["spec"]["replicas"] == 2
    assert "configured" in shell.kubectl("apply", "-f", "-", stdin=changed)
    assert shell.get(web)["spec"]["replicas"] == 3


def test_apply_on_the_server_finds_conflicts(shell, web):
    wanted = json.dumps(deployment("web", "default", replicas=5))
    conflict = shell.fails("kubectl", "apply", "--server-side", "--field-manager=other", "-f", "-", stdin=wanted)
    assert 'conflict with "kubectl-client-side-apply"' in conflict
    assert ".spec.replicas" in conflict
    done = shell.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", "-", stdin=wanted
    )
    assert "serverside-applied" in done
    live = shell.get(web, "--show-managed-fields")
    assert live["spec"]["replicas"] == 5
    assert "other" in {entry["manager"] for entry in live["metadata"]["managedFields"]}


def test_apply_refuses_unknown_fields(shell):
    wrong = deployment("wrong", "default")
    wrong["spec"]["replcas"] = 2
    refused = shell.fails("kubectl", "apply", "-f", "-", stdin=json.dumps(wrong))
    assert 'unknown field "spec.replcas"' in refused
    wrong = deployment("wrong", "default", replicas="two")
    assert "cannot unmarshal string" in shell.fails("kubectl", "apply", "-f", "-", stdin=json.dumps(wrong))


def test_edit_replace_and_patch(shell, web):
    editor = os.path.join(shell.home, "editor")
    with open(editor, "w", encoding="utf-8") as script:
        script.write("#!/bin/sh\nsed -i 's/replicas: 2/replicas: 1/' \"$1\"\n")
    os.chmod(editor, 0o755)
    edit = dict(shell.environ, KUBE_EDITOR=editor)
    done = subprocess.run(["kubectl", "edit", web], env=edit, capture_output=True, text=True, check=True)
    assert "edited" in done.stdout
    assert shell.get(web)["spec"]["replicas"] == 1
    current = shell.get(web)
    current["spec"]["replicas"] = 2
    assert "replaced" in shell.kubectl("replace", "-f", "-", stdin=json.dumps(current))
    stale = json.dumps(dict(current, metadata=dict(current["metadata"], resourceVersion="1")))
    assert "the object has been modified" in shell.fails("kubectl", "replace", "-f", "-", stdin=stale)
    patches = {
        "strategic": '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:2"}]}}}}',
        "merge": '{"spec":{"replicas":3}}',
        "json": '[{"op":"replace","path":"/spec/replicas","value":4}]',
    }
    for kind, patch in patches.items():
        assert "patched" in shell.kubectl("patch", web, f"--type={kind}", "-p", patch)
    spec = shell.get(web)["spec"]
    assert spec["replicas"] == 4
    assert spec["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    assert spec["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] == 80


def test_scale_and_autoscale(shell, web):
    shell.kubectl("scale", web, "--replicas=3")
    shell.kubectl("rollout", "status", web)
    assert "error" in shell.fails("kubectl", "scale", web, "--current-replicas=9", "--replicas=1")
    shell.kubectl("autoscale", web, "--min=1", "--max=5", "--cpu-percent=50")
    assert shell.items("hpa")[0]["spec"]["maxReplicas"] == 5
    shell.kubectl("delete", "hpa", "web")


def test_rollouts(shell, web):
    shell.kubectl("set", "image", web, "web=nginx:2")
    shell.kubectl("annotate", web, "kubernetes.io/change-cause=second", "--overwrite")
    assert "successfully rolled out" in shell.kubectl("rollout", "status", web)
    history = shell.kubectl("rollout", "history", web)
    assert re.search(r"^1 +<none>", history, re.M) and re.search(r"^2 ", history, re.M)
    assert "nginx:2" in shell.kubectl("rollout", "history", web, "--revision=2")
    shell.kubectl("rollout", "undo", web)
    shell.kubectl("rollout", "status", web)
    assert shell.get(web)["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx"
    before = {pod["metadata"]["name"] for pod in shell.items("pods", "-l", "app=web")}
    shell.kubectl("rollout", "restart", web)
    shell.kubectl("rollout", "status", web)
    gone = lambda: not before & {pod["metadata"]["name"] for pod in shell.items("pods", "-l", "app=web")}
    until("the pods are new ones", gone)
    shell.kubectl("rollout", "pause", web)
    assert "already paused" in shell.fails("kubectl", "rollout", "pause", web)
    shell.kubectl("rollout", "resume", web)


def test_labels_annotations_and_waiting(shell, web):
    shell.kubectl("label", web, "tier=front")
    assert "already has a value" in shell.fails("kubectl", "label", web, "tier=back")
    shell.kubectl("label", web, "tier=back", "--overwrite")
    shell.kubectl("label", web, "tier-")
    shell.kubectl("annotate", web, "note=x")
    assert "condition met" in shell.kubectl("wait", web, "--for=condition=Available", "--timeout=30s")
    shell.kubectl("wait", "pods", "-l", "app=web", "--for=condition=Ready", "--timeout=30s")
    shell.kubectl("wait", web, "--for=jsonpath={.status.readyReplicas}=2", "--timeout=30s")
    refused = shell.fails("kubectl", "wait", web, "--for=condition=Nonsense", "--timeout=1s")
    assert "timed out" in refused


def test_what_there_is_and_what_it_means(shell):
    resources = shell.kubectl("api-resources", "--no-headers")
    for name in ("pods ", "deployments ", "cronjobs ", "ingresses ", "customresourcedefinitions "):
        assert name in resources
    assert "apps/v1" in shell.kubectl("api-versions").split()
    text = shell.kubectl("explain", "deployment.spec.strategy")
    assert "rollingUpdate" in text and "<RollingUpdateDeployment>" in text
    assert shell.kubectl("auth", "can-i", "delete", "pods").strip() == "yes"
    assert "no" in shell.fails("kubectl", "auth", "can-i", "delete", "pods", "--as=jane")
    assert "*.*" in shell.kubectl("auth", "can-i", "--list")
    assert "system:masters" in shell.kubectl("auth", "whoami")


def test_nodes_are_cordoned_drained_and_tainted(shell, web):
    node = shell.items("pods", "-l", "app=web")[0]["spec"]["nodeName"]
    shell.kubectl("cordon", node)
    assert "SchedulingDisabled" in shell.kubectl("get", "node", node)
    shell.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=50s")
    shell.kubectl("rollout", "status", web)
    assert node not in [pod["spec"]["nodeName"] for pod in shell.items("pods", "-l", "app=web")]
    shell.kubectl("uncordon", node)
    shell.kubectl("taint", "nodes", node, "dedicated=x:NoSchedule")
    taints = shell.get("node", node)["spec"]["taints"]
    assert {"key": "dedicated", "value": "x", "effect": "NoSchedule"} in taints
    shell.kubectl("taint", "nodes", node, "dedicated-")


def test_deletion_and_what_becomes_of_the_owned(shell):
    def owned(name):
        return shell.items("replicasets", "-l", f"app={name}")

    for cascade in ("background", "foreground", "orphan"):
        name = f"doomed-{cascade}"
        shell.apply(deployment(name, "default"))
        shell.kubectl("rollout", "status", f"deployment/{name}")
        shell.kubectl("delete", "deployment", name, f"--cascade={cascade}")
        if cascade == "orphan":
            assert len(owned(name)) == 1
            shell.kubectl("delete", "replicaset", "-l", f"app={name}")
        until("what it owned is gone", lambda: owned(name) == [])
        until("its pods are gone", lambda: shell.items("pods", "-l", f"app={name}") == [])
    shell.kubectl("create", "namespace", "doomed")
    shell.kubectl("create", "configmap", "a", "-n", "doomed")
    shell.kubectl("delete", "namespace", "doomed")
    assert "not found" in shell.fails("kubectl", "get", "namespace", "doomed")


CREATED = {
    "clusterrole": ["reader", "--verb=get", "--resource=pods"],
    "clusterrolebinding": ["readers", "--clusterrole=reader", "--user=jane"],
    "configmap": ["settings", "--from-literal=a=1"],
    "cronjob": ["nightly", "--image=busybox", "--schedule=0 3 * * *"],
    "deployment": ["made", "--image=nginx", "--replicas=1"],
    "ingress": ["front", "--rule=example.com/*=made:80"],
    "job": ["once", "--image=busybox"],
    "namespace": ["made"],
    "poddisruptionbudget": ["budget", "--selector=app=made", "--min-available=1"],
    "priorityclass": ["high", "--value=1000"],
    "quota": ["limits", "--hard=pods=100"],
    "role": ["reader", "--verb=get", "--resource=pods"],
    "rolebinding": ["readers", "--role=reader", "--user=jane"],
    "secret": ["generic", "keys", "--from-literal=a=1"],
    "service": ["clusterip", "made", "--tcp=80:80"],
    "serviceaccount": ["robot"],
}


def test_create_of_every_kind(shell):
    names = {}
    for kind, arguments in CREATED.items():
        assert "created" in shell.kubectl("create", kind, *arguments), kind
        names[kind] = arguments[1] if kind in ("secret", "service") else arguments[0]
    assert shell.kubectl("create", "token", "robot").count(".") == 2
    assert shell.get("service", "made")["spec"]["clusterIP"].startswith("10.100.")
    assert shell.kubectl("auth", "can-i", "get", "pods", "--as=jane").strip() == "yes"
    shell.kubectl("create", "job", "--from=cronjob/nightly", "tonight")
    shell.kubectl("wait", "job/once", "job/tonight", "--for=condition=Complete", "--timeout=30s")
    shell.kubectl("expose", "deployment", "made", "--port=81", "--name=exposed")
    shell.kubectl("run", "single", "--image=nginx")
    shell.kubectl("wait", "pod/single", "--for=condition=Ready", "--timeout=30s")
    shell.kubectl("delete", "pod/single", "service/exposed", "job/tonight")
    for kind, name in names.items():
        assert "deleted" in shell.kubectl("delete", kind, name), kind


def test_custom_resources(shell):
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ships.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "ships", "singular": "ship", "kind": "Ship", "shortNames": ["sh"]},
            "versions": [{
                "name": "v1", "served": True, "storage": True,
                "additionalPrinterColumns": [{"name": "Sails", "type": "integer", "jsonPath": ".spec.sails"}],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {
                        "type": "object",
                        "properties": {"sails": {"type": "integer", "minimum": 1, "default": 3}},
                    }},
                }},
            }],
        },
    }
    shell.apply(definition)
    shell.kubectl("wait", "crd/ships.example.com", "--for=condition=Established", "--timeout=30s")
    ship = {"apiVersion": "example.com/v1", "kind": "Ship", "metadata": {"name": "argo"}, "spec": {}}
    shell.apply(ship)
    head, row = shell.kubectl("get", "sh").splitlines()
    assert head.split() == ["NAME", "SAILS"] and row.split()[:2] == ["argo", "3"]
    refused = shell.fails("kubectl", "apply", "-f", "-", stdin=json.dumps(dict(ship, spec={"sails": 0})))
    assert "should be greater than or equal to 1" in refused
    shell.kubectl("delete", "crd", "ships.example.com")
    until("the kind is gone", lambda: "ships" not in shell.kubectl("api-resources", "--no-headers"))


def test_raw_and_proxy(shell):
    assert json.loads(shell.kubectl("get", "--raw", "/api/v1/namespaces/default"))["kind"] == "Namespace"
    assert shell.kubectl("get", "--raw", "/readyz") == "ok"
    proxy = subprocess.Popen(
        ["kubectl", "proxy", "--port=0"], env=shell.environ, stdout=subprocess.PIPE, text=True
    )
    try:
        port = re.search(r":(\d+)", proxy.stdout.readline()).group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=10) as answer:
            assert json.load(answer)["gitVersion"].startswith("v1.")
    finally:
        proxy.kill()


def test_what_needs_processes_says_so(shell, web):
    assert "engine" in shell.fails("kubectl", "exec", web, "--", "true")
