"""Instances: how they come, look and go."""

import re

from query import client, encoded, eventually, fails, pages, unique

NOWHERE = "i-0000000000000000f"


def one(ec2, id):
    return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]


def state(ec2, id):
    return one(ec2, id)["State"]["Name"]


def test_run_instances(ec2):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "kubernetes.io/cluster/m11", "Value": "owned"}]}]
    good = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "m5.large", "MinCount": 2, "MaxCount": 2}
    token = unique("token")
    more = {"SubnetId": "subnet-2", "TagSpecifications": tags, "IamInstanceProfile": {"Name": "nodes"}}
    made = ec2.run_instances(**good, **more, ClientToken=token)
    assert made["OwnerId"] == "000000000000" and len(made["Instances"]) == 2
    found = made["Instances"][0]
    assert re.fullmatch("i-[0-9a-f]{17}", found["InstanceId"])
    assert found["State"] == {"Code": 0, "Name": "pending"}
    assert found["Placement"]["AvailabilityZone"] == "us-east-1b" and found["SubnetId"] == "subnet-2"
    assert found["PrivateDnsName"] == "ip-" + found["PrivateIpAddress"].replace(".", "-") + ".ec2.internal"
    assert found["IamInstanceProfile"]["Arn"] == "arn:aws:iam::000000000000:instance-profile/nodes"
    assert found["Tags"] == [{"Key": "kubernetes.io/cluster/m11", "Value": "owned"}]
    assert len({instance["PrivateIpAddress"] for instance in made["Instances"]}) == 2
    again = ec2.run_instances(**good, **more, ClientToken=token)
    assert again["ReservationId"] == made["ReservationId"]
    eventually(lambda: state(ec2, found["InstanceId"]) == "running")
    call = ec2.run_instances
    for code, change, text in [
        ("MissingParameter", {"MinCount": None}, "MinCount"),
        ("InvalidParameterValue", {"MinCount": 3}, "minCount"),
        ("InvalidParameterValue", {"InstanceType": "t99.small"}, "t99.small"),
        ("InvalidAMIID.Malformed", {"ImageId": "image"}, "expecting"),
        ("InvalidParameterValue", {"ImageId": None}, "ImageId"),
        ("InvalidSubnetID.NotFound", {"SubnetId": "elsewhere"}, "does not exist"),
        ("InvalidParameterValue", {"MaxCount": "many"}, "MaxCount"),
        ("InvalidLaunchTemplateName.NotFoundException", {"LaunchTemplate": {"LaunchTemplateName": "x"}}, "x"),
    ]:
        arguments = {name: value for name, value in {**good, **change}.items() if value is not None}
        fails(code, call, text, **arguments)
    fails("DryRunOperation", call, "would have succeeded", status=412, **good, DryRun=True)


