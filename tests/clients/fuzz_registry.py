"""Requests to `/v2/` for the fuzzer, and what their answers must be."""

import base64
import hashlib
import json
import random
import re
import urllib.parse

from conftest import ACCOUNT, INDEX, digest
from fuzz_inputs import CONTENTS, IMAGE, REPOSITORIES, World
from fuzz_text import ODD

METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
HOSTS = [
    f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com",
    "111122223333.dkr.ecr.us-east-1.localhost",
    "public.ecr.aws",
    "localhost",
]
RANGES = ["bytes=0-0", "bytes=0-", "bytes=-5", "bytes=-0", "bytes=5-2", "bytes=0-1,3-4", "0-0", "0-4", "5-9", "1-", "-"]
RANGES += ["0-18446744073709551615", "bytes=18446744073709551616-", "bytes=99999999-", "bytes 0-1/2", "lines=1-2", ""]
TYPES = [IMAGE, INDEX, "application/vnd.docker.distribution.manifest.v2+json", "application/octet-stream"]
TYPES += ["application/vnd.docker.distribution.manifest.list.v2+json", "text/plain", "*/*", "", "a/b;q=0.5, c"]
# How many uploads are remembered.
UPLOADS = 20


class Unlike(Exception):
    """An answer that the registry must not give."""


