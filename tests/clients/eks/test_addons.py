"""Add-ons."""

import json

import pytest

from conftest import ACCOUNT, REGION, fails, names, new_cluster, unique

ROLE = f"arn:aws:iam::{ACCOUNT}:role/addons"


@pytest.fixture
def made(eks, cluster):
    yield cluster
    for name in eks.list_addons(clusterName=cluster)["addons"]:
        eks.delete_addon(clusterName=cluster, addonName=name)


def test_create_addon(eks, made):
    addon = eks.create_addon(clusterName=made, addonName="vpc-cni", tags={"a": "b"})["addon"]
    assert addon["status"] == "CREATING"
    assert addon["addonVersion"].startswith("v1.20")
    assert addon["addonArn"].startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:addon/{made}/vpc-cni/")
    assert (addon["owner"], addon["publisher"]) == ("aws", "eks")
    assert addon["tags"] == {"a": "b"} and addon["health"] == {"issues": []}
    assert eks.list_tags_for_resource(resourceArn=addon["addonArn"])["tags"] == {"a": "b"}
    create = eks.create_addon
    fails("ResourceInUseException", create, "Addon already exists.", clusterName=made, addonName="vpc-cni")
    wrong = {"clusterName": made, "addonName": "coredns"}
    text = "Addon version specified is not supported"
    fails("InvalidParameterException", create, text, **wrong, addonVersion="v0.0.1-eksbuild.1")
    fails("InvalidParameterException", create, "x specified is not supported", clusterName=made, addonName="x")
    for members in (
        {"serviceAccountRoleArn": "role"},
        {"configurationValues": "[]"},
        {"configurationValues": json.dumps({"replicas": 1})},
        {"configurationValues": "replicas: 1"},
        {"configurationValues": json.dumps({"replicaCount": "1"})},
        {"namespaceConfig": {"namespace": "other"}},
        {"podIdentityAssociations": [{"serviceAccount": "x", "roleArn": ROLE}]},
        {"tags": {"aws:x": "y"}},
    ):
        fails("InvalidParameterException", create, **wrong, **members)
    fails("ResourceNotFoundException", create, "No cluster found for name: none.", clusterName="none", addonName="coredns")
    # The same request again is answered the same; another with its token is none.
    token = {"clientRequestToken": unique("t")}
    first = create(**wrong, **token, configurationValues="replicaCount: 3\n")["addon"]
    assert create(**wrong, **token, configurationValues="replicaCount: 3\n")["addon"]["addonArn"] == first["addonArn"]
    fails("InvalidParameterException", create, "clientRequestToken", **wrong, **token)
    moved = create(clusterName=made, addonName="cert-manager", namespaceConfig={"namespace": "certs"})["addon"]
    assert moved["namespaceConfig"] == {"namespace": "certs"}


def test_an_add_on_owns_its_pod_identity_associations(eks, made):
    identity = {"serviceAccount": "aws-node", "roleArn": ROLE}
    addon = eks.create_addon(clusterName=made, addonName="vpc-cni", podIdentityAssociations=[identity])["addon"]
    [arn] = addon["podIdentityAssociations"]
    [found] = eks.list_pod_identity_associations(clusterName=made)["associations"]
    assert found["associationArn"] == arn and found["ownerArn"] == addon["addonArn"]
    assert (found["namespace"], found["serviceAccount"]) == ("kube-system", "aws-node")
    own = {"clusterName": made, "associationId": found["associationId"]}
    fails("InvalidRequestException", eks.delete_pod_identity_association, "owned", **own)
    eks.update_addon(clusterName=made, addonName="vpc-cni", podIdentityAssociations=[])
    assert eks.list_pod_identity_associations(clusterName=made)["associations"] == []
    eks.update_addon(clusterName=made, addonName="vpc-cni", podIdentityAssociations=[identity])
    # Preserved, they belong to nobody; else they go.
    eks.delete_addon(clusterName=made, addonName="vpc-cni", preserve=True)
    [found] = eks.list_pod_identity_associations(clusterName=made)["associations"]
    assert "ownerArn" not in found
    exists = {"podIdentityAssociations": [identity]}
    fails("ResourceInUseException", eks.create_addon, found["associationId"], clusterName=made, addonName="vpc-cni", **exists)
    eks.delete_pod_identity_association(clusterName=made, associationId=found["associationId"])
    eks.create_addon(clusterName=made, addonName="vpc-cni", podIdentityAssociations=[identity])
    eks.delete_addon(clusterName=made, addonName="vpc-cni")
    assert eks.list_pod_identity_associations(clusterName=made)["associations"] == []


def test_describe_addon(eks, made):
    values = json.dumps({"replicaCount": 3})
    eks.create_addon(clusterName=made, addonName="coredns", configurationValues=values, serviceAccountRoleArn=ROLE)
    eks.get_waiter("addon_active").wait(clusterName=made, addonName="coredns")
    addon = eks.describe_addon(clusterName=made, addonName="coredns")["addon"]
    assert addon["status"] == "ACTIVE"
    assert addon["configurationValues"] == values and addon["serviceAccountRoleArn"] == ROLE
    missing = f"No addon: none found in cluster: {made}"
    error = fails("ResourceNotFoundException", eks.describe_addon, missing, clusterName=made, addonName="none")
    assert (error["clusterName"], error["addonName"]) == (made, "none")
    fails("ResourceNotFoundException", eks.describe_addon, clusterName="none", addonName="coredns")


