#!/usr/bin/env python3
"""Compares what the server knows of AWS's services with AWS's own model, as botocore has it.

Reads from a file or standard input what `cargo run -p wharf-aws --example inputs` prints. Prints a line for
each difference, and exits 1 if there is any: an operation that AWS has and the server does not know,
a member of an input that an operation does not read, one that AWS does not have, another type.
"""

import json
import sys

import botocore.session

# What is different on purpose: lines as this script prints them.
DELIBERATE: set[str] = set()

# Several of the model's types are one type on the wire.
WIRE = {
    "character": "string",
    "integer": "integer",
    "long": "integer",
    "float": "double",
    "double": "double",
    "timestamp": "double",
}


# Services of which the server does not know every operation.
PARTLY_KNOWN = {"ec2"}


def wire_name(shape, name: str, protocol: str) -> str:
    """What a member is called in a request: EC2's protocol has rules of its own."""
    if protocol != "ec2":
        return name
    serialization = shape.members[name].serialization
    if "queryName" in serialization:
        return serialization["queryName"]
    named = serialization.get("name", name)
    return named[0].upper() + named[1:]


def compare(shape, ours, path: str, protocol: str):
    """The differences of a shape of the model and one of the server."""
    if "error" in ours:
        yield f"{path}: {ours['error']}"
        return
    if ours["type"] == "any":
        # It is kept, and shown again, as it came.
        return
    kind = WIRE.get(shape.type_name, shape.type_name)
    if ours["type"] != kind:
        yield f"{path}: AWS has a {kind}, the server a {ours['type']}"
        return
    if kind == "structure":
        theirs = {wire_name(shape, name, protocol): member for name, member in shape.members.items()}
        members = ours["members"]
        for name in sorted(set(theirs) | set(members)):
            if name not in members:
                yield f"{path}.{name}: the server does not read this member"
            elif name not in theirs:
                yield f"{path}.{name}: AWS does not have this member"
            else:
                yield from compare(theirs[name], members[name], f"{path}.{name}", protocol)
    elif kind == "list":
        yield from compare(shape.member, ours["member"], f"{path}[]", protocol)
    elif kind == "map":
        yield from compare(shape.value, ours["value"], f"{path}{{}}", protocol)
    elif "enum" in ours and sorted(shape.enum) != sorted(ours["enum"]):
        yield f"{path}: AWS has {sorted(shape.enum)}, the server {sorted(ours['enum'])}"


def routes(service: str, model, ours: dict):
    """The differences of where operations are reached."""
    for name, (method, path) in ours.items():
        if name not in model.operation_names:
            continue
        operation = model.operation_model(name)
        theirs, places = operation.http["requestUri"], {}
        for member, shape in operation.input_shape.members.items() if operation.input_shape else ():
            place = shape.serialization.get("location", "body")
            if place == "uri":
                theirs = theirs.replace("{%s}" % shape.serialization["name"], "{%s}" % member)
            else:
                places[member] = place
        if (method, path) != (operation.http["method"], theirs):
            yield f"{service}:{name}: AWS has {operation.http['method']} {theirs}, the server {method} {path}"
        wanted = "querystring" if method in ("GET", "DELETE") else "body"
        for member, place in places.items():
            if place != wanted:
                yield f"{service}:{name}.{member}: AWS has it in the {place}, the server in the {wanted}"


def differences(services: dict):
    session = botocore.session.get_session()
    for service, about in services.items():
        model = session.get_service_model(service)
        theirs, known = set(model.operation_names), set(about["known"])
        for name in sorted(theirs - known if service not in PARTLY_KNOWN else ()):
            yield f"{service}:{name}: the server does not know this operation"
        for name in sorted(known - theirs):
            yield f"{service}:{name}: AWS does not have this operation"
        yield from routes(service, model, about.get("routes", {}))
        for name, ours in about["inputs"].items():
            if name not in theirs:
                continue
            shape = model.operation_model(name).input_shape
            if shape is None:
                extra = ours.get("members")
                if extra:
                    yield f"{service}:{name}: AWS has no input, the server reads {sorted(extra)}"
            else:
                yield from compare(shape, ours, f"{service}:{name}", model.metadata["protocol"])


def main():
    source = open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin
    with source:
        found = set(differences(json.load(source)))
    for line in sorted(found - DELIBERATE):
        print(line)
    for line in sorted(DELIBERATE - found):
        print(f"no longer different: {line}")
    if found != DELIBERATE:
        sys.exit(1)
    print("the same as in the model")


if __name__ == "__main__":
    main()
