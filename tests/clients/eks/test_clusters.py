"""Clusters: their life, their configuration, their updates and their tags."""

import pytest
from conftest import ACCOUNT, REGION, ROLE, VPC, AT_ONCE, fails, names, new_cluster, unique


def test_create_cluster(eks):
    name = unique()
    arguments = dict(
        name=name, roleArn=ROLE, resourcesVpcConfig=VPC, clientRequestToken="t-" + name, tags={"team": "a"}
    )
    cluster = eks.create_cluster(**arguments)["cluster"]
    assert cluster["status"] == "CREATING"
    assert cluster["arn"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}"
    assert cluster["version"] == "1.34"
    assert cluster["tags"] == {"team": "a"}
    assert cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "10.100.0.0/16"
    assert cluster["kubernetesNetworkConfig"]["ipFamily"] == "ipv4"
    assert cluster["resourcesVpcConfig"]["endpointPublicAccess"] is True
    assert cluster["resourcesVpcConfig"]["publicAccessCidrs"] == ["0.0.0.0/0"]
    assert cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP"
    assert cluster["upgradePolicy"] == {"supportType": "EXTENDED"}
    assert [setup["enabled"] for setup in cluster["logging"]["clusterLogging"]] == [False]
    # The same token: the same answer. On another request: an error.
    assert eks.create_cluster(**arguments)["cluster"]["arn"] == cluster["arn"]
    fails("InvalidParameterException", eks.create_cluster, "clientRequestToken", **arguments | {"version": "1.33"})
    other = arguments | {"clientRequestToken": "other"}
    error = fails("ResourceInUseException", eks.create_cluster, f"Cluster already exists with name: {name}", **other)
    assert error["clusterName"] == name


def test_create_cluster_with_everything(eks):
    name = unique()
    made = eks.create_cluster(
        name=name,
        version="1.33",
        roleArn=ROLE,
        resourcesVpcConfig=VPC
        | {
            "securityGroupIds": ["sg-1"],
            "endpointPrivateAccess": True,
            "publicAccessCidrs": ["203.0.113.0/24"],
            "controlPlaneEgressMode": "CUSTOMER_ROUTED",
        },
        kubernetesNetworkConfig={
            "serviceIpv4Cidr": "172.20.0.0/16",
            "elasticLoadBalancing": {"enabled": True, "gatewayApi": {"crds": {"managed": True}}},
        },
        logging={"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]},
        encryptionConfig=[
            {"resources": ["secrets"], "provider": {"keyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"}}
        ],
        accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        bootstrapSelfManagedAddons=False,
        upgradePolicy={"supportType": "STANDARD"},
        zonalShiftConfig={"enabled": True},
        remoteNetworkConfig={
            "remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16"]}],
            "remotePodNetworks": [{"cidrs": ["10.81.0.0/16"]}],
        },
        computeConfig={"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE},
        storageConfig={"blockStorage": {"enabled": True}},
        deletionProtection=True,
        controlPlaneScalingConfig={"tier": "tier-xl"},
        kubeApiServerConfig={"eventTtl": "30m", "serviceNodePortRange": {"minPort": 30000, "maxPort": 31000}},
        kubeSchedulerConfig={
            "nodeResourcesFit": {
                "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 2}]}
            }
        },
        kubeControllerManagerConfig={
            "podGcControllerConfig": {"terminatedPodGcThreshold": 100},
            "horizontalPodAutoscalerControllerConfig": {"horizontalPodAutoscalerSyncPeriod": "15s"},
        },
    )["cluster"]
    shown = eks.describe_cluster(name=name)["cluster"]
    assert shown["status"] == "ACTIVE"
    # The certificate comes with the control plane.
    for member in set(made) - {"status", "certificateAuthority"}:
        assert shown[member] == made[member], member
    assert shown["computeConfig"]["nodePools"] == ["system"]
    assert shown["logging"]["clusterLogging"][0] == {"types": ["api", "audit"], "enabled": True}
    assert shown["kubeApiServerConfig"]["eventTtl"] == "30m"
    fails("InvalidRequestException", eks.delete_cluster, "deletion protection", name=name)
    update = eks.update_cluster_config(name=name, deletionProtection=False)["update"]
    assert update["type"] == "DeletionProtectionUpdate"
    eks.delete_cluster(name=name)


