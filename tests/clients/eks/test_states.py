"""States that last, with `--transition-delay`: nothing becomes active or goes during this test."""

from conftest import ROLE, VPC, fails


def test_what_is_being_made_can_have_nothing_in_it(eks):
    eks.create_cluster(name="c", roleArn=ROLE, resourcesVpcConfig=VPC)
    assert eks.describe_cluster(name="c")["cluster"]["status"] == "CREATING"
    text = "Cluster 'c' is not in ACTIVE status"
    fails("InvalidRequestException", eks.create_nodegroup, text,
          clusterName="c", nodegroupName="n", subnets=["subnet-1"], nodeRole=ROLE)
    fails("InvalidRequestException", eks.create_fargate_profile, text,
          clusterName="c", fargateProfileName="p", podExecutionRoleArn=ROLE, selectors=[{"namespace": "a"}])
    fails("InvalidRequestException", eks.update_cluster_config, text, name="c", deletionProtection=True)
    assert eks.delete_cluster(name="c")["cluster"]["status"] == "DELETING"
    assert eks.describe_cluster(name="c")["cluster"]["status"] == "DELETING"
    assert eks.delete_cluster(name="c")["cluster"]["status"] == "DELETING"
