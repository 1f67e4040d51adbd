"""Groups, what they are described as, and their sizes."""

from query import eventually, fails, pages, unique

MISSING = "AutoScalingGroup name not found"


def test_create_auto_scaling_group(autoscaling, group, template):
    tags = [{"Key": "eks:cluster-name", "Value": "m11", "PropagateAtLaunch": True}]
    made = group(2, Tags=tags, TerminationPolicies=["OldestInstance"], HealthCheckGracePeriod=15)
    found = made.get()
    assert (found["MinSize"], found["MaxSize"], found["DesiredCapacity"]) == (0, 5, 2)
    assert found["AvailabilityZones"] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert found["VPCZoneIdentifier"] == "subnet-1,subnet-2,subnet-3"
    assert found["LaunchTemplate"]["LaunchTemplateName"] == template["LaunchTemplateName"]
    assert found["LaunchTemplate"]["Version"] == "$Latest"
    assert found["Tags"][0]["PropagateAtLaunch"] is True
    assert found["DefaultCooldown"] == 300 and found["HealthCheckType"] == "EC2"
    made.settled("InService", "InService")
    fails(
        "AlreadyExists",
        autoscaling.create_auto_scaling_group,
        "A group with the name",
        AutoScalingGroupName=made.name,
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier="subnet-1",
    )
    new = {
        "AutoScalingGroupName": unique("other"),
        "LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"]},
        "MinSize": 1,
        "MaxSize": 2,
        "VPCZoneIdentifier": "subnet-1",
    }
    for change, text in [
        ({"MaxSize": 0}, "Max bound must be greater"),
        ({"DesiredCapacity": 3}, "Desired capacity:3 must be between the specified min size:1 and max size:2"),
        ({"MinSize": None}, "at 'minSize'"),
        ({"AutoScalingGroupName": ""}, "autoScalingGroupName"),
        ({"LaunchTemplate": None}, "Valid requests must contain either LaunchTemplate"),
        ({"LaunchConfigurationName": "both"}, "Valid requests must contain either LaunchTemplate"),
        ({"LaunchTemplate": {"LaunchTemplateName": "nothing"}}, "valid fully-formed launch template"),
        ({"VPCZoneIdentifier": None}, "At least one Availability Zone or VPC Subnet is required."),
        ({"VPCZoneIdentifier": None, "AvailabilityZones": ["mars-1a"]}, "Invalid availability zones"),
        ({"TerminationPolicies": ["Random"]}, "Random"),
    ]:
        arguments = {name: value for name, value in {**new, **change}.items() if value is not None}
        fails("ValidationError", autoscaling.create_auto_scaling_group, text, **arguments)
    fails("MalformedInput", autoscaling.create_auto_scaling_group, "MinSize", **{**new, "MinSize": "many"})


def test_a_group_with_several_types(autoscaling, group, template):
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "1"},
            "Overrides": [{"InstanceType": "t3.medium"}, {"InstanceType": "t3.large"}],
        },
        "InstancesDistribution": {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 0},
    }
    made = group(2, LaunchTemplate=None, MixedInstancesPolicy=policy)
    made.settled("InService", "InService")
    found = made.get()
    assert {one["InstanceType"] for one in found["Instances"]} == {"t3.medium"}
    shown = found["MixedInstancesPolicy"]
    assert shown["InstancesDistribution"]["OnDemandBaseCapacity"] == 1
    assert shown["LaunchTemplate"]["Overrides"][1]["InstanceType"] == "t3.large"


def test_update_auto_scaling_group(autoscaling, group):
    made = group(1)
    made.settled("InService")
    autoscaling.update_auto_scaling_group(AutoScalingGroupName=made.name, MinSize=2, MaxSize=3, DefaultCooldown=10)
    found = made.get()
    assert (found["MinSize"], found["MaxSize"], found["DesiredCapacity"]) == (2, 3, 2)
    assert found["DefaultCooldown"] == 10
    made.settled("InService", "InService")
    text = "a user request update of AutoScalingGroup constraints to min: 2, max: 3, desired: 2 changing the desired capacity from 1 to 2."
    assert any(text in one["Cause"] for one in made.activities())
    call = autoscaling.update_auto_scaling_group
    fails("ValidationError", call, MISSING, AutoScalingGroupName="nothing", MinSize=1)
    fails("ValidationError", call, "must be between", AutoScalingGroupName=made.name, DesiredCapacity=9)


def test_delete_auto_scaling_group(autoscaling, group):
    made = group(1)
    made.settled("InService")
    call = autoscaling.delete_auto_scaling_group
    fails("ResourceInUse", call, "while there are instances", AutoScalingGroupName=made.name)
    call(AutoScalingGroupName=made.name, ForceDelete=True)
    names = {"AutoScalingGroupNames": [made.name]}
    eventually(lambda: autoscaling.describe_auto_scaling_groups(**names)["AutoScalingGroups"] == [])
    fails("ValidationError", call, MISSING, AutoScalingGroupName=made.name)


