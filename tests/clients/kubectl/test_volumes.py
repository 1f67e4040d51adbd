"""Persistent volumes as users of EKS meet them: static ones, those of EBS, and their ends."""

import re
import subprocess

import pytest
from tools import REGION, ROLE, Shell, until

CLUSTER = "volumes"
ADDON = "aws-ebs-csi-driver"


@pytest.fixture(scope="module")
def shell():
    shell = Shell()
    shell.make_cluster(CLUSTER, 2)
    return shell


@pytest.fixture(scope="module")
def ebs(shell):
    """The same, with the driver of EBS and a class that uses it."""
    shell.aws("eks", "create-addon", "--cluster-name", CLUSTER, "--addon-name", ADDON,
              "--service-account-role-arn", f"{ROLE}/ebs")
    shell.aws("eks", "wait", "addon-active", "--cluster-name", CLUSTER, "--addon-name", ADDON)
    shell.apply({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp3"},
        "provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3"},
        "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": True,
    })
    return shell


def claim(name, storage_class, size="1Gi", mode="ReadWriteOnce"):
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {
            "accessModes": [mode], "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }


def pod(name, claim_name):
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "nginx", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}],
        },
    }


def wait_bound(shell, name):
    shell.kubectl("wait", f"pvc/{name}", "--for=jsonpath={.status.phase}=Bound", "--timeout=60s")


def describes(shell, what, text):
    until(f"{what} says {text!r}", lambda: text in shell.kubectl("describe", *what.split("/")))


def test_what_a_new_cluster_has(shell):
    header, *classes = shell.kubectl("get", "sc").splitlines()
    assert header.split() == [
        "NAME", "PROVISIONER", "RECLAIMPOLICY", "VOLUMEBINDINGMODE", "ALLOWVOLUMEEXPANSION", "AGE",
    ]
    assert classes[0].split()[:5] == ["gp2", "kubernetes.io/aws-ebs", "Delete", "WaitForFirstConsumer", "false"]
    assert shell.kubectl("get", "csidrivers", "-o", "name").split() == ["csidriver.storage.k8s.io/efs.csi.aws.com"]
    nodes = until("two CSINodes", lambda: shell.kubectl("get", "csinodes", "--no-headers").splitlines())
    assert all(line.split()[1] == "0" for line in nodes)


def test_a_static_volume_of_efs(shell):
    volume = {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "efs-pv"},
        "spec": {
            "capacity": {"storage": "5Gi"}, "volumeMode": "Filesystem", "accessModes": ["ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "efs-sc",
            "csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-582a03f3"},
        },
    }
    shell.apply(volume, claim("efs-claim", "efs-sc", "5Gi", "ReadWriteMany"))
    wait_bound(shell, "efs-claim")
    header, line = shell.kubectl("get", "pv").splitlines()
    assert header.split() == [
        "NAME", "CAPACITY", "ACCESS", "MODES", "RECLAIM", "POLICY", "STATUS", "CLAIM", "STORAGECLASS",
        "VOLUMEATTRIBUTESCLASS", "REASON", "AGE",
    ]
    assert line.split()[:7] == ["efs-pv", "5Gi", "RWX", "Retain", "Bound", "default/efs-claim", "efs-sc"]
    header, line = shell.kubectl("get", "pvc").splitlines()
    assert header.split()[:6] == ["NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS", "MODES"]
    assert line.split()[:6] == ["efs-claim", "Bound", "efs-pv", "5Gi", "RWX", "efs-sc"]
    shell.apply(pod("efs-app", "efs-claim"))
    shell.kubectl("wait", "pod/efs-app", "--for=condition=Ready", "--timeout=60s")
    assert "Used By:       efs-app" in shell.kubectl("describe", "pvc", "efs-claim")
    # In use, it only begins to go.
    shell.kubectl("delete", "pvc", "efs-claim", "--wait=false")
    assert shell.kubectl("get", "pvc", "efs-claim", "--no-headers").split()[1] == "Terminating"
    shell.kubectl("delete", "pod", "efs-app")
    shell.kubectl("wait", "pvc/efs-claim", "--for=delete", "--timeout=60s")
    shell.kubectl("wait", "pv/efs-pv", "--for=jsonpath={.status.phase}=Released", "--timeout=60s")
    shell.kubectl("delete", "pv", "efs-pv")


def test_without_a_volume_a_pod_waits(shell):
    shell.apply(pod("waits", "missing"))
    describes(shell, "pod/waits", 'persistentvolumeclaim "missing" not found')
    shell.apply(claim("missing", ""))
    describes(shell, "pod/waits", "pod has unbound immediate PersistentVolumeClaims")
    describes(
        shell, "pvc/missing", "no persistent volumes available for this claim and no storage class is set"
    )
    shell.kubectl("delete", "pod/waits", "pvc/missing")


def test_without_the_add_on_a_claim_says_what_to_do(shell):
    shell.apply(claim("early", "gp2"))
    describes(shell, "pvc/early", "waiting for first consumer to be created before binding")
    shell.apply(pod("early", "early"))
    describes(shell, "pvc/early", "external provisioner 'ebs.csi.aws.com'")
    describes(shell, "pvc/early", f"aws eks create-addon --cluster-name {CLUSTER} --addon-name {ADDON}")
    assert shell.kubectl("get", "pvc", "early", "--no-headers").split()[1] == "Pending"


