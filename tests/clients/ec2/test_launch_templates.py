"""Launch templates and their versions."""

import pytest
from query import encoded, fails, pages, unique

DATA = {
    "ImageId": "ami-0123456789abcdef0",
    "InstanceType": "t3.small",
    "UserData": encoded("#!/bin/bash\n"),
    "SecurityGroupIds": ["sg-1"],
    "IamInstanceProfile": {"Name": "nodes"},
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": True}}],
    "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-2"], "AssociatePublicIpAddress": False}],
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "1"}]}],
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
}


@pytest.fixture
def template(ec2):
    return ec2.create_launch_template(LaunchTemplateName=unique("nodes"), LaunchTemplateData=DATA)["LaunchTemplate"]


def test_create_launch_template(ec2, running):
    name = unique("nodes")
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "own", "Value": "1"}]}]
    good = {"LaunchTemplateName": name, "LaunchTemplateData": DATA}
    made = ec2.create_launch_template(**good, TagSpecifications=tags, ClientToken="x")["LaunchTemplate"]
    assert made["LaunchTemplateId"].startswith("lt-0") and made["Tags"] == [{"Key": "own", "Value": "1"}]
    assert (made["DefaultVersionNumber"], made["LatestVersionNumber"]) == (1, 1)
    again = ec2.create_launch_template(**good, ClientToken="x")["LaunchTemplate"]
    assert again["LaunchTemplateId"] == made["LaunchTemplateId"]
    (id,) = running(LaunchTemplate={"LaunchTemplateName": name}, InstanceType="t3.large")
    found = ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
    assert found["InstanceType"] == "t3.large" and found["SecurityGroups"][0]["GroupId"] == "sg-1"
    tags = {one["Key"]: one["Value"] for one in found["Tags"]}
    assert tags["a"] == "1" and tags["aws:ec2launchtemplate:id"] == made["LaunchTemplateId"]
    call = ec2.create_launch_template
    fails("InvalidLaunchTemplateName.AlreadyExistsException", call, "already in use", **good)
    fails("InvalidParameterValue", call, "invalid", LaunchTemplateName="a", LaunchTemplateData=DATA)
    fails("MissingParameter", call, "LaunchTemplateData", LaunchTemplateName=unique("nodes"))


def test_create_launch_template_version(ec2, template):
    id = {"LaunchTemplateId": template["LaunchTemplateId"]}
    new = {"LaunchTemplateData": {"InstanceType": "t3.medium"}, "VersionDescription": "larger"}
    made = ec2.create_launch_template_version(**id, **new, SourceVersion="1")["LaunchTemplateVersion"]
    assert made["VersionNumber"] == 2 and made["DefaultVersion"] is False
    assert made["LaunchTemplateData"]["InstanceType"] == "t3.medium"
    assert made["LaunchTemplateData"]["ImageId"] == DATA["ImageId"]
    made = ec2.create_launch_template_version(**id, **new)["LaunchTemplateVersion"]
    assert made["VersionNumber"] == 3 and "ImageId" not in made["LaunchTemplateData"]
    call = ec2.create_launch_template_version
    fails("InvalidLaunchTemplateId.VersionNotFound", call, "version 9", **id, **new, SourceVersion="9")
    fails("InvalidLaunchTemplateId.NotFound", call, LaunchTemplateId="lt-00000000", **new)
    fails("MissingParameter", call, "LaunchTemplateId", **new)


def test_describe_launch_templates(ec2, template):
    other = ec2.create_launch_template(LaunchTemplateName=unique("nodes"), LaunchTemplateData=DATA)["LaunchTemplate"]
    ids = sorted([template["LaunchTemplateId"], other["LaunchTemplateId"]])
    call = ec2.describe_launch_templates
    found, count = pages(call, "LaunchTemplates", "MaxResults", 1, LaunchTemplateIds=ids)
    assert [one["LaunchTemplateId"] for one in found] == ids and count == 2
    name = template["LaunchTemplateName"]
    assert call(LaunchTemplateNames=[name])["LaunchTemplates"] == [template]
    filters = [{"Name": "launch-template-name", "Values": [name[:-1] + "?"]}]
    assert call(Filters=filters)["LaunchTemplates"] == [template]
    fails("InvalidLaunchTemplateId.NotFound", call, LaunchTemplateIds=["lt-00000000"])
    fails("InvalidLaunchTemplateName.NotFoundException", call, LaunchTemplateNames=["nothing"])


def test_describe_launch_template_versions(ec2, template):
    id = {"LaunchTemplateId": template["LaunchTemplateId"]}
    call = ec2.describe_launch_template_versions
    (found,) = call(**id)["LaunchTemplateVersions"]
    assert found["DefaultVersion"] is True and found["LaunchTemplateData"] == DATA
    ec2.create_launch_template_version(**id, LaunchTemplateData=DATA)

    def numbers(**more):
        return [one["VersionNumber"] for one in call(**more)["LaunchTemplateVersions"]]

    assert numbers(**id) == [2, 1]
    assert numbers(**id, Versions=["$Latest"]) == [2]
    assert numbers(**id, Versions=["$Default"]) == [1]
    assert numbers(**id, MinVersion="2") == [2]
    assert numbers(**id, Filters=[{"Name": "is-default-version", "Values": ["true"]}]) == [1]
    assert numbers(LaunchTemplateName=template["LaunchTemplateName"], Versions=["1"]) == [1]
    fails("InvalidLaunchTemplateId.VersionNotFound", call, "version 9", **id, Versions=["9"])
    fails("InvalidLaunchTemplateId.NotFound", call, LaunchTemplateId="lt-00000000")
    fails("MissingParameter", call, "LaunchTemplateId")


def test_delete_launch_template(ec2, template):
    name = {"LaunchTemplateName": template["LaunchTemplateName"]}
    gone = ec2.delete_launch_template(**name)["LaunchTemplate"]
    assert gone["LaunchTemplateId"] == template["LaunchTemplateId"]
    fails("InvalidLaunchTemplateName.NotFoundException", ec2.delete_launch_template, **name)
    ec2.create_launch_template(**name, LaunchTemplateData=DATA)