def test_list_addons(eks, made):
    for name in ("coredns", "kube-proxy", "vpc-cni"):
        eks.create_addon(clusterName=made, addonName=name)
    pages = eks.get_paginator("list_addons").paginate(clusterName=made, PaginationConfig={"PageSize": 2})
    assert names(pages, "addons") == ["coredns", "kube-proxy", "vpc-cni"]
    for wrong in ({"maxResults": 0}, {"maxResults": 101}, {"nextToken": "x"}):
        fails("InvalidParameterException", eks.list_addons, clusterName=made, **wrong)
    fails("ResourceNotFoundException", eks.list_addons, clusterName="none")


def test_update_addon(eks, made):
    eks.create_addon(clusterName=made, addonName="coredns", addonVersion="v1.12.3-eksbuild.1")
    change = {"addonVersion": "v1.12.4-eksbuild.1", "resolveConflicts": "PRESERVE", "clientRequestToken": unique("t")}
    update = eks.update_addon(clusterName=made, addonName="coredns", **change)["update"]
    assert (update["type"], update["status"]) == ("AddonUpdate", "InProgress")
    params = {param["type"]: param["value"] for param in update["params"]}
    assert params == {"AddonVersion": "v1.12.4-eksbuild.1", "ResolveConflicts": "PRESERVE"}
    assert eks.update_addon(clusterName=made, addonName="coredns", **change)["update"]["id"] == update["id"]
    done = eks.describe_update(name=made, updateId=update["id"], addonName="coredns")["update"]
    assert done["status"] == "Successful"
    addon = eks.describe_addon(clusterName=made, addonName="coredns")["addon"]
    assert (addon["addonVersion"], addon["status"]) == ("v1.12.4-eksbuild.1", "ACTIVE")
    assert addon["modifiedAt"] >= addon["createdAt"]
    fails("InvalidParameterException", eks.update_addon, clusterName=made, addonName="coredns", addonVersion="v1")
    fails("InvalidParameterException", eks.update_addon, clusterName=made, addonName="coredns", configurationValues="{")
    fails("ResourceNotFoundException", eks.update_addon, "No addon", clusterName=made, addonName="vpc-cni")
    fails("ResourceNotFoundException", eks.update_addon, clusterName="none", addonName="coredns")


def test_delete_addon(eks, made):
    eks.create_addon(clusterName=made, addonName="coredns")
    assert eks.delete_addon(clusterName=made, addonName="coredns")["addon"]["status"] == "DELETING"
    eks.get_waiter("addon_deleted").wait(clusterName=made, addonName="coredns")
    fails("ResourceNotFoundException", eks.delete_addon, "No addon: coredns", clusterName=made, addonName="coredns")


def test_add_ons_go_with_their_cluster(eks):
    cluster = new_cluster(eks)
    eks.create_addon(clusterName=cluster, addonName="coredns")
    eks.delete_cluster(name=cluster)
    new_cluster(eks, cluster)
    assert eks.list_addons(clusterName=cluster)["addons"] == []
    eks.delete_cluster(name=cluster)


def test_describe_addon_versions(eks):
    pages = eks.get_paginator("describe_addon_versions").paginate(PaginationConfig={"PageSize": 5})
    addons = {addon["addonName"]: addon for addon in names(pages, "addons")}
    expected = {"vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "eks-pod-identity-agent", "metrics-server"}
    assert expected < set(addons)
    assert addons["vpc-cni"]["type"] == "networking"
    versions = eks.describe_cluster_versions()["clusterVersions"]
    for version in (found["clusterVersion"] for found in versions):
        for addon in eks.describe_addon_versions(kubernetesVersion=version)["addons"]:
            compatibilities = [c for v in addon["addonVersions"] for c in v["compatibilities"]]
            assert {c["clusterVersion"] for c in compatibilities} == {version}
            assert [c["defaultVersion"] for c in compatibilities].count(True) == 1, addon["addonName"]
    [only] = eks.describe_addon_versions(addonName="kube-proxy", kubernetesVersion="1.34")["addons"]
    assert only["addonVersions"][0]["addonVersion"].startswith("v1.34.")
    community = eks.describe_addon_versions(owners=["community"])["addons"]
    assert community and {addon["owner"] for addon in community} == {"community"}
    assert {a["type"] for a in eks.describe_addon_versions(types=["storage"], publishers=["eks"])["addons"]} == {"storage"}
    fails("InvalidParameterException", eks.describe_addon_versions, addonName="none")
    fails("InvalidParameterException", eks.describe_addon_versions, kubernetesVersion="2.0")


def test_describe_addon_configuration(eks):
    configuration = eks.describe_addon_configuration(addonName="vpc-cni", addonVersion="v1.20.4-eksbuild.2")
    schema = json.loads(configuration["configurationSchema"])
    assert schema["properties"]["env"]["additionalProperties"] == {"type": "string"}
    policy = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
    identity = {"serviceAccount": "aws-node", "recommendedManagedPolicies": [policy]}
    assert configuration["podIdentityConfiguration"] == [identity]
    describe = eks.describe_addon_configuration
    fails("InvalidParameterException", describe, addonName="vpc-cni", addonVersion="v1")
    fails("InvalidParameterException", describe, addonName="none", addonVersion="v1")
