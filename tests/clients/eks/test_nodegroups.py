"""Managed node groups."""

import re
import time

import pytest
from conftest import ACCOUNT, REGION, ROLE, AT_ONCE, fails, names, new_cluster


def new(eks, cluster, name="n", **members):
    arguments = dict(clusterName=cluster, nodegroupName=name, subnets=["subnet-1"], nodeRole=ROLE) | members
    return eks.create_nodegroup(**arguments)["nodegroup"]


def test_create_nodegroup(eks, cluster):
    made = new(eks, cluster, clientRequestToken="t", tags={"a": "b"})
    assert made["status"] == "CREATING"
    found = re.fullmatch(f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{cluster}/n/([0-9a-f-]{{36}})", made["nodegroupArn"])
    assert made["resources"]["autoScalingGroups"] == [{"name": f"eks-n-{found[1]}"}]
    assert made["scalingConfig"] == {"minSize": 1, "maxSize": 2, "desiredSize": 2}
    assert made["instanceTypes"] == ["t3.medium"] and made["diskSize"] == 20
    assert (made["amiType"], made["capacityType"]) == ("AL2023_x86_64_STANDARD", "ON_DEMAND")
    assert made["updateConfig"] == {"maxUnavailable": 1}
    assert made["version"] == "1.34" and made["releaseVersion"].startswith("1.34.")
    again = new(eks, cluster, clientRequestToken="t", tags={"a": "b"})
    assert again["nodegroupArn"] == made["nodegroupArn"]
    error = fails(
        "ResourceInUseException", eks.create_nodegroup, f"NodeGroup already exists with name n and cluster name {cluster}",
        clusterName=cluster, nodegroupName="n", subnets=["subnet-1"], nodeRole=ROLE,
    )
    assert (error["clusterName"], error["nodegroupName"]) == (cluster, "n")
    fails("ResourceNotFoundException", eks.create_nodegroup, "No cluster found for name: none.",
          clusterName="none", nodegroupName="n", subnets=["s"], nodeRole=ROLE)
    for i in range(29):
        new(eks, cluster, f"more-{i}")
    fails("ResourceLimitExceededException", eks.create_nodegroup,
          clusterName=cluster, nodegroupName="m", subnets=["s"], nodeRole=ROLE)


def test_create_nodegroup_with_everything(eks, cluster):
    members = dict(
        scalingConfig={"minSize": 0, "maxSize": 4, "desiredSize": 3},
        diskSize=50,
        instanceTypes=["m6g.large", "t4g.medium"],
        amiType="AL2023_ARM_64_STANDARD",
        remoteAccess={"ec2SshKey": "k", "sourceSecurityGroups": ["sg-1"]},
        labels={"tier": "web", "example.com/x": "1"},
        taints=[{"key": "dedicated", "value": "db", "effect": "NO_SCHEDULE"}],
        updateConfig={"maxUnavailablePercentage": 20, "updateStrategy": "MINIMAL"},
        nodeRepairConfig={
            "enabled": True,
            "maxParallelNodesRepairedCount": 1,
            "nodeRepairConfigOverrides": [
                {
                    "nodeMonitoringCondition": "NetworkNotReady",
                    "nodeUnhealthyReason": "InterfaceNotUp",
                    "minRepairWaitTimeMins": 5,
                    "repairAction": "Reboot",
                }
            ],
        },
        capacityType="SPOT",
        version="1.33",
        warmPoolConfig={"enabled": True, "minSize": 1, "maxGroupPreparedCapacity": 5, "poolState": "STOPPED"},
    )
    new(eks, cluster, **members)
    shown = eks.describe_nodegroup(clusterName=cluster, nodegroupName="n")["nodegroup"]
    for member, value in members.items():
        assert shown[member] == value, member
    assert shown["resources"]["remoteAccessSecurityGroup"].startswith("sg-")
    new(eks, cluster, "lt", launchTemplate={"name": "mine", "version": "3"})
    shown = eks.describe_nodegroup(clusterName=cluster, nodegroupName="lt")["nodegroup"]
    assert shown["launchTemplate"]["name"] == "mine" and shown["launchTemplate"]["version"] == "3"
    assert shown["launchTemplate"]["id"].startswith("lt-") and "diskSize" not in shown
    arm = new(eks, cluster, "arm", instanceTypes=["t4g.small"])
    assert arm["amiType"] == "AL2023_ARM_64_STANDARD"


@pytest.mark.parametrize(
    "text, members",
    [
        ("nodegroupName", {"nodegroupName": "a" * 64}),
        ("nodegroupName", {"nodegroupName": "a b"}),
        ("subnets can not be null or empty", {"subnets": []}),
        ("not a valid ARN of a role", {"nodeRole": "x"}),
        ("Minimum capacity 3 can't be greater than desired size 2", {"scalingConfig": {"minSize": 3, "maxSize": 4, "desiredSize": 2}}),
        ("desired capacity 5 can't be greater than max size 4", {"scalingConfig": {"minSize": 3, "maxSize": 4, "desiredSize": 5}}),
        ("all of minSize, maxSize and desiredSize", {"scalingConfig": {"minSize": 3}}),
        ("Disk size must be specified within the launch template.", {"launchTemplate": {"name": "x"}, "diskSize": 10}),
        ("Remote access configuration cannot be specified with a launch template.", {"launchTemplate": {"id": "lt-1"}, "remoteAccess": {"ec2SshKey": "k"}}),
        ("but not both", {"launchTemplate": {"id": "lt-1", "name": "x"}}),
        ("not a valid instance type for requested amiType", {"instanceTypes": ["t4g.small"], "amiType": "AL2023_x86_64_STANDARD"}),
        ("do not exist", {"instanceTypes": ["big"]}),
        ("only supported for kubernetes versions 1.32 or earlier", {"amiType": "AL2_x86_64"}),
        ("enum value set", {"amiType": "DOS"}),
        ("reserved prefixes", {"labels": {"eks.amazonaws.com/x": "y"}}),
        ("there twice", {"taints": [{"key": "a", "effect": "NO_EXECUTE"}] * 2}),
        ("cannot be specified together", {"updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 1}}),
        ("must be between 1 and 100", {"updateConfig": {"maxUnavailable": 101}}),
        ("cannot be specified together", {"nodeRepairConfig": {"maxParallelNodesRepairedCount": 1, "maxParallelNodesRepairedPercentage": 1}}),
        ("must specify all the values", {"nodeRepairConfig": {"nodeRepairConfigOverrides": [{"repairAction": "Reboot"}]}}),
        ("unsupported Kubernetes version", {"version": "1.1"}),
        ("release version", {"releaseVersion": "1.2.3-20200101"}),
        ("HIBERNATED", {"amiType": "BOTTLEROCKET_x86_64", "warmPoolConfig": {"enabled": True, "poolState": "HIBERNATED"}}),
    ],
)
def test_a_nodegroup_that_cannot_be(eks, cluster, text, members):
    arguments = dict(clusterName=cluster, nodegroupName="n", subnets=["subnet-1"], nodeRole=ROLE) | members
    fails("InvalidParameterException", eks.create_nodegroup, text, **arguments)


def test_describe_nodegroup(eks, cluster):
    new(eks, cluster)
    shown = eks.describe_nodegroup(clusterName=cluster, nodegroupName="n")["nodegroup"]
    assert shown["status"] == "ACTIVE" and shown["health"] == {"issues": []}
    error = fails("ResourceNotFoundException", eks.describe_nodegroup, "No node group found for name: x.",
                  clusterName=cluster, nodegroupName="x")
    assert error["nodegroupName"] == "x"
    fails("ResourceNotFoundException", eks.describe_nodegroup, "No cluster found", clusterName="none", nodegroupName="n")


def test_list_nodegroups(eks, cluster):
    other = new_cluster(eks, cluster + "0")
    for name in ("b", "a", "c"):
        new(eks, cluster, name)
    pages = eks.get_paginator("list_nodegroups").paginate(clusterName=cluster, PaginationConfig={"PageSize": 2})
    assert names(pages, "nodegroups") == ["a", "b", "c"]
    assert eks.list_nodegroups(clusterName=other)["nodegroups"] == []
    fails("ResourceNotFoundException", eks.list_nodegroups, clusterName="none")
    token = eks.list_nodegroups(clusterName=cluster, maxResults=1)["nextToken"]
    fails("InvalidParameterException", eks.list_nodegroups, "nextToken", clusterName=other, nextToken=token)
    fails("InvalidParameterException", eks.list_nodegroups, clusterName=cluster, maxResults=0)
    eks.delete_cluster(name=other)


def test_delete_nodegroup(eks, cluster):
    new(eks, cluster)
    gone = eks.delete_nodegroup(clusterName=cluster, nodegroupName="n")["nodegroup"]
    assert gone["status"] == "DELETING"
    fails("ResourceNotFoundException", eks.delete_nodegroup, "No node group found for name: n.", clusterName=cluster, nodegroupName="n")


def test_waiters_of_nodegroups(eks, cluster):
    named = dict(clusterName=cluster, nodegroupName="n")
    new(eks, cluster)
    eks.get_waiter("nodegroup_active").wait(**named, WaiterConfig=AT_ONCE)
    eks.delete_nodegroup(**named)
    eks.get_waiter("nodegroup_deleted").wait(**named, WaiterConfig=AT_ONCE)


def test_update_nodegroup_config(eks, cluster):
    named = dict(clusterName=cluster, nodegroupName="n")
    taint = {"key": "a", "value": "1", "effect": "NO_SCHEDULE"}
    new(eks, cluster, labels={"a": "1", "b": "2"}, taints=[taint])
    update = eks.update_nodegroup_config(
        **named,
        labels={"addOrUpdateLabels": {"a": "3"}, "removeLabels": ["b"]},
        taints={"addOrUpdateTaints": [{"key": "z", "effect": "NO_EXECUTE"}], "removeTaints": [taint]},
        scalingConfig={"desiredSize": 1},
        updateConfig={"maxUnavailablePercentage": 50},
        nodeRepairConfig={"enabled": True},
        warmPoolConfig={"enabled": True, "minSize": 1},
    )["update"]
    assert update["type"] == "ConfigUpdate"
    assert {"type": "DesiredSize", "value": "1"} in update["params"]
    assert {"type": "LabelsToRemove", "value": '["b"]'} in update["params"]
    ended = eks.describe_update(name=cluster, nodegroupName="n", updateId=update["id"])["update"]
    assert ended["status"] == "Successful"
    assert eks.list_updates(name=cluster, nodegroupName="n")["updateIds"] == [update["id"]]
    shown = eks.describe_nodegroup(**named)["nodegroup"]
    assert shown["status"] == "ACTIVE"
    assert shown["labels"] == {"a": "3"}
    assert shown["taints"] == [{"key": "z", "effect": "NO_EXECUTE"}]
    assert shown["scalingConfig"] == {"minSize": 1, "maxSize": 2, "desiredSize": 1}
    assert shown["updateConfig"] == {"maxUnavailablePercentage": 50}
    assert shown["warmPoolConfig"] == {"enabled": True, "minSize": 1}
    change = eks.update_nodegroup_config
    fails("InvalidParameterException", change, "no changes", **named)
    fails("InvalidParameterException", change, "desired capacity 3 can't be greater than max size 2", **named, scalingConfig={"desiredSize": 3})
    fails("InvalidParameterException", change, "reserved", **named, labels={"addOrUpdateLabels": {"k8s.io/a": "b"}})
    fails("ResourceNotFoundException", change, clusterName=cluster, nodegroupName="x", scalingConfig={"desiredSize": 1})


def settle(eks, cluster, nodegroup, update):
    """Waits until an update has ended, and demands that it did what it should."""
    end = time.monotonic() + 120
    while (now := eks.describe_update(name=cluster, nodegroupName=nodegroup, updateId=update["id"])["update"])[
        "status"
    ] == "InProgress":
        assert time.monotonic() < end, now
        time.sleep(0.1)
    assert now["status"] == "Successful", now


def test_update_nodegroup_version(eks):
    cluster = new_cluster(eks, version="1.33")
    named = dict(clusterName=cluster, nodegroupName="n")
    new(eks, cluster, version="1.32")
    change = eks.update_nodegroup_version
    fails("InvalidParameterException", change, "can't be greater than the cluster version 1.33", **named, version="1.34")
    fails("InvalidParameterException", change, "downgraded", **named, version="1.31")
    fails("InvalidParameterException", change, "release version", **named, releaseVersion="1.30.1-20250101")
    fails("InvalidParameterException", change, "launch template", **named, launchTemplate={"name": "x"})
    fails("ResourceNotFoundException", change, clusterName=cluster, nodegroupName="x")
    update = change(**named)["update"]
    assert update["type"] == "VersionUpdate"
    assert {"type": "Version", "value": "1.33"} in update["params"]
    # New machines come first, and the old ones are drained.
    settle(eks, cluster, "n", update)
    assert eks.describe_nodegroup(**named)["nodegroup"]["version"] == "1.33"
    new(eks, cluster, "lt", launchTemplate={"name": "mine"})
    named["nodegroupName"] = "lt"
    fails("InvalidParameterException", change, "another one", **named, launchTemplate={"name": "x"})
    update = change(**named, launchTemplate={"name": "mine", "version": "7"})["update"]
    settle(eks, cluster, "lt", update)
    assert eks.describe_nodegroup(**named)["nodegroup"]["launchTemplate"]["version"] == "7"
