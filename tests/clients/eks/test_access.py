"""Access entries and the policies of them."""

import pytest
from botocore.exceptions import ClientError

from conftest import ACCOUNT, REGION, client, fails, names, new_cluster, unique

USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/ci"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
CONFIG_MAP = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."


@pytest.fixture
def api(eks):
    """A cluster with access entries only, of which there is none."""
    config = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    name = new_cluster(eks, accessConfig=config)
    yield name
    eks.delete_cluster(name=name)


def test_create_access_entry(eks, api, cluster):
    create = eks.create_access_entry
    entry = create(clusterName=api, principalArn=USER, kubernetesGroups=["viewers"], tags={"a": "b"})["accessEntry"]
    assert (entry["type"], entry["username"], entry["kubernetesGroups"]) == ("STANDARD", USER, ["viewers"])
    assert entry["accessEntryArn"].startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:access-entry/{api}/user/{ACCOUNT}/ann/")
    assert eks.list_tags_for_resource(resourceArn=entry["accessEntryArn"])["tags"] == {"a": "b"}
    in_use = "The specified access entry resource is already in use on this cluster."
    fails("ResourceInUseException", create, in_use, clusterName=api, principalArn=USER)
    role = create(clusterName=api, principalArn=ROLE)["accessEntry"]
    assert role["username"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/{{{{SessionName}}}}"
    node = f"arn:aws:iam::{ACCOUNT}:role/node"
    linux = create(clusterName=api, principalArn=node, type="EC2_LINUX")["accessEntry"]
    assert linux["username"] == "system:node:{{EC2PrivateDNSName}}"
    assert linux["kubernetesGroups"] == ["system:nodes"]
    text = "The kubernetes group name system:masters is invalid, it cannot start with system:"
    other = {"clusterName": api, "principalArn": USER + "2"}
    fails("InvalidParameterException", create, text, **other, kubernetesGroups=["system:masters"])
    for members in (
        {"principalArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/session"},
        {"principalArn": "ann"},
        {"type": "PERSON"},
        {"type": "EC2_LINUX"},
        {"username": "system:admin"},
        {"username": "me-{{SessionName}}"},
        {"tags": {"aws:a": "b"}},
        {"principalArn": node + "2", "type": "EC2_LINUX", "kubernetesGroups": ["a"]},
        {"principalArn": node + "2", "type": "FARGATE_LINUX", "username": "a"},
    ):
        fails("InvalidParameterException", create, **(other | members))
    # The default of clusters is the ConfigMap.
    fails("InvalidRequestException", create, CONFIG_MAP, clusterName=cluster, principalArn=USER)
    fails("ResourceNotFoundException", create, "No cluster found", clusterName="none", principalArn=USER)
    again = other | {"clientRequestToken": unique("t")}
    assert create(**again)["accessEntry"]["accessEntryArn"] == create(**again)["accessEntry"]["accessEntryArn"]
    fails("InvalidParameterException", create, **again, username="x")


def test_who_makes_a_cluster_is_its_administrator(eks):
    name = new_cluster(client(key="AKIDCREATOR"), accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    creator = f"arn:aws:iam::{ACCOUNT}:user/AKIDCREATOR"
    assert eks.list_access_entries(clusterName=name)["accessEntries"] == [creator]
    [policy] = eks.list_associated_access_policies(clusterName=name, principalArn=creator)["associatedAccessPolicies"]
    assert (policy["policyArn"], policy["accessScope"]) == (ADMIN, {"type": "cluster", "namespaces": []})
    eks.delete_cluster(name=name)


def test_describe_access_entry(eks, api, cluster):
    eks.create_access_entry(clusterName=api, principalArn=ROLE)
    entry = eks.describe_access_entry(clusterName=api, principalArn=ROLE)["accessEntry"]
    assert (entry["clusterName"], entry["principalArn"]) == (api, ROLE)
    missing = "The specified principalArn could not be found."
    fails("ResourceNotFoundException", eks.describe_access_entry, missing, clusterName=api, principalArn=USER)
    fails("InvalidRequestException", eks.describe_access_entry, CONFIG_MAP, clusterName=cluster, principalArn=USER)


def test_list_access_entries(eks, api, cluster):
    users = [f"{USER}{i}" for i in range(5)]
    for user in users:
        eks.create_access_entry(clusterName=api, principalArn=user)
    pages = eks.get_paginator("list_access_entries").paginate(clusterName=api, PaginationConfig={"PageSize": 2})
    assert names(pages, "accessEntries") == users
    eks.associate_access_policy(
        clusterName=api, principalArn=users[3], policyArn=VIEW, accessScope={"type": "cluster"}
    )
    assert eks.list_access_entries(clusterName=api, associatedPolicyArn=VIEW)["accessEntries"] == [users[3]]
    fails("InvalidParameterException", eks.list_access_entries, clusterName=api, associatedPolicyArn="x")
    fails("InvalidParameterException", eks.list_access_entries, clusterName=api, maxResults=101)
    fails("InvalidRequestException", eks.list_access_entries, CONFIG_MAP, clusterName=cluster)
    fails("ResourceNotFoundException", eks.list_access_entries, clusterName="none")


def test_update_access_entry(eks, api, cluster):
    eks.create_access_entry(clusterName=api, principalArn=USER, kubernetesGroups=["a"])
    update = eks.update_access_entry
    entry = update(clusterName=api, principalArn=USER, username="ann")["accessEntry"]
    assert (entry["username"], entry["kubernetesGroups"]) == ("ann", ["a"])
    entry = update(clusterName=api, principalArn=USER, kubernetesGroups=[])["accessEntry"]
    assert (entry["username"], entry["kubernetesGroups"]) == ("ann", [])
    for wrong in ({"kubernetesGroups": ["system:x"]}, {"username": "eks:x"}):
        fails("InvalidParameterException", update, clusterName=api, principalArn=USER, **wrong)
    eks.create_access_entry(clusterName=api, principalArn=ROLE, type="EC2_LINUX")
    fails("InvalidRequestException", update, clusterName=api, principalArn=ROLE, username="x")
    fails("InvalidRequestException", update, CONFIG_MAP, clusterName=cluster, principalArn=USER)
    fails("ResourceNotFoundException", update, clusterName=api, principalArn=USER + "2")


def test_delete_access_entry(eks, api, cluster):
    eks.create_access_entry(clusterName=api, principalArn=USER)
    eks.delete_access_entry(clusterName=api, principalArn=USER)
    fails("ResourceNotFoundException", eks.delete_access_entry, clusterName=api, principalArn=USER)
    fails("InvalidRequestException", eks.delete_access_entry, CONFIG_MAP, clusterName=cluster, principalArn=USER)


def test_associate_access_policy(eks, api):
    eks.create_access_entry(clusterName=api, principalArn=USER)
    associate = eks.associate_access_policy
    arguments = {"clusterName": api, "principalArn": USER, "policyArn": VIEW}
    namespaces = {"type": "namespace", "namespaces": ["web", "dev-*"]}
    first = associate(**arguments, accessScope=namespaces)
    assert (first["clusterName"], first["principalArn"]) == (api, USER)
    assert first["associatedAccessPolicy"]["accessScope"] == namespaces
    # Again, it changes where the policy holds.
    second = associate(**arguments, accessScope={"type": "cluster"})["associatedAccessPolicy"]
    assert second["accessScope"] == {"type": "cluster", "namespaces": []}
    assert second["associatedAt"] == first["associatedAccessPolicy"]["associatedAt"]
    for scope in (
        {"type": "namespace"},
        {"type": "cluster", "namespaces": ["a"]},
        {"type": "world"},
        {"type": "namespace", "namespaces": ["A"]},
    ):
        fails("InvalidParameterException", associate, **arguments, accessScope=scope)
    wrong = arguments | {"policyArn": "arn:aws:eks::aws:cluster-access-policy/None"}
    fails("InvalidParameterException", associate, "policyArn", **wrong, accessScope={"type": "cluster"})
    missing = arguments | {"principalArn": ROLE}
    fails("ResourceNotFoundException", associate, **missing, accessScope={"type": "cluster"})
    eks.create_access_entry(clusterName=api, principalArn=ROLE, type="EC2_LINUX")
    fails("InvalidRequestException", associate, **missing, accessScope={"type": "cluster"})


def test_disassociate_access_policy(eks, api):
    eks.create_access_entry(clusterName=api, principalArn=USER)
    arguments = {"clusterName": api, "principalArn": USER, "policyArn": VIEW}
    eks.associate_access_policy(**arguments, accessScope={"type": "cluster"})
    eks.disassociate_access_policy(**arguments)
    fails("ResourceNotFoundException", eks.disassociate_access_policy, "policyArn", **arguments)
    assert eks.list_associated_access_policies(clusterName=api, principalArn=USER)["associatedAccessPolicies"] == []


def test_list_associated_access_policies(eks, api):
    eks.create_access_entry(clusterName=api, principalArn=USER)
    policies = sorted(policy["arn"] for policy in eks.list_access_policies()["accessPolicies"])[:3]
    for policy in policies:
        arguments = {"clusterName": api, "principalArn": USER, "policyArn": policy}
        eks.associate_access_policy(**arguments, accessScope={"type": "cluster"})
    paginator = eks.get_paginator("list_associated_access_policies")
    pages = paginator.paginate(clusterName=api, principalArn=USER, PaginationConfig={"PageSize": 2})
    assert [found["policyArn"] for found in names(pages, "associatedAccessPolicies")] == policies
    fails("ResourceNotFoundException", eks.list_associated_access_policies, clusterName=api, principalArn=ROLE)


def test_list_access_policies(eks):
    pages = eks.get_paginator("list_access_policies").paginate(PaginationConfig={"PageSize": 7})
    policies = names(pages, "accessPolicies")
    assert {"name": "AmazonEKSClusterAdminPolicy", "arn": ADMIN} in policies
    assert all(policy["arn"].endswith("/" + policy["name"]) for policy in policies)
    assert len(policies) == len({policy["arn"] for policy in policies}) > 15
    # The model has no error for it, unlike those of all other lists.
    for wrong in ({"maxResults": 0}, {"maxResults": 101}, {"nextToken": "none"}):
        with pytest.raises(ClientError) as raised:
            eks.list_access_policies(**wrong)
        assert raised.value.response["Error"]["Code"] == "InvalidParameterException"


def test_roles_of_nodes_have_entries(eks):
    name = new_cluster(eks, accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    nodes, pods = f"arn:aws:iam::{ACCOUNT}:role/nodes", f"arn:aws:iam::{ACCOUNT}:role/pods"
    group = {"nodegroupName": "g", "subnets": ["subnet-1", "subnet-2"], "nodeRole": nodes}
    eks.create_nodegroup(clusterName=name, **group)
    profile = {"fargateProfileName": "p", "podExecutionRoleArn": pods, "selectors": [{"namespace": "web"}]}
    eks.create_fargate_profile(clusterName=name, **profile)
    for role, kind in ((nodes, "EC2_LINUX"), (pods, "FARGATE_LINUX")):
        assert eks.describe_access_entry(clusterName=name, principalArn=role)["accessEntry"]["type"] == kind
    eks.delete_nodegroup(clusterName=name, nodegroupName="g")
    eks.delete_fargate_profile(clusterName=name, fargateProfileName="p")
    eks.delete_cluster(name=name)
