"""A client of EC2, and instances of a test's own."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from query import client, eventually  # noqa: E402

IMAGE = "ami-0123456789abcdef0"


@pytest.fixture(scope="session")
def ec2():
    return client("ec2")


@pytest.fixture
def running(ec2):
    """Runs instances that end with the test."""
    ids = []

    def run(count=1, **more):
        arguments = {"ImageId": IMAGE, "InstanceType": "t3.small", "MinCount": count, "MaxCount": count}
        made = ec2.run_instances(**{**arguments, **more})["Instances"]
        mine = [one["InstanceId"] for one in made]
        ids.extend(mine)
        status = ec2.describe_instance_status
        eventually(lambda: len(status(InstanceIds=mine)["InstanceStatuses"]) == count)
        return mine

    yield run
    if ids:
        ec2.terminate_instances(InstanceIds=ids)
