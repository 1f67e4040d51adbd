"""The course's scenario: a cluster with a node group and Fargate, deployed to, and cleaned up in order."""

import re

import pytest
from tools import ROLE, Failed, Shell, deployment, until

CLUSTER = "my-cluster"


@pytest.fixture(scope="module")
def shell():
    shell = Shell()
    shell.aws(
        "eks", "create-cluster", "--name", CLUSTER, "--role-arn", f"{ROLE}/eks-cluster-role",
        "--resources-vpc-config", "subnetIds=subnet-1,subnet-2",
    )
    shell.aws("eks", "wait", "cluster-active", "--name", CLUSTER)
    shell.aws(
        "eks", "create-nodegroup", "--cluster-name", CLUSTER, "--nodegroup-name", "nodes",
        "--node-role", f"{ROLE}/eks-node-group-role", "--subnets", "subnet-1", "subnet-2",
        "--instance-types", "t3.small", "--scaling-config", "minSize=1,maxSize=3,desiredSize=3",
    )
    shell.aws("eks", "wait", "nodegroup-active", "--cluster-name", CLUSTER, "--nodegroup-name", "nodes")
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER, "--kubeconfig", shell.kubeconfig)
    return shell


def profile(shell, name, *selectors):
    shell.aws(
        "eks", "create-fargate-profile", "--cluster-name", CLUSTER, "--fargate-profile-name", name,
        "--pod-execution-role-arn", f"{ROLE}/eks-fargate-role", "--selectors", *selectors,
    )
    shell.aws(
        "eks", "wait", "fargate-profile-active", "--cluster-name", CLUSTER,
        "--fargate-profile-name", name,
    )


def running(shell, namespace, count):
    """The pods of a namespace, as soon as all of them run."""

    def ready():
        pods = shell.items("pods", "-n", namespace)
        states = [pod["status"].get("phase") for pod in pods]
        return pods if states == ["Running"] * count else None

    return until(f"{count} pods run in {namespace}", ready)


def nodes(shell):
    return [node["metadata"]["name"] for node in shell.items("nodes")]


def test_the_nodes_of_the_group_are_ready(shell):
    def ready():
        lines = shell.kubectl("get", "nodes").splitlines()
        return lines if len(lines) == 4 and " NotReady" not in "".join(lines) else None

    head, *rows = until("three nodes are ready", ready)
    assert head.split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    for row in rows:
        name, status, roles, _, version = row.split()
        assert re.fullmatch(r"ip-192-168-\d+-\d+\.ec2\.internal", name)
        assert (status, roles) == ("Ready", "<none>")
        assert re.fullmatch(r"v1\.\d+\.\d+-eks-[0-9a-f]{7}", version)


def test_the_system_pods_run(shell):
    def all_run():
        lines = shell.kubectl("get", "pods", "-n", "kube-system", "--no-headers").splitlines()
        names = [line.split()[0].rsplit("-", 1)[0] for line in lines]
        up = all(line.split()[2] == "Running" for line in lines)
        groups = [len([n for n in names if n.startswith(kind)]) for kind in ("aws-node", "kube-proxy", "coredns")]
        return up and groups == [3, 3, 2]

    until("aws-node and kube-proxy run on each node, and two coredns", all_run)


def test_pods_of_a_profile_get_a_machine_each(shell):
    profile(shell, "my-fargate-profile", "namespace=my-app")
    shell.kubectl("create", "namespace", "my-app")
    shell.kubectl(
        "create", "secret", "-n", "my-app", "docker-registry", "my-registry-key",
        "--docker-server=example.com", "--docker-username=u", "--docker-password=p", "--docker-email=e@example.com",
    )
    keys = [{"name": "my-registry-key"}]
    shell.apply(deployment("java-app", "my-app", replicas=3, imagePullSecrets=keys))
    pods = running(shell, "my-app", 3)
    places = {pod["spec"]["nodeName"] for pod in pods}
    assert len(places) == 3
    for pod in pods:
        address = pod["status"]["podIP"]
        assert pod["spec"]["nodeName"] == f"fargate-ip-{address.replace('.', '-')}.ec2.internal"
        assert pod["status"]["hostIP"] == address
        assert pod["spec"]["schedulerName"] == "fargate-scheduler"
        assert pod["metadata"]["labels"]["eks.amazonaws.com/fargate-profile"] == "my-fargate-profile"
        assert pod["metadata"]["annotations"]["CapacityProvisioned"] == "0.25vCPU 0.5GB"


