"""What the tests of ECR's operations share: clients, pushes, and a look at every answer.

Each operation has a test `test_<its name in snake case>` in a file of this folder, which shows its
success and the errors that its model has. `cargo test` starts a server for each file.
"""

import base64
import hashlib
import json
import os
import re
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
ACCOUNT = os.environ.get("WHARF_ACCOUNT", "000000000000")
REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

# The validation of the client is off: the server's is under test.
SETTINGS = Config(parameter_validation=False, retries={"max_attempts": 1})


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def compare(shape, value, path: str) -> None:
    """Demands that an answer has the members and types of its shape and nothing else."""
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), f"{path} is {value!r}"
        for name in shape.required_members:
            assert name in value, f"{path}.{name} is missing"
        for name, member in value.items():
            assert name in shape.members, f"{path}.{name} is not in the model"
            assert member is not None, f"{path}.{name} is null"
            compare(shape.members[name], member, f"{path}.{name}")
    elif kind == "list":
        assert isinstance(value, list), f"{path} is {value!r}"
        for member in value:
            compare(shape.member, member, f"{path}[]")
    elif kind == "map":
        assert isinstance(value, dict), f"{path} is {value!r}"
        for member in value.values():
            compare(shape.value, member, f"{path}{{}}")
    elif kind == "timestamp":
        assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{path} is {value!r}"
        # AWS says 0 of what has never been.
        never = value == 0 and path.endswith(".lastEvaluatedAt")
        assert never or 1e9 < value < 1e10, f"{path} is not in seconds: {value}"
    elif kind == "boolean":
        assert isinstance(value, bool), f"{path} is {value!r}"
    elif kind in ("integer", "long"):
        assert isinstance(value, int) and not isinstance(value, bool), f"{path} is {value!r}"
    elif kind in ("float", "double"):
        assert isinstance(value, (int, float)), f"{path} is {value!r}"
    else:
        assert isinstance(value, str), f"{path} is {value!r}"
        if getattr(shape, "enum", None):
            assert value in shape.enum, f"{path} is {value!r}, not one of {shape.enum}"


def look(operation_model, response_dict, **_):
    if response_dict["status_code"] == 200:
        shape = operation_model.output_shape
        if shape is not None:
            compare(shape, json.loads(response_dict["body"]), operation_model.name)


def client(service: str = "ecr", key: str = "test", secret: str = "test", region: str = REGION):
    made = boto3.client(
        service,
        endpoint_url=ENDPOINT,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name=region,
        config=SETTINGS,
    )
    made.meta.events.register(f"before-parse.{service}", look)
    return made


def fails(code: str, call, text: str = "", **arguments):
    """Demands the error `code` whose message contains `text`, and that the model has it."""
    operation = call.__self__.meta.method_to_api_mapping[call.__name__]
    modelled = call.__self__.meta.service_model.operation_model(operation).error_shapes
    common = ("SerializationException", "AccessDeniedException")
    assert code in common or code in [shape.name for shape in modelled], f"{operation} has no {code}"
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    assert error["Code"] == code, error
    assert text in error["Message"], error
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
    return raised.value.response


def mistyped(call, member: str, **arguments):
    """Demands a SerializationException that names `member`. The arguments are sent as they are: the
    client itself would turn a text into a list of letters."""
    operation = call.__self__.meta.method_to_api_mapping[call.__name__]
    events, event = call.__self__.meta.events, f"before-call.*.{operation}"

    def send(params, **_):
        params["body"] = json.dumps(arguments, default=lambda blob: base64.b64encode(blob).decode()).encode()

    events.register(event, send, unique_id="mistyped")
    try:
        return fails("SerializationException", call, member)
    finally:
        events.unregister(event, unique_id="mistyped")


class Docker:
    """What docker does: pushes and pulls by the registry API."""

    def __init__(self, ecr, base: str = ENDPOINT, host: str | None = None):
        data = ecr.get_authorization_token()["authorizationData"][0]
        self.base = base
        self.headers = {"Authorization": f"Basic {data['authorizationToken']}"}
        if host:
            self.headers["Host"] = host

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str):
        """The status, headers and body of an answer, whatever it is."""
        url = path if path.startswith("http") else f"{self.base}{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, body, self.headers | named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def push_blob(self, repository: str, content: bytes) -> dict:
        status, headers, body = self.call("POST", f"/v2/{repository}/blobs/uploads/", b"")
        assert status == 202, (status, body)
        location = headers["Location"]
        join = "&" if "?" in location else "?"
        octets = {"Content_Type": "application/octet-stream"}
        status, _, body = self.call("PUT", f"{location}{join}digest={digest(content)}", content, **octets)
        assert status == 201, (status, body)
        return {"digest": digest(content), "size": len(content)}

    def push_manifest(self, repository: str, reference: str, manifest: dict):
        body = json.dumps(manifest).encode()
        status, _, answer = self.call(
            "PUT", f"/v2/{repository}/manifests/{reference}", body, Content_Type=manifest["mediaType"]
        )
        return status, digest(body), answer

    def push(self, repository: str, tag: str | None = None, seed: str | None = None, **members) -> str:
        """Pushes an image of one layer, which is small and its own; returns its digest."""
        seed = seed or str(uuid.uuid4())
        config = json.dumps({"architecture": "amd64", "os": "linux", "seed": seed}).encode()
        layer = f"layer {seed}".encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **self.push_blob(repository, config)},
            "layers": [{"mediaType": LAYER, **self.push_blob(repository, layer)}],
            **members,
        }
        reference = tag or digest(json.dumps(manifest).encode())
        status, pushed, answer = self.push_manifest(repository, reference, manifest)
        assert status == 201, (status, answer)
        return pushed

    def pull(self, repository: str, reference: str):
        return self.call("GET", f"/v2/{repository}/manifests/{reference}", Accept="*/*")


@pytest.fixture(scope="session")
def ecr():
    return client()


@pytest.fixture(scope="session")
def docker(ecr):
    return Docker(ecr)


@pytest.fixture
def repository(ecr, request):
    """A repository of the test's own, deleted after it."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-") + "-" + uuid.uuid4().hex[:8]
    ecr.create_repository(repositoryName=name)
    yield name
    try:
        ecr.delete_repository(repositoryName=name, force=True)
    except ecr.exceptions.RepositoryNotFoundException:
        pass
