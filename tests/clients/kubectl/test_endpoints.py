"""With `--cluster-endpoint path`: clusters below the main port, and the alias that there always is."""

import os

import pytest
from api import Api, eks
from tools import ACCOUNT, Shell

CLUSTER = "paths"


@pytest.fixture(scope="module")
def shell():
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    eks().create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    shell = Shell()
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER)
    return shell


def test_kubectl_speaks_to_a_path(shell):
    endpoint = eks().describe_cluster(name=CLUSTER)["cluster"]["endpoint"]
    port = os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
    assert endpoint.startswith(f"https://localhost:{port}/k8s/")
    assert "default" in shell.kubectl("get", "namespaces")
    shell.kubectl("create", "configmap", "a", "--from-literal=a=b")
    shell.kubectl("apply", "-f", "-", stdin="{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}")
    assert "Server Version" in shell.kubectl("version")
    shell.kubectl("delete", "configmap", "a")
    assert "NotFound" in shell.fails("kubectl", "get", "configmap", "a")


def test_strangers_get_nothing_there_either(shell):
    api = Api(CLUSTER, "")
    assert api.ask("GET", "/api/v1/namespaces").expect(401)
    assert api.ask("GET", "/healthz").status == 200
    # No certificate is asked for on the main port, and no other cluster is there.
    api.endpoint = api.endpoint.rsplit("/", 1)[0] + "/00000000-0000-0000-0000-000000000000"
    assert api.ask("GET", "/api/v1/namespaces").status == 404


def test_an_authority_more_changes_nothing(shell):
    """Who trusts the endpoint goes on doing so while the cluster's authority is rotated."""
    made = eks().create_certificate_authority(clusterName=CLUSTER)
    assert made["certificateAuthority"]["id"]
    shell.kubectl("get", "namespaces")
    again = Shell()
    again.aws("eks", "update-kubeconfig", "--name", CLUSTER)
    assert "default" in again.kubectl("get", "namespaces")