def test_a_mixed_cluster_puts_each_pod_where_it_belongs(shell):
    profile(shell, "dev-profile", "namespace=dev,labels={profile=fargate}")
    shell.kubectl("create", "namespace", "dev")
    labels = {"profile": "fargate"}
    shell.apply(deployment("nginx", "dev", replicas=3, labels=labels))
    fargate = {pod["spec"]["nodeName"] for pod in running(shell, "dev", 3)}
    assert len(fargate) == 3
    assert all(name.startswith("fargate-ip-") for name in fargate)
    shell.apply(deployment("nginx", "default", replicas=2, labels=labels))
    for pod in running(shell, "default", 2):
        assert pod["spec"]["nodeName"].startswith("ip-192-168-")
    # Without the label the same namespace is not for Fargate.
    shell.apply(deployment("plain", "dev", replicas=1))
    pods = running(shell, "dev", 4)
    plain = [pod for pod in pods if pod["metadata"]["labels"]["app"] == "plain"]
    assert plain[0]["spec"]["nodeName"].startswith("ip-192-168-")


def test_a_node_of_fargate_goes_with_its_pod(shell):
    before = [name for name in nodes(shell) if name.startswith("fargate-")]
    assert len(before) == 6
    shell.kubectl("scale", "deployment/nginx", "-n", "dev", "--replicas=1")
    until(
        "two nodes are gone",
        lambda: len([name for name in nodes(shell) if name.startswith("fargate-")]) == 4,
    )


def test_the_group_can_be_made_smaller_and_its_pods_move(shell):
    shell.aws(
        "eks", "update-nodegroup-config", "--cluster-name", CLUSTER, "--nodegroup-name", "nodes",
        "--scaling-config", "minSize=1,maxSize=3,desiredSize=2",
    )
    until("a node is gone", lambda: len([n for n in nodes(shell) if n.startswith("ip-")]) == 2)
    for pod in running(shell, "default", 2):
        assert pod["spec"]["nodeName"] in nodes(shell)


def test_things_are_deleted_in_the_right_order(shell):
    delete = ("aws", "eks", "delete-cluster", "--name", CLUSTER)
    assert "Cluster has nodegroups attached" in shell.fails(*delete)
    shell.aws("eks", "delete-nodegroup", "--cluster-name", CLUSTER, "--nodegroup-name", "nodes")
    shell.aws("eks", "wait", "nodegroup-deleted", "--cluster-name", CLUSTER, "--nodegroup-name", "nodes")
    printed = shell.fails(*delete)
    assert f"Cannot delete because cluster {CLUSTER} currently has Fargate profile" in printed
    for name in ("my-fargate-profile", "dev-profile"):
        shell.aws(
            "eks", "delete-fargate-profile", "--cluster-name", CLUSTER, "--fargate-profile-name", name
        )
        shell.aws(
            "eks", "wait", "fargate-profile-deleted", "--cluster-name", CLUSTER,
            "--fargate-profile-name", name,
        )
    until("no node is left", lambda: nodes(shell) == [])
    shell.aws("eks", "delete-cluster", "--name", CLUSTER)
    shell.aws("eks", "wait", "cluster-deleted", "--name", CLUSTER)
    with pytest.raises(Failed):
        shell.kubectl("get", "nodes")
    groups = shell.aws("autoscaling", "describe-auto-scaling-groups", "--query", "AutoScalingGroups[].AutoScalingGroupName")
    assert "eks-nodes" not in groups
