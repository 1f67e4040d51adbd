"""Inputs for the fuzzer: of the shapes of AWS's model, of what the server told, and broken ones."""

import base64
import collections
import json
import random
import uuid

from conftest import ACCOUNT, REGION, digest
from fuzz_text import ODD, matching

# How many values of a member are remembered.
REMEMBERED = 40

# An upstream that refuses at once: no rule may send the server out into the world.
CLOSED = "http://127.0.0.1:1"
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


class World:
    """What there is at the server, as far as its answers have told."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.known = collections.defaultdict(list)
        # Prefixes of the pull-through cache, none of which is forgotten.
        self.cached = set()
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
            # The other needs credentials, which there are none of.
            "upstreamRegistryUrl": [CLOSED, CLOSED, "registry-1.docker.io", "127.0.0.1:1"],
            "ecrRepositoryPrefix": ["cached", "fuzz/cached"],
            "prefix": ["fuzz", "ROOT"],
        }.items():
            self.known[name] += values

    def learn(self, value, name: str = "") -> None:
        """Remembers what an answer says, by the name of the member."""
        if isinstance(value, dict):
            for key, member in value.items():
                self.learn(member, key)
                if key == "ecrRepositoryPrefix":
                    self.cached.add(member)
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