def test_the_add_on_makes_it(ebs):
    wait_bound(ebs, "early")
    ebs.kubectl("wait", "pod/early", "--for=condition=Ready", "--timeout=60s")
    found = ebs.get("pvc", "early")
    volume = ebs.get("pv", found["spec"]["volumeName"])
    assert volume["metadata"]["name"] == f"pvc-{found['metadata']['uid']}"
    assert re.fullmatch("vol-[0-9a-f]{17}", volume["spec"]["awsElasticBlockStore"]["volumeID"])
    node = ebs.get("node", ebs.get("pod", "early")["spec"]["nodeName"])
    zone = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert zone["values"] == [node["metadata"]["labels"]["topology.kubernetes.io/zone"]]
    assert zone["values"][0].startswith(REGION)
    describes(ebs, "pvc/early", "Successfully provisioned volume")
    ebs.kubectl("delete", "pod/early", "pvc/early")
    ebs.kubectl("wait", f"pv/{volume['metadata']['name']}", "--for=delete", "--timeout=60s")


def test_what_the_add_on_brings(ebs):
    drivers = ebs.kubectl("get", "csidrivers", "--no-headers")
    assert "ebs.csi.aws.com" in drivers
    until("the nodes have the driver", lambda: all(
        line.split()[1] == "1" for line in ebs.kubectl("get", "csinodes", "--no-headers").splitlines()
    ))
    account = ebs.get("sa", "ebs-csi-controller-sa", "-n", "kube-system")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == f"{ROLE}/ebs"
    ebs.kubectl("rollout", "status", "deployment/ebs-csi-controller", "-n", "kube-system", "--timeout=60s")
    ebs.kubectl("rollout", "status", "daemonset/ebs-csi-node", "-n", "kube-system", "--timeout=60s")


def test_a_stateful_set_keeps_its_volumes_until_it_says_otherwise(ebs):
    ebs.apply({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db", "replicas": 2, "selector": {"matchLabels": {"app": "db"}},
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Retain", "whenDeleted": "Delete"},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [
                    {"name": "c", "image": "nginx", "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
                ]},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim("", "gp3")["spec"]}],
        },
    })
    ebs.kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
    claims = ebs.items("pvc", "-l", "app=db")
    assert sorted(one["metadata"]["name"] for one in claims) == ["data-db-0", "data-db-1"]
    assert {one["status"]["phase"] for one in claims} == {"Bound"}
    before = ebs.get("pvc", "data-db-1")["spec"]["volumeName"]
    ebs.kubectl("scale", "statefulset/db", "--replicas=1")
    ebs.kubectl("wait", "pod/db-1", "--for=delete", "--timeout=60s")
    ebs.kubectl("scale", "statefulset/db", "--replicas=2")
    ebs.kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
    assert ebs.get("pvc", "data-db-1")["spec"]["volumeName"] == before
    ebs.kubectl("delete", "statefulset/db")
    until("the claims are gone", lambda: not ebs.items("pvc", "-l", "app=db"))
    until("the volumes are gone", lambda: not ebs.items("pv"))


def test_a_volume_grows_if_its_class_allows_it(ebs):
    ebs.apply(claim("grows", "gp3"), pod("grows", "grows"))
    wait_bound(ebs, "grows")
    ebs.kubectl("wait", "pod/grows", "--for=condition=Ready", "--timeout=60s")
    bigger = '{"spec":{"resources":{"requests":{"storage":"4Gi"}}}}'
    ebs.kubectl("patch", "pvc", "grows", "-p", bigger)
    ebs.kubectl("wait", "pvc/grows", "--for=jsonpath={.status.capacity.storage}=4Gi", "--timeout=60s")
    smaller = bigger.replace("4Gi", "2Gi")
    assert "field can not be less than status.capacity" in ebs.fails(
        "kubectl", "patch", "pvc", "grows", "-p", smaller
    )
    ebs.apply(claim("stays", "gp2"), pod("stays", "stays"))
    wait_bound(ebs, "stays")
    assert (
        'persistentvolumeclaims "stays" is forbidden: only dynamically provisioned pvc can be resized and '
        "the storageclass that provisions the pvc must support resize"
    ) in ebs.fails("kubectl", "patch", "pvc", "stays", "-p", bigger)
    ebs.kubectl("delete", "pod/grows", "pvc/grows", "pod/stays", "pvc/stays")


def test_without_the_add_on_again(ebs):
    ebs.aws("eks", "delete-addon", "--cluster-name", CLUSTER, "--addon-name", ADDON)
    until("the driver is gone", lambda: "ebs.csi.aws.com" not in ebs.kubectl("get", "csidrivers"))
    gone = subprocess.run(
        ["kubectl", "get", "deployment", "ebs-csi-controller", "-n", "kube-system"],
        env=ebs.environ, capture_output=True, text=True, check=False,
    )
    assert "NotFound" in gone.stderr
