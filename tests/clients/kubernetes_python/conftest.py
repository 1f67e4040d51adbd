"""What the tests of the official Python client share: a cluster, and the kubeconfig that the AWS CLI writes.

`cargo test` starts a server for each file. Every test has a namespace of its own.
"""

import json
import pathlib
import sys
import uuid

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

# A home of its own for the AWS CLI, and patience, are those of kubectl's tests.
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "kubectl"))
from tools import ACCOUNT, REGION, Shell, until  # noqa: E402

ROLE = f"arn:aws:iam::{ACCOUNT}:role"
CLUSTER = "python"


class Cluster:
    """A cluster, and clients of it with the user's own kubeconfig."""

    def __init__(self, shell):
        self.shell = shell

    def api(self, **settings):
        """A client of its own, which asks `aws eks get-token` for its token."""
        return config.new_client_from_config(config_file=self.shell.kubeconfig, **settings)


@pytest.fixture(scope="session")
def cluster():
    # The client runs the command of the kubeconfig in the environment of this process.
    shell = Shell()
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", shell.home)
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    shell.aws(
        "eks", "create-cluster", "--name", CLUSTER, "--role-arn", f"{ROLE}/eks",
        "--resources-vpc-config", "subnetIds=subnet-1,subnet-2",
    )
    shell.aws("eks", "wait", "cluster-active", "--name", CLUSTER)
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER, "--kubeconfig", shell.kubeconfig)
    yield Cluster(shell)
    patch.undo()


@pytest.fixture(scope="session")
def nodes(cluster):
    """Two machines that are ready."""
    cluster.shell.aws(
        "eks", "create-nodegroup", "--cluster-name", CLUSTER, "--nodegroup-name", "two",
        "--node-role", f"{ROLE}/nodes", "--subnets", "subnet-1", "subnet-2",
        "--instance-types", "t3.medium", "--scaling-config", "minSize=2,maxSize=2,desiredSize=2",
    )
    core = client.CoreV1Api(cluster.api())

    def ready():
        items = core.list_node().items
        conditions = [c for node in items for c in node.status.conditions if c.type == "Ready"]
        return items if [c.status for c in conditions] == ["True"] * 2 else None

    return until("two nodes are ready", ready)


@pytest.fixture(scope="session")
def api(cluster):
    return cluster.api()


@pytest.fixture(scope="session")
def core(api):
    return client.CoreV1Api(api)


@pytest.fixture
def namespace(core):
    name = f"t-{uuid.uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": name}})
    # Pods need the account that a controller makes.
    until("it has an account", lambda: core.list_namespaced_service_account(name).items)
    yield name
    core.delete_namespace(name)


def fails(status, reason, call, *arguments, text="", **settings):
    """Demands an error with its `Status`, whose message contains `text`; returns the `Status`."""
    with pytest.raises(ApiException) as raised:
        call(*arguments, **settings)
    body = raised.value.body
    body = json.loads(body.decode() if isinstance(body, bytes) else body)
    assert (raised.value.status, body["code"], body["reason"]) == (status, status, reason), body
    assert (body["kind"], body["apiVersion"], body["status"]) == ("Status", "v1", "Failure")
    assert text in body["message"], body
    return body


def config_map(name, labels=None, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data=data or None)


def pod(name, labels=None, **spec):
    container = client.V1Container(name="main", image="nginx")
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        spec=client.V1PodSpec(containers=[container], **spec),
    )
