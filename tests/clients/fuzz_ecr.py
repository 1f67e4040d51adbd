#!/usr/bin/env python3
"""Asks a server for everything that AWS's model allows, and for much that it does not.

    fuzz_ecr.py [--seconds N] [--seed S] [--service ecr|ecr-public] [--replay FILE]

Inputs are made from the shapes of every operation, from limits and patterns, and from what earlier
answers named: repositories, digests, uploads, tokens. Then they are broken: members go or change
their type, texts become odd, bodies are cut. Whatever is sent, the server must answer with JSON, with
the operation's shape or one of its errors, never with a 5xx (501 for what it does not do), and live.

A failure prints the seed and the request, which `--replay` sends again.
"""

import argparse
import base64
import collections
import http.client
import json
import os
import random
import re
import sys
import time
import urllib.parse
import uuid

import botocore.session

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "ecr"))
from conftest import ACCOUNT, ENDPOINT, REGION, Docker, client, compare, digest  # noqa: E402
from fuzz_text import ODD, matching  # noqa: E402

JSON = "application/x-amz-json-1.1"
# Errors that every operation may answer with, besides those of its model.
COMMON = {"SerializationException", "AccessDeniedException", "RequestEntityTooLargeException"}
# Errors of requests that are wrong before any operation is found.
PROTOCOL = COMMON | {
    "UnknownOperationException",
    "UnsupportedMediaTypeException",
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "NotImplementedException",
}
# How long an answer may take, in seconds.
PATIENCE = 20
# How many values of a member are remembered.
REMEMBERED = 40

# Repositories that are made again and again.
REPOSITORIES = ["app", "fuzz/a", "fuzz/b"]
# What is uploaded, so that something is complete from time to time.
CONTENTS = [b"{}", b"layer", b"x" * 1000, b"y" * 70_000]
IMAGE = "application/vnd.oci.image.manifest.v1+json"
POLICY = {"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": "*"}]}
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "x",
            "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1},
            "action": {"type": "expire"},
        }
    ]
}


class Failure(Exception):
    """The server did what it must not."""


