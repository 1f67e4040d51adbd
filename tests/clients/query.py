"""What the tests of the query protocols share: clients, and a look at every answer's XML."""

import base64
import os
import time
import uuid
import xml.etree.ElementTree as ElementTree

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
ACCOUNT = os.environ.get("WHARF_ACCOUNT", "000000000000")
REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")

# The validation of the client is off: the server's is under test.
SETTINGS = Config(parameter_validation=False, retries={"max_attempts": 1})


def local(element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def compare(shape, element, path: str) -> None:
    """Demands that an element has the members and types of its shape and nothing else."""
    kind = shape.type_name
    if kind == "structure":
        wire = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        there = set()
        for child in element:
            assert local(child) in wire, f"{path}.{local(child)} is not in the model"
            assert local(child) not in there, f"{path}.{local(child)} is there twice"
            there.add(local(child))
            name, member = wire[local(child)]
            compare(member, child, f"{path}.{name}")
        for name in shape.required_members:
            member = shape.members[name]
            assert member.serialization.get("name", name) in there, f"{path}.{name} is missing"
    elif kind == "list":
        item = shape.member.serialization.get("name", "member")
        for child in element:
            assert local(child) == item, f"{path} has {local(child)}, not {item}"
            compare(shape.member, child, f"{path}[]")
    else:
        assert len(element) == 0, f"{path} has elements"
        text = element.text or ""
        if kind == "boolean":
            assert text in ("true", "false"), f"{path} is {text!r}"
        elif kind in ("integer", "long"):
            int(text)
        elif kind in ("float", "double"):
            float(text)
        elif kind == "timestamp":
            assert text.endswith("Z") and text[10] == "T", f"{path} is {text!r}"
        elif getattr(shape, "enum", None) and text:
            assert text in shape.enum, f"{path} is {text!r}, not one of {shape.enum}"


def look(operation_model, response_dict, **_):
    if response_dict["status_code"] != 200:
        return
    root = ElementTree.fromstring(response_dict["body"])
    name = operation_model.name
    assert local(root) == f"{name}Response"
    if operation_model.service_model.metadata["protocol"] == "ec2":
        assert local(root[0]) == "requestId"
        rest = ElementTree.Element(name)
        rest.extend(root[1:])
    else:
        assert local(root[-1]) == "ResponseMetadata"
        rest = root.find(f"{{*}}{name}Result")
    shape = operation_model.output_shape
    if shape is None:
        # EC2 says only that it did so, which is not in its model.
        there = [] if rest is None else [local(child) for child in rest]
        assert there in ([], ["return"]), f"{name} has no output, but {there}"
    elif rest is not None:
        compare(shape, rest, name)


def client(service: str, region: str = REGION):
    made = boto3.client(
        service,
        endpoint_url=ENDPOINT,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name=region,
        config=SETTINGS,
    )
    made.meta.events.register(f"before-parse.{service}", look)
    return made


def fails(code: str, call, text: str = "", status: int = 400, **arguments):
    """Demands the error `code` whose message contains `text`."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    assert error["Code"] == code, error
    assert text in error["Message"], error
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status, error
    return raised.value.response


def eventually(check):
    """The first true answer of a question that is asked again and again."""
    for _ in range(300):
        answer = check()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError("it does not come about")


def pages(call, member: str, size: str, number: int, token: str = "NextToken", **arguments):
    """All items of a list, and how many pages it had."""
    found, count = [], 0
    while True:
        answer = call(**{size: number}, **arguments)
        assert len(answer[member]) <= number
        found += answer[member]
        count += 1
        if not answer.get(token):
            return found, count
        arguments["NextToken"] = answer[token]


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
