"""The AWS CLI, unmodified."""

import json
import os
import subprocess

from conftest import REGION, ROLE


def aws(*arguments: str):
    env = os.environ | {"AWS_REGION": REGION, "AWS_PAGER": ""}
    done = subprocess.run(["aws", "eks", *arguments, "--output", "json"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_a_cluster_from_its_beginning_to_its_end():
    aws("create-cluster", "--name", "dev", "--role-arn", ROLE, "--resources-vpc-config", "subnetIds=subnet-1,subnet-2")
    aws("wait", "cluster-active", "--name", "dev")
    aws("create-nodegroup", "--cluster-name", "dev", "--nodegroup-name", "n", "--subnets", "subnet-1", "--node-role", ROLE,
        "--scaling-config", "minSize=1,maxSize=3,desiredSize=2")
    aws("wait", "nodegroup-active", "--cluster-name", "dev", "--nodegroup-name", "n")
    aws("create-fargate-profile", "--cluster-name", "dev", "--fargate-profile-name", "p",
        "--pod-execution-role-arn", ROLE, "--selectors", "namespace=my-app")
    aws("wait", "fargate-profile-active", "--cluster-name", "dev", "--fargate-profile-name", "p")
    assert aws("list-clusters")["clusters"] == ["dev"]
    aws("delete-fargate-profile", "--cluster-name", "dev", "--fargate-profile-name", "p")
    aws("wait", "fargate-profile-deleted", "--cluster-name", "dev", "--fargate-profile-name", "p")
    aws("delete-nodegroup", "--cluster-name", "dev", "--nodegroup-name", "n")
    aws("wait", "nodegroup-deleted", "--cluster-name", "dev", "--nodegroup-name", "n")
    aws("delete-cluster", "--name", "dev")
    aws("wait", "cluster-deleted", "--name", "dev")
