"""Fargate profiles."""

import re

import pytest
from conftest import ACCOUNT, REGION, ROLE, SUBNETS, AT_ONCE, fails, names

SELECTORS = [{"namespace": "dev", "labels": {"profile": "fargate"}}]


def new(eks, cluster, name="p", **members):
    arguments = dict(fargateProfileName=name, clusterName=cluster, podExecutionRoleArn=ROLE, selectors=SELECTORS)
    return eks.create_fargate_profile(**arguments | members)["fargateProfile"]


def test_create_fargate_profile(eks, cluster):
    made = new(eks, cluster, clientRequestToken="t", tags={"a": "b"})
    assert made["status"] == "CREATING" and made["selectors"] == SELECTORS and made["subnets"] == SUBNETS
    assert re.fullmatch(f"arn:aws:eks:{REGION}:{ACCOUNT}:fargateprofile/{cluster}/p/[0-9a-f-]{{36}}", made["fargateProfileArn"])
    assert new(eks, cluster, clientRequestToken="t", tags={"a": "b"})["fargateProfileArn"] == made["fargateProfileArn"]
    assert eks.list_tags_for_resource(resourceArn=made["fargateProfileArn"])["tags"] == {"a": "b"}
    create = eks.create_fargate_profile
    arguments = dict(fargateProfileName="p", clusterName=cluster, podExecutionRoleArn=ROLE, selectors=SELECTORS)
    fails("InvalidRequestException", create, "A Fargate Profile already exists with this name in this cluster.", **arguments)
    fails("ResourceNotFoundException", create, "No cluster found for name: none.", **arguments | {"clusterName": "none"})
    for i in range(9):
        new(eks, cluster, f"more-{i}")
    fails("ResourceLimitExceededException", create, **arguments | {"fargateProfileName": "eleventh"})


@pytest.mark.parametrize(
    "text, members",
    [
        ("Fargate Profile requires at least one selector.", {"selectors": []}),
        ("at least one selector with at least one namespace value.", {"selectors": [{"labels": {"a": "b"}}]}),
        ("up to 5 selectors", {"selectors": [{"namespace": str(i)} for i in range(6)]}),
        ("Request contains Selector with more than 5 Label pairs", {"selectors": [{"namespace": "a", "labels": {str(i): "x" for i in range(6)}}]}),
        ("Subnet subnet-public-1 provided in Fargate Profile is not a private subnet", {"subnets": ["subnet-public-1"]}),
        ("not a valid ARN of a role", {"podExecutionRoleArn": "x"}),
        ("eks-", {"fargateProfileName": "eks-p"}),
        ("fargateProfileName", {"fargateProfileName": "a b"}),
        ("namespace", {"selectors": [{"namespace": "A B"}]}),
    ],
)
def test_a_profile_that_cannot_be(eks, cluster, text, members):
    arguments = dict(fargateProfileName="p", clusterName=cluster, podExecutionRoleArn=ROLE, selectors=SELECTORS)
    error = fails("InvalidParameterException", eks.create_fargate_profile, text, **arguments | members)
    assert error["clusterName"] == cluster


def test_describe_fargate_profile(eks, cluster):
    new(eks, cluster, selectors=[{"namespace": "team-*", "labels": {"a?": "*"}}])
    shown = eks.describe_fargate_profile(clusterName=cluster, fargateProfileName="p")["fargateProfile"]
    assert shown["status"] == "ACTIVE"
    error = fails("ResourceNotFoundException", eks.describe_fargate_profile, "No Fargate Profile found with name: x.",
                  clusterName=cluster, fargateProfileName="x")
    assert error["fargateProfileName"] == "x"


def test_list_fargate_profiles(eks, cluster):
    for name in ("b", "c", "a"):
        new(eks, cluster, name)
    pages = eks.get_paginator("list_fargate_profiles").paginate(clusterName=cluster, PaginationConfig={"PageSize": 2})
    assert names(pages, "fargateProfileNames") == ["a", "b", "c"]
    fails("ResourceNotFoundException", eks.list_fargate_profiles, clusterName="none")
    fails("InvalidParameterException", eks.list_fargate_profiles, clusterName=cluster, maxResults=101)


def test_delete_fargate_profile(eks, cluster):
    new(eks, cluster)
    gone = eks.delete_fargate_profile(clusterName=cluster, fargateProfileName="p")["fargateProfile"]
    assert gone["status"] == "DELETING"
    fails("ResourceNotFoundException", eks.delete_fargate_profile, "No Fargate Profile found with name: p.",
          clusterName=cluster, fargateProfileName="p")


def test_waiters_of_profiles(eks, cluster):
    named = dict(clusterName=cluster, fargateProfileName="p")
    new(eks, cluster)
    eks.get_waiter("fargate_profile_active").wait(**named, WaiterConfig=AT_ONCE)
    eks.delete_fargate_profile(**named)
    eks.get_waiter("fargate_profile_deleted").wait(**named, WaiterConfig=AT_ONCE)