def test_describe_auto_scaling_groups(autoscaling, group):
    tag = unique("tag")
    made = [group(Tags=[{"Key": tag, "Value": value}]) for value in "ab"]
    names = sorted(one.name for one in made)
    call = autoscaling.describe_auto_scaling_groups
    found, count = pages(call, "AutoScalingGroups", "MaxRecords", 1, AutoScalingGroupNames=names)
    assert [one["AutoScalingGroupName"] for one in found] == names and count == 2
    for filters, expected in [
        ([{"Name": "tag-key", "Values": [tag]}], 2),
        ([{"Name": f"tag:{tag}", "Values": ["a"]}], 1),
        ([{"Name": "tag-key", "Values": [tag]}, {"Name": "tag-value", "Values": ["b"]}], 1),
        ([{"Name": f"tag:{tag}", "Values": ["c"]}], 0),
    ]:
        assert len(call(Filters=filters)["AutoScalingGroups"]) == expected
    assert call(AutoScalingGroupNames=["nothing"])["AutoScalingGroups"] == []
    fails("InvalidNextToken", call, NextToken="x")
    fails("ValidationError", call, "Allowed Filter types", Filters=[{"Name": "colour", "Values": ["x"]}])


def test_describe_auto_scaling_instances(autoscaling, group):
    made = group(2)
    ids = made.settled("InService", "InService")
    call = autoscaling.describe_auto_scaling_instances
    found, count = pages(call, "AutoScalingInstances", "MaxRecords", 1, InstanceIds=ids)
    assert [one["InstanceId"] for one in found] == sorted(ids) and count == 2
    assert found[0]["AutoScalingGroupName"] == made.name and found[0]["HealthStatus"] == "HEALTHY"
    assert call(InstanceIds=["i-0000000000000000f"])["AutoScalingInstances"] == []
    fails("InvalidNextToken", call, NextToken="x")


def test_set_desired_capacity(autoscaling, group):
    made = group(1, DefaultCooldown=3600)
    made.settled("InService")
    call = autoscaling.set_desired_capacity
    call(AutoScalingGroupName=made.name, DesiredCapacity=3)
    made.settled("InService", "InService", "InService")
    zones = {one["AvailabilityZone"] for one in made.get()["Instances"]}
    assert len(zones) == 3
    text = "a user request explicitly set group desired capacity changing the desired capacity from 1 to 3."
    assert text in made.activities()[0]["Cause"]
    wrong = {"AutoScalingGroupName": made.name}
    fails("ValidationError", call, "New SetDesiredCapacity value 6 is above max value 5", DesiredCapacity=6, **wrong)
    fails("ValidationError", call, "desiredCapacity", DesiredCapacity=-1, **wrong)
    fails("ValidationError", call, MISSING, AutoScalingGroupName="nothing", DesiredCapacity=1)
    text = "is in progress and blocks this action"
    fails("ScalingActivityInProgress", call, text, DesiredCapacity=1, HonorCooldown=True, **wrong)


def test_describe_scaling_activities(autoscaling, group):
    made = group(2)
    ids = made.settled("InService", "InService")
    found = made.activities()
    assert {one["Description"] for one in found} == {f"Launching a new EC2 instance: {id}" for id in ids}
    for one in found:
        assert one["StatusCode"] == "Successful" and one["Progress"] == 100
        assert "a user request created an AutoScalingGroup changing the desired capacity from 0 to 2." in one["Cause"]
        assert one["EndTime"] >= one["StartTime"] and '"Availability Zone":"us-east-1' in one["Details"]
    call = autoscaling.describe_scaling_activities
    paged, count = pages(call, "Activities", "MaxRecords", 1, AutoScalingGroupName=made.name)
    assert [one["ActivityId"] for one in paged] == [one["ActivityId"] for one in found] and count == 2
    assert len(call(ActivityIds=[found[0]["ActivityId"]])["Activities"]) == 1
    fails("InvalidNextToken", call, NextToken="x")


def test_describe_account_limits(autoscaling, group):
    group()
    found = autoscaling.describe_account_limits()
    assert found["NumberOfAutoScalingGroups"] >= 1
    assert found["MaxNumberOfLaunchConfigurations"] >= found["NumberOfLaunchConfigurations"]


def test_describe_warm_pool(autoscaling, group):
    found = autoscaling.describe_warm_pool(AutoScalingGroupName=group().name)
    assert found["Instances"] == [] and "WarmPoolConfiguration" not in found
    fails("ValidationError", autoscaling.describe_warm_pool, MISSING, AutoScalingGroupName="nothing")


def test_what_is_missing_says_so(autoscaling):
    fails("NotImplementedException", autoscaling.describe_policies, "wharf does not do", status=501)
