"""What the tests of EKS's operations share: clients, clusters, and a look at every answer.

Each operation has a test `test_<its name in snake case>` in a file of this folder, which shows its
success and the errors that can occur. `cargo test` starts a server for each file.
"""

import importlib.util
import os
import pathlib
import uuid

import pytest
from botocore.exceptions import ClientError

# The look at answers is that of ECR's tests.
path = pathlib.Path(__file__).parent.parent / "ecr" / "conftest.py"
spec = importlib.util.spec_from_file_location("ecr_conftest", path)
ecr_conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ecr_conftest)

ENDPOINT, ACCOUNT, REGION = ecr_conftest.ENDPOINT, ecr_conftest.ACCOUNT, ecr_conftest.REGION
ROLE = f"arn:aws:iam::{ACCOUNT}:role/eks"
SUBNETS = ["subnet-1", "subnet-2"]
VPC = {"subnetIds": SUBNETS}

STATUS = {
    "AccessDeniedException": 403,
    "NotFoundException": 404,
    "ResourceInUseException": 409,
    "ResourceNotFoundException": 404,
    "UnrecognizedClientException": 403,
}


def client(service: str = "eks", **arguments):
    return ecr_conftest.client(service, **arguments)


def fails(code: str, call, text: str = "", **arguments):
    """Demands the error `code` with its status, whose message contains `text`; returns the answer.

    AWS answers ResourceNotFoundException of operations too whose models do not have it.
    """
    operation = call.__self__.meta.method_to_api_mapping[call.__name__]
    modelled = call.__self__.meta.service_model.operation_model(operation).error_shapes
    common = ("SerializationException", "AccessDeniedException", "ResourceNotFoundException")
    assert code in common or code in [shape.name for shape in modelled], f"{operation} has no {code}"
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    assert error["Code"] == code, error
    assert text in error["Message"], error
    status = raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == STATUS.get(code, 400), (status, error)
    return raised.value.response


# A waiter asks at once and then sleeps for half a minute: nobody has to sleep.
AT_ONCE = {"MaxAttempts": 1}


def unique(prefix: str = "c") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def new_cluster(eks, name: str | None = None, **members) -> str:
    """Makes a cluster that is active; returns its name."""
    name = name or unique()
    arguments = {"roleArn": ROLE, "resourcesVpcConfig": VPC} | members
    eks.create_cluster(name=name, **arguments)
    assert eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE"
    return name


def names(pages, member: str) -> list[str]:
    """All that the pages of a list have."""
    return [name for page in pages for name in page[member]]


@pytest.fixture(scope="session")
def eks():
    return client()


@pytest.fixture
def cluster(eks):
    """A cluster of the test's own, which is active; it and what is in it is deleted afterwards."""
    name = new_cluster(eks)
    yield name
    for nodegroup in eks.list_nodegroups(clusterName=name)["nodegroups"]:
        eks.delete_nodegroup(clusterName=name, nodegroupName=nodegroup)
    for profile in eks.list_fargate_profiles(clusterName=name)["fargateProfileNames"]:
        eks.delete_fargate_profile(clusterName=name, fargateProfileName=profile)
    eks.delete_cluster(name=name)
