#!/usr/bin/env python3
"""Asks a server for everything that AWS's model allows, and for much that it does not.

    fuzz_ecr.py [--seconds N] [--seed S] [--service ecr|ecr-public] [--replay FILE] [--table] [--demand N]

Inputs are made from the shapes of every operation, from limits and patterns, and from what earlier
answers named: repositories, digests, uploads, tokens. Then they are broken: members go or change
their type, texts become odd, bodies are cut. Between them run stories of what users do, and requests
to `/v2/` for the same data. Whatever is sent, the server must answer with JSON, with the operation's
shape or one of its errors, never with a 5xx (501 for what it does not do of `ecr-public`), and live.

A failure prints the seed and the request, which `--replay` sends again. `--table` prints how often
each operation succeeded and failed; `--demand N` fails where one was never asked for, or succeeded
less than N times. Let the server's pull-through rules name http://127.0.0.1:1 (`--upstream-allow`).
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
from conftest import ACCOUNT, ENDPOINT, REGION, Docker, client, compare  # noqa: E402
from fuzz_inputs import CONTENTS, REPOSITORIES, Inputs, World  # noqa: E402
from fuzz_registry import Registry, Unlike  # noqa: E402
from fuzz_stories import STORIES  # noqa: E402

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
# How many stories run side by side.
STORIES_AT_ONCE = 6


class Failure(Exception):
    """The server did what it must not."""


class Fuzzer:
    def __init__(self, service: str, seed: str):
        self.rng = random.Random(seed)
        self.service = service
        self.model = botocore.session.get_session().get_service_model(service)
        self.world = World(self.rng)
        self.inputs = Inputs(self.rng, self.world)
        self.registry = Registry(self.rng, self.world)
        # Operations that are still to be asked for before any is again, and what runs of stories.
        self.deck, self.stories = [], []
        # The request that is under way, for who looks into a failure.
        self.asked = None
        self.address = urllib.parse.urlsplit(ENDPOINT).netloc
        self.connection = None
        self.counts = collections.Counter()
        # Outcomes of each operation, and of the registry's methods.
        self.outcomes = collections.defaultdict(collections.Counter)
        # Operations that the server does not do, which are asked for less.
        self.missing = set()

    # Requests.

    def headers(self, operation: str, region: str = REGION) -> dict:
        scope = f"test/20260101/{region}/{self.service}/aws4_request"
        signature = f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
        return {
            "Content-Type": JSON,
            "X-Amz-Target": f"{self.model.metadata['targetPrefix']}.{operation}",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, {signature}",
        }

    def send(self, request: dict):
        """The status, headers and body of the answer to a request, which comes in time."""
        body, start = base64.b64decode(request["body"]), time.monotonic()
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
            fresh = self.connection.sock is None
            try:
                sent, headers, chunked = body, request["headers"], request.get("chunked", False)
                if chunked:
                    sent = (body[at : at + 7000] for at in range(0, len(body), 7000))
                    headers = headers | {"Transfer-Encoding": "chunked"}
                self.connection.request(request["method"], request["path"], sent, headers, encode_chunked=chunked)
                reply = self.connection.getresponse()
                answer = reply.status, reply.headers, reply.read()
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

    def request(self, operation: str, body: bytes, region: str = REGION, **changed) -> dict:
        encoded = base64.b64encode(body).decode()
        plain = {"method": "POST", "path": "/", "headers": self.headers(operation, region), "body": encoded}
        return plain | {"operation": operation} | changed

    # One step.

    def step(self) -> None:
        """Asks for something and checks the answer."""
        roll = self.rng.random()
        if self.service == "ecr" and roll < 0.4:
            self.story()
        elif roll < 0.5:
            self.door()
        else:
            self.check(self.random())

    def story(self) -> None:
        """The next step of one of the stories."""
        rng = self.rng
        while len(self.stories) < STORIES_AT_ONCE:
            region = REGION if rng.random() < 0.85 else "eu-west-1"
            told = rng.choice(STORIES)(rng)
            self.stories.append((told, region, next(told)))
        at = rng.randrange(len(self.stories))
        told, region, (operation, value) = self.stories.pop(at)
        if rng.random() < 0.08:
            value = self.inputs.damage(value)
        answer = self.check(self.request(operation, dumped(value, rng), region))
        try:
            self.stories.append((told, region, told.send(answer)))
        except StopIteration:
            pass

    def door(self) -> None:
        """A request to the registry."""
        self.asked = request = self.registry.request()
        if request["body"] and self.rng.random() < 0.15:
            request["chunked"] = True
        status, headers, body = self.send(request)
        try:
            self.registry.check(request, status, headers, body)
        except Unlike as error:
            raise Failure(str(error)) from error
        self.outcomes[f"/v2/ {request['method']}"][status] += 1

    def random(self) -> dict:
        rng = self.rng
        if not self.deck:
            self.deck = list(self.model.operation_names)
            rng.shuffle(self.deck)
        operation = self.deck.pop()
        if operation in self.missing and rng.random() < 0.9:
            operation = rng.choice([name for name in self.model.operation_names if name not in self.missing])
        # What makes something is asked for more often than what shows or deletes it.
        if rng.random() < 0.1:
            self.deck.append(operation)
            operation = rng.choice(["CreateRepository", "PutImage", "InitiateLayerUpload", "UploadLayerPart"])
        shape = self.model.operation_model(operation).input_shape
        value = self.inputs.make(shape) if shape is not None else {}
        if rng.random() < 0.7:
            self.sober(operation, value)
        if rng.random() < 0.4:
            for _ in range(rng.choice([1, 1, 2, 3])):
                value = self.inputs.damage(value)
        body = dumped(value, rng)
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

    def check(self, request: dict) -> dict:
        """Sends a request; returns the answer, which is empty for an error."""
        self.asked = request
        status, _, body = self.send(request)
        operation = self.model.operation_model(request["operation"])
        self.counts[status] += 1
        if status >= 500 and (status != 501 or (self.service == "ecr" and b"the service" not in body)):
            raise Failure(f"status {status}: {body[:2000]!r}")
        if request.get("broken") and status in (400, 403, 404, 405, 415, 501):
            # Before it is known for whom it is, the registry's door may answer too.
            answer = parse(body)
            if "errors" not in answer and answer.get("__type") not in PROTOCOL | set(errors(operation)):
                raise Failure(f"status {status}: {body[:2000]!r}")
            return {}
        if status == 200 and request.get("broken") and request["method"] != "POST":
            return {}
        answer = parse(body)
        if status == 200:
            if operation.output_shape is not None:
                try:
                    compare(operation.output_shape, answer, operation.name)
                except AssertionError as error:
                    raise Failure(f"not the shape of the output: {error}") from error
            self.world.learn(answer)
            self.outcomes[operation.name][200] += 1
            return answer
        if status == 501:
            self.missing.add(operation.name)
        kind, message = answer.get("__type"), answer.get("message")
        allowed = {400: COMMON | set(errors(operation)), 413: COMMON, 501: {"NotImplementedException"}}
        if kind not in allowed.get(status, ()):
            raise Failure(f"status {status} with {kind!r}, which {operation.name} does not have: {message!r}")
        if not isinstance(message, str) or not message:
            raise Failure(f"an error without a message: {body[:500]!r}")
        self.outcomes[operation.name][kind] += 1
        return {}

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
        self.registry.token = docker.headers["Authorization"]
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


    def table(self) -> str:
        """How often each operation succeeded, and which errors it had."""
        lines = []
        for name in sorted(set(self.model.operation_names) | set(self.outcomes)):
            found = collections.Counter(self.outcomes[name])
            fine = found.pop(200, 0)
            rest = ", ".join(f"{kind} {count}" for kind, count in found.most_common())
            lines.append(f"{name:40} {fine:6}  {rest}")
        return "\n".join(lines)

    def demand(self, successes: int) -> None:
        """Fails where an operation was never asked for, or succeeded too seldom."""
        for name in self.model.operation_names:
            found = self.outcomes[name]
            if not found or found[200] < successes:
                raise Failure(f"{name} was asked for {found.total()} times and succeeded {found[200]} times")


def dumped(value, rng: random.Random) -> bytes:
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")


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
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--demand", type=int, metavar="N")
    return parser.parse_args()


def run(fuzzer: Fuzzer, seconds: float) -> int:
    """Asks for as long as it is told; returns how many requests that were."""
    end, sent = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            if sent % 500 == 0:
                fuzzer.asked = None
                fuzzer.furnish()
                fuzzer.live()
            fuzzer.step()
            sent += 1
        fuzzer.asked = None
        fuzzer.live()
    except Failure as failure:
        raise Failure(f"after {sent} requests: {failure}") from failure
    return sent


def main() -> None:
    asked = arguments()
    seed = asked.seed or uuid.uuid4().hex[:8]
    fuzzer = Fuzzer(asked.service, seed)
    if asked.replay:
        with open(asked.replay, encoding="utf-8") as file:
            status, headers, body = fuzzer.send(json.load(file))
        print(status, headers, body.decode(errors="replace"), sep="\n")
        return
    print(f"seed {seed}", flush=True)
    try:
        sent = run(fuzzer, asked.seconds)
        if asked.table:
            print(fuzzer.table())
        if asked.demand is not None:
            fuzzer.demand(asked.demand)
    except Failure as failure:
        print(f"seed {seed} {failure}")
        if fuzzer.asked is not None:
            print(json.dumps(fuzzer.asked))
            body = repr(base64.b64decode(fuzzer.asked["body"]))
            print(re.sub(r"(.{4000}).+", r"\1…", body, flags=re.S))
        sys.exit(1)
    print(f"{sent} requests: " + ", ".join(f"{status} {count}" for status, count in sorted(fuzzer.counts.items())))


if __name__ == "__main__":
    main()