def test_names_of_other_regions(ec2):
    other = client("ec2", region="eu-central-1")
    made = other.run_instances(ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    found = made["Instances"][0]
    name = "ip-" + found["PrivateIpAddress"].replace(".", "-") + ".eu-central-1.compute.internal"
    assert found["PrivateDnsName"] == name
    fails("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[found["InstanceId"]])


def test_terminate_instances(ec2, running):
    (id,) = running()
    (done,) = ec2.terminate_instances(InstanceIds=[id])["TerminatingInstances"]
    assert done["PreviousState"]["Name"] == "running" and done["CurrentState"]["Name"] == "shutting-down"
    eventually(lambda: state(ec2, id) == "terminated")
    found = one(ec2, id)
    assert "PrivateIpAddress" not in found and found["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    call = ec2.terminate_instances
    fails("InvalidInstanceID.NotFound", call, f"'{NOWHERE}' does not exist", InstanceIds=[NOWHERE])
    fails("InvalidInstanceID.Malformed", call, 'Invalid id: "x"', InstanceIds=["x"])
    fails("MissingParameter", call, "InstanceId")
    good = {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1}
    kept = ec2.run_instances(**good, DisableApiTermination=True)["Instances"][0]["InstanceId"]
    fails("OperationNotPermitted", call, "may not be terminated", InstanceIds=[kept])


def test_stop_instances(ec2, running):
    (id,) = running()
    (done,) = ec2.stop_instances(InstanceIds=[id])["StoppingInstances"]
    assert done["CurrentState"] == {"Code": 64, "Name": "stopping"}
    eventually(lambda: state(ec2, id) == "stopped")
    fails("InvalidInstanceID.NotFound", ec2.stop_instances, InstanceIds=[NOWHERE])


def test_start_instances(ec2, running):
    (id,) = running()
    address = one(ec2, id)["PrivateIpAddress"]
    ec2.stop_instances(InstanceIds=[id])
    eventually(lambda: state(ec2, id) == "stopped")
    (done,) = ec2.start_instances(InstanceIds=[id])["StartingInstances"]
    assert done["CurrentState"]["Name"] == "pending"
    eventually(lambda: state(ec2, id) == "running")
    assert one(ec2, id)["PrivateIpAddress"] == address
    ec2.terminate_instances(InstanceIds=[id])
    fails("IncorrectInstanceState", ec2.start_instances, "not in a state", InstanceIds=[id])


def test_describe_instances(ec2, running):
    mark = unique("mark")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": mark, "Value": "yes"}]}]
    ids = sorted(running(6, SubnetId="subnet-1", TagSpecifications=tags))
    mine = {"Name": "tag-key", "Values": [mark]}
    found = ec2.describe_instances(Filters=[mine])["Reservations"]
    assert len(found) == 1 and len(found[0]["Instances"]) == 6
    first = one(ec2, ids[0])
    for name, value, count in [
        (f"tag:{mark}", "y?s", 6),
        (f"tag:{mark}", "n*", 0),
        ("instance-id", ids[0], 1),
        ("instance-state-name", "running", 6),
        ("instance-type", "t3.*", 6),
        ("private-dns-name", first["PrivateDnsName"], 1),
        ("private-ip-address", first["PrivateIpAddress"], 1),
        ("subnet-id", "subnet-1", 6),
        ("vpc-id", first["VpcId"], 6),
        ("availability-zone", "us-east-1?", 6),
        ("availability-zone", "us-east-1b", 0),
    ]:
        answer = ec2.describe_instances(Filters=[mine, {"Name": name, "Values": [value]}])
        assert sum(len(one["Instances"]) for one in answer["Reservations"]) == count, (name, value)
    call, token, seen = ec2.describe_instances, {}, []
    for _ in range(2):
        answer = call(Filters=[mine], MaxResults=5, **token)
        seen += [one["InstanceId"] for r in answer["Reservations"] for one in r["Instances"]]
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert seen == ids and not token
    fails("InvalidInstanceID.NotFound", call, InstanceIds=[NOWHERE])
    fails("InvalidParameterValue", call, "The filter 'colour' is invalid", Filters=[mine, {"Name": "colour", "Values": ["x"]}])
    fails("InvalidParameterValue", call, "maxResults", MaxResults=1)
    fails("InvalidParameterValue", call, "nextToken", NextToken="x")


def test_describe_instance_status(ec2, running):
    (id,) = running()
    (found,) = ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"]
    assert found["InstanceStatus"]["Status"] == "ok" and found["SystemStatus"]["Status"] == "ok"
    ec2.stop_instances(InstanceIds=[id])
    assert ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"] == []
    (found,) = ec2.describe_instance_status(InstanceIds=[id], IncludeAllInstances=True)["InstanceStatuses"]
    assert found["InstanceStatus"]["Status"] == "not-applicable"


def test_describe_instance_attribute(ec2, running):
    (id,) = running(UserData="#!/bin/bash\n")
    call = ec2.describe_instance_attribute
    assert call(InstanceId=id, Attribute="userData")["UserData"]["Value"] == encoded("#!/bin/bash\n")
    assert call(InstanceId=id, Attribute="instanceType")["InstanceType"]["Value"] == "t3.small"
    assert call(InstanceId=id, Attribute="disableApiTermination")["DisableApiTermination"]["Value"] is False
    assert call(InstanceId=id, Attribute="groupSet")["Groups"][0]["GroupName"] == "default"
    assert len(call(InstanceId=id, Attribute="blockDeviceMapping")["BlockDeviceMappings"]) == 1
    fails("InvalidParameterValue", call, "Unknown attribute", InstanceId=id, Attribute="colour")
    fails("InvalidInstanceID.NotFound", call, InstanceId=NOWHERE, Attribute="userData")


def test_describe_instance_types(ec2):
    found = ec2.describe_instance_types(InstanceTypes=["t3.small", "m6g.large"])["InstanceTypes"]
    large, small = found
    assert small["VCpuInfo"]["DefaultVCpus"] == 2 and small["MemoryInfo"]["SizeInMiB"] == 2048
    network = small["NetworkInfo"]
    assert network["MaximumNetworkInterfaces"] * (network["Ipv4AddressesPerInterface"] - 1) + 2 == 11
    assert large["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]
    arm = {"Name": "processor-info.supported-architecture", "Values": ["arm64"]}
    found, count = pages(ec2.describe_instance_types, "InstanceTypes", "MaxResults", 20, Filters=[arm])
    assert count > 1 and all(one["InstanceType"].split(".")[0].endswith("g") for one in found)
    fails("InvalidInstanceType", ec2.describe_instance_types, "t99.small", InstanceTypes=["t99.small"])


def test_describe_instance_type_offerings(ec2):
    small = {"Name": "instance-type", "Values": ["t3.small"]}
    call = ec2.describe_instance_type_offerings
    (found,) = call(Filters=[small])["InstanceTypeOfferings"]
    assert found == {"InstanceType": "t3.small", "LocationType": "region", "Location": "us-east-1"}
    found = call(LocationType="availability-zone", Filters=[small])["InstanceTypeOfferings"]
    assert [one["Location"] for one in found] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    fails("InvalidParameterValue", call, "LocationType", LocationType="moon")


def test_what_is_missing_says_so(ec2):
    text = "wharf does not do ec2:CreateVpc yet"
    fails("NotImplementedException", ec2.create_vpc, text, status=501, CidrBlock="10.0.0.0/16")
