"""The default VPC, images, and tags."""

import pytest
from query import fails, unique

TAG = [{"Key": "kubernetes.io/role/elb", "Value": "1"}]


def test_describe_vpcs(ec2):
    (found,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert found["CidrBlock"] == "192.168.0.0/16" and found["IsDefault"] is True
    assert ec2.describe_vpcs(VpcIds=[found["VpcId"]])["Vpcs"] == [found]
    fails("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=["vpc-00000000"])


def test_describe_subnets(ec2):
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert len(found) == 6 and len({one["CidrBlock"] for one in found}) == 6
    assert sorted(one["MapPublicIpOnLaunch"] for one in found) == [False] * 3 + [True] * 3
    assert {one["AvailabilityZoneId"] for one in found} == {"use1-az1", "use1-az2", "use1-az3"}
    public = ec2.describe_subnets(Filters=[{"Name": "tag:kubernetes.io/role/elb", "Values": ["1"]}])["Subnets"]
    assert all(one["MapPublicIpOnLaunch"] for one in public) and len(public) == 3
    # Tutorials name subnets that nobody made.
    (named,) = ec2.describe_subnets(SubnetIds=["subnet-1"])["Subnets"]
    assert named["SubnetId"] == "subnet-1" and named["AvailabilityZone"] == "us-east-1a"
    assert named["MapPublicIpOnLaunch"] is False and named["CidrBlock"] == "192.168.96.0/19"
    fails("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=["net-1"])


def test_describe_availability_zones(ec2):
    found = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [(one["ZoneName"], one["ZoneId"]) for one in found] == [
        ("us-east-1a", "use1-az1"),
        ("us-east-1b", "use1-az2"),
        ("us-east-1c", "use1-az3"),
    ]
    state = {"Name": "state", "Values": ["available"]}
    assert len(ec2.describe_availability_zones(ZoneNames=["us-east-1a"], Filters=[state])["AvailabilityZones"]) == 1
    fails("InvalidParameterValue", ec2.describe_availability_zones, "mars", ZoneNames=["mars"])


def test_describe_regions(ec2):
    names = [one["RegionName"] for one in ec2.describe_regions()["Regions"]]
    assert len(names) == 17 and "eu-central-1" in names
    (found,) = ec2.describe_regions(RegionNames=["eu-west-1"])["Regions"]
    assert found["Endpoint"] == "ec2.eu-west-1.amazonaws.com"
    fails("InvalidParameterValue", ec2.describe_regions, "mars", RegionNames=["mars"])


def test_describe_security_groups(ec2):
    (found,) = ec2.describe_security_groups()["SecurityGroups"]
    assert found["GroupName"] == "default" and found["IpPermissionsEgress"][0]["IpRanges"][0]["CidrIp"] == "0.0.0.0/0"
    call = ec2.describe_security_groups
    assert call(GroupIds=[found["GroupId"]])["SecurityGroups"] == [found]
    assert call(Filters=[{"Name": "group-name", "Values": ["other*"]}])["SecurityGroups"] == []
    fails("InvalidGroup.NotFound", call, GroupIds=["sg-00000000"])


def test_describe_route_tables(ec2):
    found = ec2.describe_route_tables()["RouteTables"]
    assert len(found) == 2
    ways = {route.get("GatewayId", "nat")[:3] for one in found for route in one["Routes"]}
    assert ways == {"loc", "igw", "nat"}
    main = ec2.describe_route_tables(Filters=[{"Name": "association.main", "Values": ["true"]}])["RouteTables"]
    assert len(main) == 1
    fails("InvalidRouteTableID.NotFound", ec2.describe_route_tables, RouteTableIds=["rtb-00000000"])


def test_describe_network_interfaces(ec2, running):
    (id,) = running()
    mine = {"Name": "attachment.instance-id", "Values": [id]}
    (found,) = ec2.describe_network_interfaces(Filters=[mine])["NetworkInterfaces"]
    assert found["Attachment"]["InstanceId"] == id and found["Status"] == "in-use"
    call = ec2.describe_network_interfaces
    assert call(NetworkInterfaceIds=[found["NetworkInterfaceId"]])["NetworkInterfaces"] == [found]
    fails("InvalidNetworkInterfaceID.NotFound", call, NetworkInterfaceIds=["eni-00000000"])


def test_describe_images(ec2):
    name = {"Name": "name", "Values": ["amazon-eks-node-al2023-x86_64-standard-1.33-*"]}
    (found,) = ec2.describe_images(Filters=[name], Owners=["amazon"])["Images"]
    assert found["Architecture"] == "x86_64" and found["State"] == "available"
    assert ec2.describe_images(ImageIds=[found["ImageId"]])["Images"] == [found]
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    fails("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-00000000"])
    fails("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["image"])


@pytest.fixture
def subnet(ec2):
    return ec2.describe_subnets()["Subnets"][0]["SubnetId"]


def keys(ec2, id):
    found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]
    return {one["Key"]: one["Value"] for one in found}


def test_create_tags(ec2, running, subnet):
    (id,) = running()
    key = unique("key")
    ec2.create_tags(Resources=[id, subnet], Tags=[{"Key": key, "Value": "1"}, {"Key": f"{key}-empty"}])
    for resource in (id, subnet):
        found = keys(ec2, resource)
        assert found[key] == "1" and found[f"{key}-empty"] == ""
    call = ec2.create_tags
    fails("InvalidID", call, "is not valid", Resources=["i-0000000000000000f"], Tags=TAG)
    fails("InvalidParameterValue", call, "reserved", Resources=[id], Tags=[{"Key": "aws:x", "Value": ""}])
    fails("MissingParameter", call, "Tag", Resources=[id])
    many = [{"Key": f"k{n}", "Value": ""} for n in range(51)]
    fails("TagLimitExceeded", call, "50", Resources=[id], Tags=many)


def test_delete_tags(ec2, running):
    (id,) = running()
    ec2.create_tags(Resources=[id], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ec2.delete_tags(Resources=[id], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}])
    assert keys(ec2, id) == {"b": "2"}
    ec2.delete_tags(Resources=[id])
    assert keys(ec2, id) == {}
    fails("InvalidID", ec2.delete_tags, Resources=["i-0000000000000000f"], Tags=TAG)


def test_describe_tags(ec2, running):
    (id,) = running()
    key = unique("key")
    ec2.create_tags(Resources=[id], Tags=[{"Key": key, "Value": "1"}])
    filters = [{"Name": "key", "Values": [key]}, {"Name": "resource-type", "Values": ["instance"]}]
    found = ec2.describe_tags(Filters=filters)["Tags"]
    assert found == [{"Key": key, "ResourceId": id, "ResourceType": "instance", "Value": "1"}]
    fails("InvalidParameterValue", ec2.describe_tags, "colour", Filters=[{"Name": "colour", "Values": ["x"]}, *filters])
