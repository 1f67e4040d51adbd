"""Clients of Auto Scaling and EC2, and groups of a test's own."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from query import client, eventually, unique  # noqa: E402

SUBNETS = "subnet-1,subnet-2,subnet-3"


@pytest.fixture(scope="session")
def autoscaling():
    return client("autoscaling")


@pytest.fixture(scope="session")
def ec2():
    return client("ec2")


@pytest.fixture
def template(ec2):
    """A launch template of the test's own."""
    data = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small"}
    made = ec2.create_launch_template(LaunchTemplateName=unique("nodes"), LaunchTemplateData=data)
    return made["LaunchTemplate"]


class Group:
    """A group, and what is asked of it again and again."""

    def __init__(self, autoscaling, name):
        self.autoscaling, self.name = autoscaling, name

    def get(self):
        return self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"][0]

    def states(self):
        return sorted(one["LifecycleState"] for one in self.get()["Instances"])

    def settled(self, *states):
        """Waits until the instances are in these states, and gives their ids."""
        eventually(lambda: self.states() == sorted(states))
        return [one["InstanceId"] for one in self.get()["Instances"]]

    def activities(self):
        return self.autoscaling.describe_scaling_activities(AutoScalingGroupName=self.name)["Activities"]


@pytest.fixture
def group(autoscaling, template):
    """Makes groups that go with the test."""
    made = []

    def make(desired=0, **more):
        arguments = {
            "AutoScalingGroupName": unique("group"),
            "LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "$Latest"},
            "MinSize": 0,
            "MaxSize": 5,
            "DesiredCapacity": desired,
            "VPCZoneIdentifier": SUBNETS,
        }
        arguments.update(more)
        autoscaling.create_auto_scaling_group(**{k: v for k, v in arguments.items() if v is not None})
        one = Group(autoscaling, arguments["AutoScalingGroupName"])
        made.append(one)
        return one

    yield make
    for one in made:
        try:
            autoscaling.delete_auto_scaling_group(AutoScalingGroupName=one.name, ForceDelete=True)
        except autoscaling.exceptions.ClientError:
            pass
