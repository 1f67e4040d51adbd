"""Machines as nodes: those of a group are replaced, others join by their tags and leave when they end."""

import base64
import os

import boto3
import pytest
from api import REGION, eks
from tools import ACCOUNT, Shell, deployment, until

CLUSTER = "machines"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
GROUP = dict(clusterName=CLUSTER, nodegroupName="n")


def client(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=REGION)


@pytest.fixture(scope="module")
def shell():
    eks().create_cluster(name=CLUSTER, version="1.33", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]})
    eks().create_nodegroup(
        **GROUP, nodeRole=ROLE, subnets=["subnet-1", "subnet-2"], version="1.32", instanceTypes=["t3.medium"],
        scalingConfig={"minSize": 2, "maxSize": 2, "desiredSize": 2}, updateConfig={"maxUnavailable": 1},
    )
    shell = Shell()
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER)
    until("two nodes are ready", lambda: shell.kubectl("get", "nodes", "--no-headers").count(" Ready ") == 2)
    return shell


def versions(shell) -> dict[str, str]:
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in shell.items("nodes")}


def ended(update) -> dict:
    """An update, when it has ended."""

    def done():
        found = eks().describe_update(name=CLUSTER, nodegroupName="n", updateId=update["id"])["update"]
        return found if found["status"] != "InProgress" else None

    return until("the update ends", done)


def budget(name, least) -> dict:
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "default"},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": name}}},
    }


def test_machines_of_another_version_take_the_places_of_old_ones(shell):
    shell.apply(deployment("web", "default", replicas=3), budget("web", 2))
    shell.kubectl("rollout", "status", "deployment/web")
    until("the budget has room", lambda: shell.get("pdb", "web")["status"].get("disruptionsAllowed") == 1)
    before = versions(shell)
    assert all(version.startswith("v1.32.") for version in before.values())
    update = eks().update_nodegroup_version(**GROUP)["update"]
    least = 3

    def done():
        nonlocal least
        least = min(least, shell.get("deployment", "web")["status"].get("availableReplicas", 0))
        found = eks().describe_update(name=CLUSTER, nodegroupName="n", updateId=update["id"])["update"]
        return found if found["status"] != "InProgress" else None

    found = until("the update ends", done)
    assert (found["status"], found["errors"]) == ("Successful", [])
    # Never fewer than the budget says.
    assert least >= 2
    until("the old nodes are gone", lambda: len(versions(shell)) == 2)
    after = versions(shell)
    assert not set(before) & set(after) or all(version.startswith("v1.33.") for version in after.values())
    assert all(version.startswith("v1.33.") for version in after.values())
    shown = eks().describe_nodegroup(**GROUP)["nodegroup"]
    assert (shown["status"], shown["version"]) == ("ACTIVE", "1.33")
    assert shown["scalingConfig"] == {"minSize": 2, "maxSize": 2, "desiredSize": 2}
    group = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[shown["resources"]["autoScalingGroups"][0]["name"]])
    group = group["AutoScalingGroups"][0]
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (2, 2, 2)
    shell.kubectl("rollout", "status", "deployment/web")
    shell.kubectl("delete", "deployment,pdb", "web")


def test_a_budget_that_allows_nothing_is_broken_only_by_force(shell):
    """Without force the update would wait a quarter of an hour for the pods, and fail."""
    shell.apply(deployment("kept", "default", replicas=2), budget("kept", 2))
    shell.kubectl("rollout", "status", "deployment/kept")
    before = set(versions(shell))
    # The newest version again: nothing is old, so nothing is replaced.
    assert ended(eks().update_nodegroup_version(**GROUP)["update"])["status"] == "Successful"
    assert set(versions(shell)) == before
    eks().update_cluster_version(name=CLUSTER, version="1.34")
    until("the cluster is active", lambda: eks().describe_cluster(name=CLUSTER)["cluster"]["status"] == "ACTIVE")
    update = ended(eks().update_nodegroup_version(**GROUP, force=True)["update"])
    assert update["status"] == "Successful"
    until("all nodes are new", lambda: all(version.startswith("v1.34.") for version in versions(shell).values()))
    shell.kubectl("rollout", "status", "deployment/kept")
    shell.kubectl("delete", "deployment,pdb", "kept")


TAG = {"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned"}


def test_an_instance_that_names_the_cluster_is_a_node_until_it_ends(shell):
    before = set(versions(shell))
    ec2 = client("ec2")
    made = ec2.run_instances(
        ImageId="ami-0123456789abcdef0", InstanceType="m5.large", MinCount=1, MaxCount=1, SubnetId="subnet-1",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [TAG]}],
    )["Instances"][0]
    name = made["PrivateDnsName"]
    until("it has joined", lambda: name in versions(shell))
    node = shell.get("node", name)
    assert node["spec"]["providerID"].endswith("/" + made["InstanceId"])
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "m5.large"
    assert "eks.amazonaws.com/nodegroup" not in node["metadata"]["labels"]
    shell.kubectl("wait", "--for=condition=Ready", f"node/{name}")
    pinned = deployment("pinned", "default", nodeSelector={"kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]})
    shell.apply(pinned)
    shell.kubectl("rollout", "status", "deployment/pinned")
    # One of another cluster is not ours.
    other = dict(TAG, Key="kubernetes.io/cluster/other")
    ec2.run_instances(ImageId="ami-0123456789abcdef0", InstanceType="m5.large", MinCount=1, MaxCount=1,
                      TagSpecifications=[{"ResourceType": "instance", "Tags": [other]}])
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    until("it has left", lambda: set(versions(shell)) == before)
    until("its pods are gone", lambda: all(pod["spec"].get("nodeName") != name for pod in shell.items("pods")))
    shell.kubectl("delete", "deployment", "pinned")


def test_a_group_of_ones_own_brings_nodes_and_takes_them_away(shell):
    before = set(versions(shell))
    autoscaling, ec2 = client("autoscaling"), client("ec2")
    user_data = f"#!/bin/bash\n/etc/eks/bootstrap.sh {CLUSTER} --kubelet-extra-args --node-labels=own=yes\n"
    ec2.create_launch_template(LaunchTemplateName="own", LaunchTemplateData={
        "ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.large", "UserData": base64.b64encode(user_data.encode()).decode()})
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="own", MinSize=0, MaxSize=3, DesiredCapacity=2, VPCZoneIdentifier="subnet-1,subnet-2",
        LaunchTemplate={"LaunchTemplateName": "own"}, Tags=[dict(TAG, PropagateAtLaunch=True)],
    )
    until("two have joined", lambda: len(set(versions(shell)) - before) == 2)
    autoscaling.set_desired_capacity(AutoScalingGroupName="own", DesiredCapacity=1)
    until("one has left", lambda: len(set(versions(shell)) - before) == 1)
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName="own", ForceDelete=True)
    until("both have left", lambda: set(versions(shell)) == before)