class World:
    """What there is at the server, as far as its answers have told."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.known = collections.defaultdict(list)
        arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/"
        for name, values in {
            "repositoryName": REPOSITORIES,
            "registryId": [ACCOUNT, ACCOUNT, ACCOUNT, "111122223333"],
            "resourceArn": [arn + "app", arn + "fuzz/a", f"arn:aws:ecr-public::{ACCOUNT}:repository/app"],
            "imageTag": ["v1", "v2", "latest"],
            "imageDigest": [digest(b"{}"), digest(b"nothing")],
            "layerDigest": [digest(content) for content in CONTENTS],
            "imageManifestMediaType": [IMAGE],
            "lifecyclePolicyText": [json.dumps(LIFECYCLE)],
            "policyText": [json.dumps(POLICY)],
            "region": [REGION, "eu-west-1"],
            "upstreamRegistryUrl": ["public.ecr.aws", "quay.io", "registry-1.docker.io", "127.0.0.1:1"],
            "ecrRepositoryPrefix": ["fuzz", "ROOT"],
            "prefix": ["fuzz", "ROOT"],
        }.items():
            self.known[name] += values

    def learn(self, value, name: str = "") -> None:
        """Remembers what an answer says, by the name of the member."""
        if isinstance(value, dict):
            for key, member in value.items():
                self.learn(member, key)
        elif isinstance(value, list):
            for member in value:
                self.learn(member, name.removesuffix("s"))
        elif isinstance(value, str) and value and len(value) < 5000:
            known = self.known[name]
            if value not in known:
                if len(known) >= REMEMBERED:
                    known.pop(self.rng.randrange(len(known)))
                known.append(value)

    def manifest(self) -> str:
        """A manifest of what was uploaded, or of what was not."""
        layer = self.rng.choice(CONTENTS[:2])
        entry = {"mediaType": "x/y", "digest": digest(layer), "size": len(layer)}
        if self.rng.random() < 0.2:
            entry["digest"] = self.rng.choice(self.known["layerDigest"] + self.known["imageDigest"])
        if self.rng.random() < 0.1:
            entry["size"] = self.rng.choice([0, 1, -1, 2**63])
        document = {"schemaVersion": 2, "mediaType": IMAGE, "config": entry, "layers": [entry] * self.rng.randrange(3)}
        document["annotations"] = {"n": str(self.rng.randrange(100))}
        if self.rng.random() < 0.3:
            document["subject"] = entry | {"digest": self.rng.choice(self.known["imageDigest"])}
        text = json.dumps(document)
        return text if self.rng.random() < 0.8 else text[: self.rng.randrange(len(text))]


class Inputs:
    """Makes inputs of a model's shapes."""

    def __init__(self, rng: random.Random, world: World):
        self.rng, self.world = rng, world

    def make(self, shape, name: str = "", depth: int = 0):
        rng, kind = self.rng, shape.type_name
        if kind == "structure":
            required = shape.required_members
            chance = rng.choice([0.1, 0.5, 0.9])
            return {
                member: self.make(inner, member, depth + 1)
                for member, inner in shape.members.items()
                if rng.random() < (0.97 if member in required else chance)
            }
        if kind == "list":
            least, most = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 5))
            count = rng.choice([1, 1, 1, 2, 3]) if rng.random() < 0.9 else rng.choice([0, least, most, most + 1])
            one = name.removesuffix("s")
            return [self.make(shape.member, one, depth + 1) for _ in range(min(count, 400))]
        if kind == "map":
            return {self.text(shape.key, ""): self.make(shape.value, "", depth + 1) for _ in range(rng.randrange(4))}
        if kind == "boolean":
            return rng.random() < 0.5
        if kind in ("integer", "long", "float", "double", "timestamp"):
            least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 1000)
            near = [least, most, least - 1, most + 1, 1, 2, 10]
            return rng.choice(near) if rng.random() < 0.9 else rng.choice([-1, 2**31, 2**63 - 1, 2**63, 2**64])
        if kind == "blob":
            content = rng.choice(CONTENTS) if rng.random() < 0.7 else rng.randbytes(rng.choice([0, 1, 5, 5000]))
            return base64.b64encode(content).decode()
        return self.text(shape, name)

    def text(self, shape, name: str) -> str:
        rng, roll = self.rng, self.rng.random()
        if name == "imageManifest" and roll < 0.9:
            return self.world.manifest()
        if name == "repositoryName" and roll < 0.6:
            return rng.choice(REPOSITORIES)
        known = self.world.known.get(name)
        if known and roll < 0.8:
            return rng.choice(known)
        if getattr(shape, "enum", None) and roll < 0.95:
            return rng.choice(shape.enum)
        if roll > 0.93:
            return rng.choice(ODD)
        least, most = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 40))
        if roll > 0.88:
            return "a" * min(rng.choice([least, most, max(least - 1, 0), most + 1]), 200_000)
        pattern = shape.metadata.get("pattern")
        return matching(pattern, rng) if pattern else rng.choice(["a", "x-y", "value", "*", uuid.UUID(int=rng.getrandbits(128)).hex])

    def damage(self, value, depth: int = 0):
        """Breaks something in an input."""
        rng = self.rng
        odd = lambda: rng.choice(  # noqa: E731
            [None, True, 0, -1, 1.5, 1e300, 2**70, "", rng.choice(ODD), [], {}, [[]], [None], {"a": None}, ["x"] * 1000]
        )
        if isinstance(value, dict) and value and (depth == 0 or rng.random() < 0.7):
            key = rng.choice(list(value))
            roll = rng.random()
            if roll < 0.15:
                return {k: v for k, v in value.items() if k != key}
            if roll < 0.25:
                return value | {rng.choice(ODD) or "future": odd()}
            if roll < 0.3:
                return list(value.values())
            return value | {key: self.damage(value[key], depth + 1)}
        if isinstance(value, list) and value and rng.random() < 0.7:
            at = rng.randrange(len(value))
            return value[:at] + [self.damage(value[at], depth + 1)] + value[at + 1 :]
        if isinstance(value, str) and value and rng.random() < 0.4:
            at = rng.randrange(len(value))
            return value[:at] + rng.choice(ODD)[:50] + value[at + rng.randrange(2) :]
        return odd()


