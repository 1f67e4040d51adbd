"""Tags of groups, and launch configurations."""

from query import encoded, fails, pages, unique


def tag(group, key, value="", **more):
    return {"ResourceId": group.name, "ResourceType": "auto-scaling-group", "Key": key, "Value": value, **more}


def test_create_or_update_tags(autoscaling, ec2, group):
    made = group(0)
    enabled = "k8s.io/cluster-autoscaler/enabled"
    autoscaling.create_or_update_tags(Tags=[tag(made, enabled, "true", PropagateAtLaunch=True)])
    autoscaling.create_or_update_tags(Tags=[tag(made, enabled, "yes", PropagateAtLaunch=True), tag(made, "own", "1")])
    found = {one["Key"]: one for one in made.get()["Tags"]}
    assert found[enabled]["Value"] == "yes" and found[enabled]["PropagateAtLaunch"] is True
    assert found["own"]["PropagateAtLaunch"] is False
    autoscaling.set_desired_capacity(AutoScalingGroupName=made.name, DesiredCapacity=1)
    (first,) = made.settled("InService")
    instance = ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]
    tags = {one["Key"]: one["Value"] for one in instance["Tags"]}
    assert tags[enabled] == "yes" and tags["aws:autoscaling:groupName"] == made.name and "own" not in tags
    call = autoscaling.create_or_update_tags
    fails("ValidationError", call, "not found", Tags=[{**tag(made, "a"), "ResourceId": "nothing"}])
    fails("ValidationError", call, "auto-scaling-group", Tags=[{**tag(made, "a"), "ResourceType": "instance"}])
    fails("ValidationError", call, "at 'key'", Tags=[tag(made, "")])
    fails("ValidationError", call, "reserved", Tags=[tag(made, "aws:x")])


def test_delete_tags(autoscaling, group):
    made = group(0, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    autoscaling.delete_tags(Tags=[tag(made, "a")])
    assert [one["Key"] for one in made.get()["Tags"]] == ["b"]
    fails("ValidationError", autoscaling.delete_tags, "not found", Tags=[{**tag(made, "a"), "ResourceId": "nothing"}])


def test_describe_tags(autoscaling, group):
    made = group(0, Tags=[{"Key": "a", "Value": "1", "PropagateAtLaunch": True}, {"Key": "b", "Value": "2"}])
    mine = {"Name": "auto-scaling-group", "Values": [made.name]}
    found, count = pages(autoscaling.describe_tags, "Tags", "MaxRecords", 1, Filters=[mine])
    assert [one["Key"] for one in found] == ["a", "b"] and count == 2
    for name, value in [("key", "a"), ("value", "1"), ("propagate-at-launch", "true")]:
        found = autoscaling.describe_tags(Filters=[mine, {"Name": name, "Values": [value]}])["Tags"]
        assert [one["Key"] for one in found] == ["a"], name
    call = autoscaling.describe_tags
    fails("ValidationError", call, "Allowed Filter types", Filters=[{"Name": "x", "Values": ["y"]}])
    fails("InvalidNextToken", call, NextToken="x")


def configuration(autoscaling, **more):
    name = unique("configuration")
    arguments = {"LaunchConfigurationName": name, "ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small"}
    autoscaling.create_launch_configuration(**{**arguments, **more})
    return name


def test_create_launch_configuration(autoscaling, ec2, group):
    text = "#!/bin/bash\n/etc/eks/bootstrap.sh m11\n"
    volumes = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3"}}]
    # boto3 encodes it itself here.
    more = {"UserData": text, "IamInstanceProfile": "nodes", "BlockDeviceMappings": volumes}
    name = configuration(autoscaling, **more)
    made = group(1, LaunchTemplate=None, LaunchConfigurationName=name)
    (first,) = made.settled("InService")
    assert made.get()["LaunchConfigurationName"] == name
    assert made.get()["Instances"][0]["LaunchConfigurationName"] == name
    data = ec2.describe_instance_attribute(InstanceId=first, Attribute="userData")
    assert data["UserData"]["Value"] == encoded(text)
    (found,) = autoscaling.describe_launch_configurations(LaunchConfigurationNames=[name])["LaunchConfigurations"]
    assert found["BlockDeviceMappings"] == volumes
    call = autoscaling.create_launch_configuration
    good = {"LaunchConfigurationName": name, "ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small"}
    fails("AlreadyExists", call, "already exists", **good)
    fails("ValidationError", call, "InstanceType", LaunchConfigurationName="x", ImageId="ami-0123456789abcdef0")
    fails("ValidationError", call, "instance type", **{**good, "InstanceType": "t99.small"})


def test_describe_launch_configurations(autoscaling):
    names = sorted(configuration(autoscaling) for _ in range(2))
    call = autoscaling.describe_launch_configurations
    found, count = pages(call, "LaunchConfigurations", "MaxRecords", 1, LaunchConfigurationNames=names)
    assert [one["LaunchConfigurationName"] for one in found] == names and count == 2
    assert found[0]["InstanceType"] == "t3.small" and found[0]["EbsOptimized"] is False
    fails("InvalidNextToken", call, NextToken="x")


def test_delete_launch_configuration(autoscaling, group):
    name = configuration(autoscaling)
    made = group(0, LaunchTemplate=None, LaunchConfigurationName=name)
    call = autoscaling.delete_launch_configuration
    fails("ResourceInUse", call, "attached to AutoScalingGroup", LaunchConfigurationName=name)
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName=made.name)
    call(LaunchConfigurationName=name)
    fails("ValidationError", call, "not found", LaunchConfigurationName=name)