@pytest.mark.parametrize(
    "text, members",
    [
        ("name", {"name": "-a"}),
        ("name", {"name": "a" * 101}),
        ("name can not be null", {"name": None}),
        ("roleArn can not be null", {"roleArn": None}),
        ("not a valid ARN of a role", {"roleArn": "eks"}),
        ("resourcesVpcConfig can not be null", {"resourcesVpcConfig": None}),
        ("subnetIds can not be null or empty", {"resourcesVpcConfig": {"subnetIds": []}}),
        ("more than once", {"resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-1"]}}),
        (
            "Private and public endpoint access cannot be false",
            {"resourcesVpcConfig": VPC | {"endpointPublicAccess": False, "endpointPrivateAccess": False}},
        ),
        ("invalid in publicAccessCidrs: [10.0.0.0/33]", {"resourcesVpcConfig": VPC | {"publicAccessCidrs": ["10.0.0.0/33"]}}),
        ("unsupported Kubernetes version", {"version": "1.12"}),
        ("serviceIpv4Cidr", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "11.0.0.0/16"}}),
        ("between /24 and /12", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/8"}}),
        ("between /24 and /12", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/25"}}),
        ("ipv6", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/16", "ipFamily": "ipv6"}}),
        ("enum value set", {"kubernetesNetworkConfig": {"ipFamily": "ipv5"}}),
        ("outpostConfig is not supported", {"outpostConfig": {"outpostArns": ["a"], "controlPlaneInstanceType": "m5"}}),
        ("bootstrapClusterCreatorAdminPermissions must be true", {"accessConfig": {"bootstrapClusterCreatorAdminPermissions": False}}),
        ("either fully enabled or fully disabled", {"computeConfig": {"enabled": True}}),
        ("encryptionConfig.resources", {"encryptionConfig": [{"resources": ["pods"], "provider": {"keyArn": "x"}}]}),
        ("KMS key", {"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "x"}}]}),
        ("eventTtl", {"kubeApiServerConfig": {"eventTtl": "1h30m"}}),
        ("private CIDR", {"remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["8.8.8.0/24"]}]}}),
        ("aws:", {"tags": {"aws:x": "y"}}),
        ("up to 50 tags", {"tags": {str(i): "" for i in range(51)}}),
    ],
)
def test_a_cluster_that_cannot_be(eks, text, members):
    arguments = {"name": unique(), "roleArn": ROLE, "resourcesVpcConfig": VPC} | members
    arguments = {name: value for name, value in arguments.items() if value is not None}
    fails("InvalidParameterException", eks.create_cluster, text, **arguments)


def test_describe_cluster(eks, cluster):
    shown = eks.describe_cluster(name=cluster)["cluster"]
    assert shown["name"] == cluster and shown["status"] == "ACTIVE"
    error = fails("ResourceNotFoundException", eks.describe_cluster, "No cluster found for name: none.", name="none")
    assert error["clusterName"] == "none"


def test_list_clusters(eks, cluster):
    other = new_cluster(eks)
    connected = unique("x")
    eks.register_cluster(name=connected, connectorConfig={"roleArn": ROLE, "provider": "OTHER"})
    pages = eks.get_paginator("list_clusters")
    own = names(pages.paginate(PaginationConfig={"PageSize": 1}), "clusters")
    assert {cluster, other} <= set(own) and connected not in own
    assert own == sorted(own)
    assert connected in names(pages.paginate(include=["all"]), "clusters")
    fails("InvalidParameterException", eks.list_clusters, "include", include=["ALL"])
    fails("InvalidParameterException", eks.list_clusters, "maxResults", maxResults=101)
    fails("InvalidParameterException", eks.list_clusters, "nextToken", nextToken="x")
    eks.deregister_cluster(name=connected)
    eks.delete_cluster(name=other)


def test_delete_cluster(eks):
    name = new_cluster(eks)
    profile = dict(clusterName=name, fargateProfileName="p")
    group = dict(clusterName=name, nodegroupName="n")
    eks.create_fargate_profile(**profile, podExecutionRoleArn=ROLE, selectors=[{"namespace": "default"}])
    fails("ResourceInUseException", eks.delete_cluster, f"cluster {name} currently has Fargate profile p in status ACTIVE", name=name)
    eks.create_nodegroup(**group, subnets=["subnet-1"], nodeRole=ROLE)
    error = fails("ResourceInUseException", eks.delete_cluster, "Cluster has nodegroups attached", name=name)
    assert (error["clusterName"], error["nodegroupName"]) == (name, "n")
    eks.delete_nodegroup(**group)
    eks.delete_fargate_profile(**profile)
    assert eks.delete_cluster(name=name)["cluster"]["status"] == "DELETING"
    fails("ResourceNotFoundException", eks.delete_cluster, f"No cluster found for name: {name}.", name=name)
    # Another one of the name has nothing of the first.
    new_cluster(eks, name)
    assert eks.list_updates(name=name)["updateIds"] == []
    eks.delete_cluster(name=name)


def test_waiters_of_clusters(eks):
    name = unique()
    eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig=VPC)
    eks.get_waiter("cluster_active").wait(name=name, WaiterConfig=AT_ONCE)
    eks.delete_cluster(name=name)
    eks.get_waiter("cluster_deleted").wait(name=name, WaiterConfig=AT_ONCE)


def updated(eks, cluster, kind, **members):
    """Updates a cluster; returns the parameters of the update, which is of the kind and successful."""
    update = eks.update_cluster_config(name=cluster, **members)["update"]
    assert (update["type"], update["status"]) == (kind, "InProgress")
    ended = eks.describe_update(name=cluster, updateId=update["id"])["update"]
    assert ended["status"] == "Successful"
    assert eks.describe_cluster(name=cluster)["cluster"]["status"] == "ACTIVE"
    return {param["type"]: param["value"] for param in ended["params"]}


def test_update_cluster_config(eks, cluster):
    params = updated(eks, cluster, "EndpointAccessUpdate", resourcesVpcConfig={"endpointPrivateAccess": True})
    assert params == {
        "EndpointPublicAccess": "true",
        "EndpointPrivateAccess": "true",
        "PublicAccessCidrs": '["0.0.0.0/0"]',
    }
    updated(eks, cluster, "VpcConfigUpdate", resourcesVpcConfig={"subnetIds": ["subnet-3", "subnet-4"]})
    updated(eks, cluster, "ControlPlaneEgressUpdate", resourcesVpcConfig={"controlPlaneEgressMode": "CUSTOMER_ROUTED"})
    logging = {"clusterLogging": [{"types": ["audit"], "enabled": True}]}
    updated(eks, cluster, "LoggingUpdate", logging=logging)
    updated(eks, cluster, "AccessConfigUpdate", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    updated(eks, cluster, "AccessConfigUpdate", accessConfig={"authenticationMode": "API"})
    updated(eks, cluster, "UpgradePolicyUpdate", upgradePolicy={"supportType": "STANDARD"})
    updated(eks, cluster, "ZonalShiftConfigUpdate", zonalShiftConfig={"enabled": True})
    on = dict(
        computeConfig={"enabled": True},
        storageConfig={"blockStorage": {"enabled": True}},
        kubernetesNetworkConfig={"elasticLoadBalancing": {"enabled": True}},
    )
    updated(eks, cluster, "AutoModeUpdate", **on)
    updated(eks, cluster, "RemoteNetworkConfigUpdate", remoteNetworkConfig={"remoteNodeNetworks": [{"cidrs": ["10.9.0.0/16"]}]})
    params = updated(eks, cluster, "ControlPlaneScalingConfigUpdate", controlPlaneScalingConfig={"tier": "tier-xl"})
    assert params == {"PreviousTier": "standard", "UpdatedTier": "tier-xl"}
    updated(eks, cluster, "ControlPlaneComponentConfigUpdate", kubeApiServerConfig={"eventTtl": "2h"})
    shown = eks.describe_cluster(name=cluster)["cluster"]
    assert shown["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert shown["resourcesVpcConfig"]["subnetIds"] == ["subnet-3", "subnet-4"]
    assert shown["logging"]["clusterLogging"][0] == {"types": ["audit"], "enabled": True}
    assert shown["accessConfig"]["authenticationMode"] == "API"
    assert shown["computeConfig"]["enabled"] is True
    update = eks.update_cluster_config
    for text, members in [
        ("The type for cluster update was not provided.", {}),
        ("Only one type of update can be allowed.", {"deletionProtection": True, "upgradePolicy": {"supportType": "EXTENDED"}}),
        ("No changes needed for the logging config provided", {"logging": logging}),
        ("already at the desired configuration", {"resourcesVpcConfig": {"endpointPublicAccess": True}}),
        ("Unsupported authentication mode update from API to CONFIG_MAP", {"accessConfig": {"authenticationMode": "CONFIG_MAP"}}),
        ("can not be changed", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/16"}}),
    ]:
        fails("InvalidParameterException", update, text, name=cluster, **members)
    fails("ResourceNotFoundException", update, name="none", deletionProtection=True)


def test_update_cluster_version(eks):
    name = new_cluster(eks, version="1.32")
    group = dict(clusterName=name, nodegroupName="n")
    eks.create_nodegroup(**group, subnets=["subnet-1"], nodeRole=ROLE)
    arguments = dict(name=name, version="1.33", clientRequestToken="v")
    update = eks.update_cluster_version(**arguments)["update"]
    assert update["type"] == "VersionUpdate"
    assert {"type": "Version", "value": "1.33"} in update["params"]
    assert eks.update_cluster_version(**arguments)["update"]["id"] == update["id"]
    assert eks.describe_cluster(name=name)["cluster"]["version"] == "1.33"
    up = eks.update_cluster_version
    fails("InvalidRequestException", up, "Nodegroups [n] must be updated", name=name, version="1.34")
    fails("InvalidParameterException", up, "unsupported Kubernetes version", name=name, version="1.99")
    fails("InvalidParameterException", up, "Unsupported Kubernetes minor version update from 1.33 to 1.32", name=name, version="1.32")
    fails("InvalidParameterException", up, "already at version 1.33", name=name, version="1.33")
    fails("InvalidParameterException", up, "clientRequestToken", **arguments | {"version": "1.34"})
    fails("ResourceNotFoundException", up, name="none", version="1.33")
    eks.delete_nodegroup(**group)
    eks.delete_cluster(name=name)


def test_associate_encryption_config(eks, cluster):
    config = [{"resources": ["secrets"], "provider": {"keyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"}}]
    associate = eks.associate_encryption_config
    fails("InvalidParameterException", associate, clusterName=cluster, encryptionConfig=[])
    update = associate(clusterName=cluster, encryptionConfig=config)["update"]
    assert update["type"] == "AssociateEncryptionConfig"
    assert eks.describe_cluster(name=cluster)["cluster"]["encryptionConfig"] == config
    fails("InvalidRequestException", associate, "already", clusterName=cluster, encryptionConfig=config)
    fails("ResourceNotFoundException", associate, clusterName="none", encryptionConfig=config)


def test_list_updates(eks, cluster):
    made = [
        eks.update_cluster_config(name=cluster, deletionProtection=on)["update"]["id"] for on in (True, False)
    ]
    pages = eks.get_paginator("list_updates").paginate(name=cluster, PaginationConfig={"PageSize": 1})
    assert names(pages, "updateIds") == sorted(made)
    assert eks.list_updates(name=cluster, nodegroupName="n")["updateIds"] == []
    fails("ResourceNotFoundException", eks.list_updates, name="none")
    fails("InvalidParameterException", eks.list_updates, name=cluster, nodegroupName="n", addonName="a")


def test_describe_update(eks, cluster):
    update = eks.update_cluster_config(name=cluster, zonalShiftConfig={"enabled": True})["update"]
    shown = eks.describe_update(name=cluster, updateId=update["id"])["update"]
    assert shown["status"] == "Successful" and shown["errors"] == []
    fails("ResourceNotFoundException", eks.describe_update, "No update found", name=cluster, updateId="none")
    fails("ResourceNotFoundException", eks.describe_update, name="none", updateId=update["id"])
    other = dict(name=cluster, updateId=update["id"], nodegroupName="n")
    fails("ResourceNotFoundException", eks.describe_update, **other)


def test_cancel_update(eks, cluster):
    update = eks.update_cluster_config(name=cluster, zonalShiftConfig={"enabled": True})["update"]
    fails("InvalidStateException", eks.cancel_update, "Successful", name=cluster, updateId=update["id"])
    fails("ResourceNotFoundException", eks.cancel_update, name=cluster, updateId="none")


def test_register_cluster(eks):
    name = unique("x")
    arguments = dict(name=name, connectorConfig={"roleArn": ROLE, "provider": "GKE"}, clientRequestToken="r-" + name)
    made = eks.register_cluster(**arguments)["cluster"]
    assert made["status"] == "PENDING"
    assert made["connectorConfig"]["provider"] == "GKE"
    assert made["connectorConfig"]["activationCode"]
    assert eks.register_cluster(**arguments)["cluster"] == made
    assert eks.describe_cluster(name=name)["cluster"]["connectorConfig"] == made["connectorConfig"]
    fails("ResourceInUseException", eks.register_cluster, f"Cluster already exists with name: {name}", **arguments | {"clientRequestToken": "o"})
    fails("InvalidParameterException", eks.register_cluster, name="b", connectorConfig={"provider": "GKE"})
    fails("InvalidRequestException", eks.delete_cluster, "DeregisterCluster", name=name)
    fails("InvalidRequestException", eks.update_cluster_config, name=name, deletionProtection=True)
    eks.deregister_cluster(name=name)


def test_deregister_cluster(eks, cluster):
    name = unique("x")
    eks.register_cluster(name=name, connectorConfig={"roleArn": ROLE, "provider": "AKS"})
    assert eks.deregister_cluster(name=name)["cluster"]["status"] == "DELETING"
    fails("ResourceNotFoundException", eks.deregister_cluster, name=name)
    fails("ResourceInUseException", eks.deregister_cluster, "not a connected cluster", name=cluster)


def test_describe_cluster_versions(eks):
    pages = eks.get_paginator("describe_cluster_versions")
    found = names(pages.paginate(PaginationConfig={"PageSize": 2}), "clusterVersions")
    assert [version["clusterVersion"] for version in found] == ["1.34", "1.33", "1.32", "1.31", "1.30"]
    default = eks.describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert [version["clusterVersion"] for version in default] == ["1.34"]
    named = eks.describe_cluster_versions(clusterVersions=["1.33", "1.30"])["clusterVersions"]
    assert [version["clusterVersion"] for version in named] == ["1.33", "1.30"]
    extended = eks.describe_cluster_versions(versionStatus="EXTENDED_SUPPORT")["clusterVersions"]
    assert {version["status"] for version in extended} == {"extended-support"}
    fails("InvalidParameterException", eks.describe_cluster_versions, versionStatus="OLD")
    fails("InvalidParameterException", eks.describe_cluster_versions, clusterType="other")


def test_tag_resource(eks, cluster):
    arn = eks.describe_cluster(name=cluster)["cluster"]["arn"]
    eks.tag_resource(resourceArn=arn, tags={"a": "1", "b": ""})
    eks.tag_resource(resourceArn=arn, tags={"a": "2"})
    assert eks.describe_cluster(name=cluster)["cluster"]["tags"] == {"a": "2", "b": ""}
    fails("NotFoundException", eks.tag_resource, resourceArn=arn + "x", tags={"a": "1"})
    fails("BadRequestException", eks.tag_resource, resourceArn="x", tags={"a": "1"})
    fails("BadRequestException", eks.tag_resource, resourceArn=arn, tags={"aws:a": "1"})
    fails("BadRequestException", eks.tag_resource, resourceArn=arn, tags={str(i): "" for i in range(49)})


def test_untag_resource(eks, cluster):
    arn = eks.describe_cluster(name=cluster)["cluster"]["arn"]
    eks.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2", "c": "3"})
    eks.untag_resource(resourceArn=arn, tagKeys=["a", "c", "x"])
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    fails("BadRequestException", eks.untag_resource, resourceArn=arn, tagKeys=[])
    fails("NotFoundException", eks.untag_resource, resourceArn=arn + "x", tagKeys=["a"])


def test_list_tags_for_resource(eks, cluster):
    arn = eks.describe_cluster(name=cluster)["cluster"]["arn"]
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    group = eks.create_nodegroup(
        clusterName=cluster, nodegroupName="n", subnets=["subnet-1"], nodeRole=ROLE, tags={"x": "y"}
    )["nodegroup"]
    assert eks.list_tags_for_resource(resourceArn=group["nodegroupArn"])["tags"] == {"x": "y"}
    fails("NotFoundException", eks.list_tags_for_resource, resourceArn=arn + "x")
    fails("BadRequestException", eks.list_tags_for_resource, resourceArn="arn:aws:ecr:r:a:x/y")