class Registry:
    """Makes requests of what the world knows, and learns which uploads there are."""

    def __init__(self, rng: random.Random, world: World):
        self.rng, self.world = rng, world
        # What was sent to each upload.
        self.uploads: dict[str, bytes] = {}
        self.token = ""

    def request(self) -> dict:
        rng = self.rng
        headers: dict[str, str] = {}
        method, path, query, body = self.sane(headers)
        if rng.random() < 0.15:
            method = rng.choice(METHODS)
        if rng.random() < 0.2:
            query.append((rng.choice(["n", "last", "digest", "mount", "from", "artifactType", "x"]), self.odd()))
        if rng.random() < 0.3:
            self.decorate(headers)
        if rng.random() < 0.95:
            headers["Authorization"] = self.token
        elif rng.random() < 0.5:
            headers["Authorization"] = rng.choice(["Basic", "Basic eA==", "Bearer x", "Basic " + "A" * 3000, "x"])
        asked = "?" + urllib.parse.urlencode(query, errors="replace") if query else ""
        if "?" in path:
            asked = asked.replace("?", "&", 1)
        sent = base64.b64encode(body).decode()
        return {"method": method, "path": path + asked, "headers": headers, "body": sent, "operation": None}

    def odd(self) -> str:
        rng = self.rng
        return rng.choice([rng.choice(ODD)[:2000], "0", "1", "1000", "-1", str(2**64), rng.choice(CONTENTS[:2]).decode()])

    def name(self) -> str:
        rng = self.rng
        if rng.random() < 0.7:
            return rng.choice(REPOSITORIES)
        if rng.random() < 0.7:
            return urllib.parse.quote(rng.choice(self.world.known["repositoryName"]), errors="replace")
        if rng.random() < 0.3:
            return f"w{ACCOUNT}/app"
        return quoted(self.odd(), rng)

    def digest(self) -> str:
        rng = self.rng
        found = rng.choice(self.world.known["imageDigest"] + self.world.known["layerDigest"])
        found = urllib.parse.quote(found, safe=":", errors="replace")
        return found if rng.random() < 0.85 else quoted(self.odd(), rng)

    def sane(self, headers: dict):
        """A method, path, query and body that belong together."""
        rng, name, kind = self.rng, self.name(), self.rng.randrange(11)
        if kind == 0:
            return "GET", rng.choice(["/v2/", "/v2/_catalog", "/v2", "/v2//", "/v2/_catalog/"]), self.page(), b""
        if kind == 1:
            return "GET", f"/v2/{name}/tags/list", self.page(), b""
        if kind == 2:
            filters = [("artifactType", "application/x.sbom")] if rng.random() < 0.3 else []
            return "GET", f"/v2/{name}/referrers/{self.digest()}", filters, b""
        if kind in (3, 4):
            headers["Accept"] = rng.choice(TYPES)
            return rng.choice(["GET", "HEAD", "GET", "DELETE"]), f"/v2/{name}/manifests/{self.reference()}", [], b""
        if kind == 5:
            headers["Content-Type"] = IMAGE if rng.random() < 0.8 else rng.choice(TYPES)
            manifest = self.world.manifest().encode()
            reference = digest(manifest) if rng.random() < 0.4 else self.reference()
            return "PUT", f"/v2/{name}/manifests/{reference}", [], manifest
        if kind == 6:
            return rng.choice(["GET", "HEAD", "GET", "DELETE"]), f"/v2/{name}/blobs/{self.digest()}", [], b""
        if kind == 7:
            mount = [("mount", self.digest()), ("from", rng.choice(REPOSITORIES))]
            return "POST", f"/v2/{name}/blobs/uploads/", mount if rng.random() < 0.4 else [], b""
        if kind == 8:
            content = rng.choice(CONTENTS)
            return "POST", f"/v2/{name}/blobs/uploads/", [("digest", digest(content))], content
        if kind == 9 and self.uploads:
            return self.upload(headers)
        return rng.choice(METHODS), quoted(rng.choice(["/v2/", "/v2/app/", "/"]) + self.odd(), rng), [], b""

    def upload(self, headers: dict):
        """The next request to an upload."""
        rng, path = self.rng, self.rng.choice(list(self.uploads))
        before, content = self.uploads[path], rng.choice(CONTENTS)
        headers["Content-Type"] = "application/octet-stream"
        roll = rng.random()
        if roll < 0.4:
            if rng.random() < 0.5:
                headers["Content-Range"] = f"{len(before)}-{len(before) + len(content) - 1}"
            return "PATCH", path, [], content
        if roll < 0.8:
            return "PUT", path, [("digest", digest(before + content))], content
        return rng.choice(["GET", "DELETE"]), path, [], b""

    def reference(self) -> str:
        known = self.rng.choice(self.world.known["imageTag"])
        return urllib.parse.quote(known, errors="replace") if self.rng.random() < 0.5 else self.digest()

    def page(self) -> list:
        rng = self.rng
        return rng.choice([[], [("n", str(rng.choice([0, 1, 2, 1000, 1001])))], [("n", "1"), ("last", "v1")]])

    def decorate(self, headers: dict) -> None:
        rng = self.rng
        for _ in range(rng.choice([1, 1, 2, 4])):
            name = rng.choice(
                ["Range", "Content-Range", "If-Range", "If-Match", "If-None-Match", "Host", "Content-Type", "Accept"]
                + ["Accept-Encoding", "Content-Encoding", "Origin", "X-Forwarded-Host", "X-Forwarded-Proto", "Cookie"]
            )
            values = {"Range": RANGES, "Content-Range": RANGES, "Host": HOSTS, "Content-Type": TYPES, "Accept": TYPES}
            tags = ["*", '"x"', "W/\"x\"", f'"{self.digest()}"', self.odd()]
            headers[name] = printable(rng.choice(values.get(name, tags)))

    def check(self, request: dict, status: int, headers, body: bytes) -> None:
        path = request["path"].partition("?")[0]
        if status >= 500 and not (status == 502 and self.is_cached(path)):
            raise Unlike(f"status {status}: {body[:2000]!r}")
        if request["method"] == "HEAD":
            if body:
                raise Unlike("a HEAD has a body")
        elif status == 416 and not body:
            if not re.fullmatch(r"bytes \*/\d+", headers.get("Content-Range", "")):
                raise Unlike("a refused range without the size of what there is")
        # Who does not log in is told as ECR tells it, and what is no URL is not even a request.
        elif status >= 400 and path.startswith("/v2/") and body != b"Not Authorized\n" and is_url(request["path"]):
            self.errors(status, body)
        if status == 200 and request["method"] == "GET":
            told = headers.get("Docker-Content-Digest")
            if told and told.startswith("sha256:") and told != "sha256:" + hashlib.sha256(body).hexdigest():
                raise Unlike(f"{told} is not the digest of what came")
        if status == 206 and "Content-Range" not in headers:
            raise Unlike("a part without Content-Range")
        self.learn(request, status, headers)

    def is_cached(self, path: str) -> bool:
        """Whether a rule may have sent the server to an upstream where nobody listens."""
        prefixes = self.world.cached
        return "ROOT" in prefixes or any(path.startswith(f"/v2/{prefix.strip('/')}/") for prefix in prefixes)

    def errors(self, status: int, body: bytes) -> None:
        try:
            errors = json.loads(body)["errors"]
            fine = all(isinstance(e["code"], str) and e["message"] for e in errors) and errors
        except (ValueError, KeyError, TypeError) as error:
            raise Unlike(f"status {status}, not the registry's errors: {body[:500]!r}") from error
        if not fine:
            raise Unlike(f"status {status}, not the registry's errors: {body[:500]!r}")

    def learn(self, request: dict, status: int, headers) -> None:
        path, location = request["path"], headers.get("Location", "")
        if status == 202 and "/blobs/uploads/" in location:
            before = b""
            if request["method"] == "PATCH":
                before = self.uploads.pop(path, b"") + base64.b64decode(request["body"])
            self.uploads[urllib.parse.urlsplit(location)._replace(scheme="", netloc="").geturl()] = before
            while len(self.uploads) > UPLOADS:
                self.uploads.pop(next(iter(self.uploads)))
        elif request["method"] in ("PUT", "DELETE") and status < 300:
            self.uploads.pop(path.partition("?")[0], None)


def is_url(path: str) -> bool:
    """Whether a path has only what RFC 3986 allows."""
    return re.fullmatch(r"[\w.~:/?\[\]@!$&'()*+,;=%-]*", path, re.ASCII) is not None


def printable(text: str) -> str:
    """What can be sent as the value of a header."""
    return "".join(c for c in text if " " <= c <= "ÿ" and c != "\x7f")[:3000].strip()


def quoted(text: str, rng: random.Random) -> str:
    """A text for a path: escaped, or as it is as far as that can be sent."""
    if rng.random() < 0.6:
        return urllib.parse.quote(text, safe="/", errors="replace")
    return "".join(c for c in text if "!" <= c <= "~" and c not in "?#")