class Fuzzer:
    def __init__(self, service: str, seed: str):
        self.rng = random.Random(seed)
        self.service = service
        self.model = botocore.session.get_session().get_service_model(service)
        self.world = World(self.rng)
        self.inputs = Inputs(self.rng, self.world)
        self.address = urllib.parse.urlsplit(ENDPOINT).netloc
        self.connection = None
        self.counts = collections.Counter()
        # Operations that the server does not do, which are asked for less.
        self.missing = set()

    # Requests.

    def headers(self, operation: str) -> dict:
        scope = f"test/20260101/{REGION}/{self.service}/aws4_request"
        signature = f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
        return {
            "Content-Type": JSON,
            "X-Amz-Target": f"{self.model.metadata['targetPrefix']}.{operation}",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, {signature}",
        }

    def send(self, request: dict):
        """The status and body of the answer to a request, which comes in time."""
        body, start = base64.b64decode(request["body"]), time.monotonic()
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
            fresh = self.connection.sock is None
            try:
                self.connection.request(request["method"], request["path"], body, request["headers"])
                reply = self.connection.getresponse()
                answer = reply.status, reply.read()
                break
            except OSError as error:
                self.connection.close()
                self.connection = None
                # A connection that was kept may have been closed meanwhile; a new one may not.
                if fresh or attempt == 2:
                    raise Failure(f"the connection broke: {error!r}") from error
            except http.client.HTTPException as error:
                self.connection.close()
                self.connection = None
                if fresh or attempt == 2:
                    raise Failure(f"no answer: {error!r}") from error
        took = time.monotonic() - start
        if took > PATIENCE / 2:
            raise Failure(f"the answer took {took:.1f} s")
        return answer

    def request(self, operation: str, body: bytes, **changed) -> dict:
        encoded = base64.b64encode(body).decode()
        plain = {"method": "POST", "path": "/", "headers": self.headers(operation), "body": encoded}
        return plain | {"operation": operation} | changed

    # One step.

    def step(self) -> dict:
        rng = self.rng
        operation = rng.choice(self.model.operation_names)
        if operation in self.missing and rng.random() < 0.9:
            operation = rng.choice([name for name in self.model.operation_names if name not in self.missing])
        # What makes something is asked for more often than what shows or deletes it.
        if rng.random() < 0.1:
            operation = rng.choice(["CreateRepository", "PutImage", "InitiateLayerUpload", "UploadLayerPart"])
        shape = self.model.operation_model(operation).input_shape
        value = self.inputs.make(shape) if shape is not None else {}
        if rng.random() < 0.7:
            self.sober(operation, value)
        if rng.random() < 0.4:
            for _ in range(rng.choice([1, 1, 2, 3])):
                value = self.inputs.damage(value)
        body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
        if rng.random() < 0.08:
            return self.broken(operation, body)
        return self.request(operation, body)

    def sober(self, operation: str, value: dict) -> None:
        """Makes an input one that may well succeed."""
        if operation == "UploadLayerPart" and "layerPartBlob" in value:
            value["partFirstByte"] = 0
            value["partLastByte"] = len(base64.b64decode(value["layerPartBlob"])) - 1
        if operation == "CompleteLayerUpload":
            value["layerDigests"] = [self.rng.choice(self.world.known["layerDigest"])]
        if operation == "PutImage":
            value.pop("imageDigest", None)
        if operation == "DeleteRepository":
            value["repositoryName"] = self.rng.choice(self.world.known["repositoryName"])
        if "imageIds" in value:
            value.pop("nextToken", None)
            value.pop("maxResults", None)
            for image_id in value["imageIds"]:
                if len(image_id) == 2:
                    image_id.pop(self.rng.choice(list(image_id)))

    def broken(self, operation: str, body: bytes) -> dict:
        """A request that is wrong as such."""
        rng = self.rng
        headers = self.headers(operation)
        roll = rng.randrange(9)
        method, path = "POST", "/"
        if roll == 0:
            body = body[: rng.randrange(len(body) + 1)]
        elif roll == 1:
            body = rng.randbytes(rng.randrange(200))
        elif roll == 2:
            flipped = bytearray(body or b"{")
            for _ in range(3):
                flipped[rng.randrange(len(flipped))] = rng.randrange(256)
            body = bytes(flipped)
        elif roll == 3:
            body = rng.choice([b"[", b'{"a":', b"{\"repositoryName\":["]) * rng.choice([100, 10_000, 20_000])
        elif roll == 4:
            headers["Content-Type"] = rng.choice(["", "text/plain", "application/json", "application/cbor", JSON + "x"])
        elif roll == 5:
            headers["X-Amz-Target"] = rng.choice(["", ".", operation, "X." + operation, headers["X-Amz-Target"] + "x"])
        elif roll == 6:
            headers.pop(rng.choice(list(headers)))
        elif roll == 7:
            parts = headers["Authorization"].split("/")
            headers["Authorization"] = "/".join(rng.choice([p, "", "x"]) if rng.random() < 0.3 else p for p in parts)
        else:
            method, path = rng.choice(["GET", "PUT", "DELETE", "PATCH"]), rng.choice(["/", "/x", "/?a=b"])
        return self.request(operation, body, method=method, path=path, headers=headers, broken=True)

    def check(self, request: dict) -> None:
        status, body = self.send(request)
        operation = self.model.operation_model(request["operation"])
        self.counts[status] += 1
        if status >= 500 and status != 501:
            raise Failure(f"status {status}: {body[:2000]!r}")
        if request.get("broken") and status in (400, 403, 404, 405, 415, 501):
            # Before it is known for whom it is, the registry's door may answer too.
            answer = parse(body)
            if "errors" not in answer and answer.get("__type") not in PROTOCOL | set(errors(operation)):
                raise Failure(f"status {status}: {body[:2000]!r}")
            return
        if status == 200 and request.get("broken") and request["method"] != "POST":
            return
        answer = parse(body)
        if status == 200:
            if operation.output_shape is not None:
                try:
                    compare(operation.output_shape, answer, operation.name)
                except AssertionError as error:
                    raise Failure(f"not the shape of the output: {error}") from error
            self.world.learn(answer)
            self.counts[operation.name] += 1
            return
        if status == 501:
            self.missing.add(operation.name)
        kind, message = answer.get("__type"), answer.get("message")
        allowed = {400: COMMON | set(errors(operation)), 413: COMMON, 501: {"NotImplementedException"}}
        if kind not in allowed.get(status, ()):
            raise Failure(f"status {status} with {kind!r}, which {operation.name} does not have: {message!r}")
        if not isinstance(message, str) or not message:
            raise Failure(f"an error without a message: {body[:500]!r}")
        self.counts[kind] += 1

    def live(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise Failure(f"/healthz answers {status}")

    def furnish(self) -> None:
        """Makes what is to be found, some of which may be there or be deleted again."""
        for name in REPOSITORIES:
            self.send(self.request("CreateRepository", json.dumps({"repositoryName": name}).encode()))
        docker = Docker(client("ecr"))
        # A public repository is reached by its registry's alias.
        prefix = "" if self.service == "ecr" else f"public.ecr.aws/w{ACCOUNT}/"
        for repository in (prefix + name for name in REPOSITORIES):
            try:
                for content in CONTENTS[:2]:
                    docker.push_blob(repository, content)
                for tag in ("v1", "v2"):
                    self.world.learn(docker.push(repository, tag), "imageDigest")
            except AssertionError:
                # An immutable tag, or a repository that is gone by now.
                pass


def parse(body: bytes) -> dict:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise Failure(f"not JSON: {body[:500]!r}") from error
    if not isinstance(answer, dict):
        raise Failure(f"not an object: {body[:500]!r}")
    return answer


def errors(operation) -> list[str]:
    return [shape.name for shape in operation.error_shapes]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", default=None)
    parser.add_argument("--service", default="ecr", choices=["ecr", "ecr-public"])
    parser.add_argument("--replay", metavar="FILE")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    seed = asked.seed or uuid.uuid4().hex[:8]
    fuzzer = Fuzzer(asked.service, seed)
    if asked.replay:
        with open(asked.replay, encoding="utf-8") as file:
            status, body = fuzzer.send(json.load(file))
        print(status, body.decode(errors="replace"))
        return
    print(f"seed {seed}")
    end, sent, request = time.monotonic() + asked.seconds, 0, None
    try:
        while time.monotonic() < end:
            if sent % 500 == 0:
                request = None
                fuzzer.furnish()
                fuzzer.live()
            request = fuzzer.step()
            fuzzer.check(request)
            sent += 1
        request = None
        fuzzer.live()
    except Failure as failure:
        print(f"after {sent} requests of seed {seed}: {failure}")
        if request is not None:
            print(json.dumps(request))
            print(re.sub(r"(.{4000}).+", r"\1…", repr(base64.b64decode(request["body"])), flags=re.S))
        sys.exit(1)
    print(f"{sent} requests: " + ", ".join(f"{name} {count}" for name, count in sorted(fuzzer.counts.items(), key=str)))


if __name__ == "__main__":
    main()
