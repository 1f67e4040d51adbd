"""With `--auth=strict`: what the policies of users permit. See `policies` in `tests/it/clients/eks.rs`."""

from conftest import ACCOUNT, REGION, ROLE, VPC, client, fails, new_cluster


def test_policies_name_clusters_and_what_is_in_them(eks):
    limited = client(key="AKIDLIMITED", secret="limited")
    arn = f"arn:aws:eks:{REGION}:{ACCOUNT}"
    other = dict(name="other", roleArn=ROLE, resourcesVpcConfig=VPC)
    fails("AccessDeniedException", limited.create_cluster, f"eks:CreateCluster on resource: {arn}:cluster/other", **other)
    fails("AccessDeniedException", limited.list_clusters, f"{arn}:cluster/*")
    new_cluster(limited, "team-a")
    for name in ("free", "kept"):
        limited.create_nodegroup(clusterName="team-a", nodegroupName=name, subnets=["subnet-1"], nodeRole=ROLE)
        limited.describe_nodegroup(clusterName="team-a", nodegroupName=name)
    limited.delete_nodegroup(clusterName="team-a", nodegroupName="free")
    fails("AccessDeniedException", limited.delete_nodegroup, "nodegroup/team-a/kept/", clusterName="team-a", nodegroupName="kept")
    profile = dict(clusterName="team-a", fargateProfileName="p")
    fails("AccessDeniedException", limited.describe_fargate_profile, "fargateprofile/team-a/p", **profile)
    new_cluster(eks, "other")
    fails("AccessDeniedException", limited.describe_cluster, name="other")
    eks.tag_resource(resourceArn=f"{arn}:cluster/other", tags={"shown": "yes"})
    assert limited.describe_cluster(name="other")["cluster"]["name"] == "other"
    fails("AccessDeniedException", limited.tag_resource, resourceArn=f"{arn}:cluster/other", tags={"a": "b"})


def test_a_wrong_signature_is_refused():
    fails_with = client(key="test", secret="wrong").list_clusters
    try:
        fails_with()
    except Exception as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert error.response["Error"]["Code"] == "InvalidSignatureException"
    else:
        raise AssertionError("it was answered")
