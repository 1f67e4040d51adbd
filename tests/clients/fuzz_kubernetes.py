#!/usr/bin/env python3
"""Asks the Kubernetes API of a cluster for what no client should ask for.

    fuzz_kubernetes.py [--seconds N | --steps N] [--seed S] [--pid P] [--table]

Bodies are objects with wrong, deep, long and unknown members, YAML bombs, broken protobuf; patches
that grow, ownership that nobody has, schemas that make no sense; selectors, tokens and paths of all
kinds. Every answer must be a success or a `Status` of the right shape with a code below 500, and come
in time. What the server said that it stored is what a list shows afterwards, and nothing else is. With
`--pid` the server's memory must stay small.

A failure prints the seed, the number of the request, and the request.
"""

import argparse
import collections
import http.client
import json
import os
import random
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kubectl"))
from api import JSON, PATCHES, Api, eks, token  # noqa: E402
from fuzz_bodies import Bodies  # noqa: E402

# There is a warning in a header of its own for each unknown member, and what is sent here nests deeply.
http.client._MAXHEADERS = 10_000
sys.setrecursionlimit(100_000)
# How long an answer may take, in seconds: a build for tests on a busy machine is slow.
PATIENCE = 15
# The most memory that the server may have, in bytes.
MEMORY = 1 << 30
# A revision that has not come yet is answered so, as Kubernetes does.
TOO_NEW = "ResourceVersionTooLarge"
# What engines that run nothing cannot do.
NOT_DONE = ("/exec", "/attach", "/portforward", "/proxy", "/log")
SPACE = "fuzz"


class Failure(Exception):
    """The server did what it must not."""


class Fuzz:
    def __init__(self, seed: int, pid: int | None):
        self.random = random.Random(seed)
        self.bodies = Bodies(self.random)
        self.pid = pid
        cluster = "fuzz-" + uuid.uuid4().hex[:6]
        eks().create_cluster(
            name=cluster, roleArn="arn:aws:iam::000000000000:role/r", resourcesVpcConfig={"subnetIds": ["subnet-1"]}
        )
        self.api = Api(cluster)
        self.cluster, self.signed = cluster, time.monotonic()
        self.api.namespace(SPACE)
        self.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", self.bodies.definition("things"))
        # What the server said that there is, by path.
        self.model: dict[str, dict] = {}
        self.counts = collections.Counter()
        self.versions = ["0", "1"]

    # Collections of `SPACE` whose objects nobody else changes.
    STORED = {
        "configmaps": "/api/v1", "secrets": "/api/v1", "podtemplates": "/api/v1", "limitranges": "/api/v1",
        "leases": "/apis/coordination.k8s.io/v1", "roles": "/apis/rbac.authorization.k8s.io/v1",
        "networkpolicies": "/apis/networking.k8s.io/v1",
        "things": "/apis/example.com/v1",
    }
    OTHERS = {
        "pods": "/api/v1", "services": "/api/v1", "serviceaccounts": "/api/v1", "events": "/api/v1", "endpoints": "/api/v1",
        "resourcequotas": "/api/v1", "persistentvolumeclaims": "/api/v1", "replicationcontrollers": "/api/v1",
        "deployments": "/apis/apps/v1", "statefulsets": "/apis/apps/v1", "daemonsets": "/apis/apps/v1",
        "replicasets": "/apis/apps/v1", "jobs": "/apis/batch/v1", "cronjobs": "/apis/batch/v1",
        "ingresses": "/apis/networking.k8s.io/v1", "poddisruptionbudgets": "/apis/policy/v1",
        "horizontalpodautoscalers": "/apis/autoscaling/v2", "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
        "endpointslices": "/apis/discovery.k8s.io/v1", "controllerrevisions": "/apis/apps/v1",
    }
    WIDE = {
        "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1", "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
        "storageclasses": "/apis/storage.k8s.io/v1", "priorityclasses": "/apis/scheduling.k8s.io/v1",
        "persistentvolumes": "/api/v1", "nodes": "/api/v1", "apiservices": "/apis/apiregistration.k8s.io/v1",
        "validatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1",
        "certificatesigningrequests": "/apis/certificates.k8s.io/v1", "ingressclasses": "/apis/networking.k8s.io/v1",
    }
    REVIEWS = {
        "selfsubjectaccessreviews": "/apis/authorization.k8s.io/v1", "subjectaccessreviews": "/apis/authorization.k8s.io/v1",
        "selfsubjectrulesreviews": "/apis/authorization.k8s.io/v1", "tokenreviews": "/apis/authentication.k8s.io/v1",
    }

    def resource(self) -> tuple[str, str, bool]:
        """A resource, where its objects are, and whether the model has them."""
        table = self.random.choices([self.STORED, self.OTHERS, self.WIDE], [6, 3, 1])[0]
        plural = self.random.choice(sorted(table))
        inside = "" if table is self.WIDE else f"/namespaces/{SPACE}"
        return plural, f"{table[plural]}{inside}/{plural}", table is self.STORED

    def ask(self, method: str, path: str, body=None, kind=JSON, **settings):
        if time.monotonic() - self.signed > 600:
            self.api.bearer, self.signed = token(self.cluster), time.monotonic()
        self.asked = (method, path[:500], kind, (body if isinstance(body, bytes) else json.dumps(body).encode())[:1500])
        began = time.monotonic()
        answer = self.api.ask(method, path, body, kind, **settings)
        took = time.monotonic() - began
        if took > PATIENCE:
            raise Failure(f"took {took:.1f} s")
        self.check(path, answer)
        return answer

    def check(self, path: str, answer):
        self.counts[answer.status] += 1
        if answer.status < 400:
            return
        if answer.status in (400, 431, 414) and not answer.bytes:
            # What is no HTTP is refused before anyone knows what it is about.
            return
        try:
            status = answer.check_status()
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise Failure(f"{answer.status} without a Status: {answer.bytes[:500]!r}") from error
        details = json.dumps(status.get("details", {}))
        if answer.status == 504 and TOO_NEW in details:
            return
        if answer.status == 501 and any(end in path for end in NOT_DONE):
            return
        if answer.status == 500 and self.asked[0] == "PATCH" and not status["reason"]:
            # What Kubernetes answers, without a reason, to patches that make no sense for a type.
            return
        if answer.status >= 500:
            raise Failure(f"{answer.status}: {status}")
        if len(answer.bytes) > 1 << 20:
            raise Failure(f"an error of {len(answer.bytes)} bytes")

    def keep(self, path: str, answer, dry: bool):
        """Remembers what the server said that it stored."""
        if answer.status in (200, 201) and not dry:
            self.model[path] = answer.json

    def query(self, *more: str) -> tuple[str, bool]:
        odd = self.random
        parts = [one for one in more if one]
        dry = odd.random() < 0.1
        if dry:
            parts.append("dryRun=All")
        if odd.random() < 0.5:
            parts.append("fieldValidation=" + odd.choice(["Strict", "Warn", "Ignore", "Ignore", "Odd", ""]))
        if odd.random() < 0.1:
            parts.append("fieldManager=" + odd.choice(["a", "", "%00", "x" * 300, "%F0%9F%92%A5"]))
        return ("?" + "&".join(parts) if parts else ""), dry

    def create(self):
        plural, at, stored = self.resource()
        body, kind, headers = self.bodies.object(plural)
        query, dry = self.query()
        answer = self.ask("POST", at + query, body, kind, headers=headers)
        if stored and answer.status == 201:
            self.keep(f"{at}/{answer.json['metadata']['name']}", answer, dry)

    def known(self) -> str | None:
        return self.random.choice(sorted(self.model)) if self.model else None

    def replace(self):
        path = self.known()
        if not path:
            return self.create()
        body, kind, headers = self.bodies.changed(path.split("/")[-2], self.model[path])
        query, dry = self.query()
        self.keep(path, self.ask("PUT", path + query, body, kind, headers=headers), dry)

    def patch(self):
        path = self.known()
        if not path or self.random.random() < 0.2:
            plural, at, stored = self.resource()
            path = f"{at}/{self.random.choice(['a', 'b', 'default', 'kube-root-ca.crt', 'x' * 300])}"
            stored = stored or path in self.model
        else:
            stored = True
        plural = path.split("/")[-2]
        way = self.random.choice(sorted(PATCHES))
        body = self.bodies.patch(plural, way, path.rsplit("/", 1)[1], self.model.get(path))
        manager = "fieldManager=fuzz" if way == "apply" and self.random.random() < 0.9 else ""
        force = "force=" + self.random.choice(["true", "false", "odd"]) if self.random.random() < 0.5 else ""
        query, dry = self.query(manager, force)
        kind = self.random.choice([PATCHES[way]] * 9 + [self.random.choice(sorted(PATCHES.values()))])
        answer = self.ask("PATCH", path + query, body, kind)
        if stored:
            self.keep(path, answer, dry)

    def delete(self):
        path = self.known()
        if not path:
            return
        body = self.bodies.options(self.model[path]) if self.random.random() < 0.7 else None
        query, dry = self.query(self.random.choice(["", "gracePeriodSeconds=0", "gracePeriodSeconds=-1", "propagationPolicy=Odd", "gracePeriodSeconds=x"]))
        answer = self.ask("DELETE", path + query, body)
        if answer.status in (200, 202) and not dry:
            again = self.ask("GET", path)
            if again.status == 404:
                self.model.pop(path)
            else:
                self.keep(path, again, False)

    def read(self):
        _, at, _ = self.resource()
        odd = self.bodies.read_query(self.versions)
        accept = self.bodies.accept()
        if "watch" in odd:
            odd += "&timeoutSeconds=1"
        self.ask("GET", f"{at}?{odd}", headers={"Accept": accept})

    def page(self):
        """Goes through a list with tokens, some of which are changed."""
        _, at, _ = self.resource()
        answer = self.ask("GET", f"{at}?limit=1")
        more = answer.json["metadata"].get("continue") if answer.status == 200 else None
        if more:
            self.ask("GET", f"{at}?limit=1&continue={self.bodies.forged(more)}")

    def path(self):
        """Any path, any method."""
        method = self.random.choice(["GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        path = self.bodies.path()
        if "watch" in path:
            path += "&timeoutSeconds=1"
        if method == "HEAD":
            return
        self.ask(method, path, body)
        # It may have been the name of something.
        self.resync()

    def subresource(self):
        plural, at, _ = self.resource()
        sub = self.random.choice(["status", "scale", "eviction", "binding", "token", "ephemeralcontainers", "finalize", "approval", "resize", "log", "exec", "nothing"])
        name = self.random.choice(["a", "b", "default"])
        method = self.random.choice(["GET", "POST", "PUT", "PATCH"])
        body, kind, headers = self.bodies.object(plural)
        if method == "GET":
            return self.ask("GET", f"{at}/{name}/{sub}")
        if method == "PATCH":
            way = self.random.choice(sorted(PATCHES))
            body, kind = self.bodies.patch(plural, way, name, None), PATCHES[way]
        answer = self.ask(method, f"{at}/{name}/{sub}", body, kind, headers=headers)
        if answer.status < 300:
            self.resync()

    def review(self):
        plural = self.random.choice(sorted(self.REVIEWS))
        body, kind, headers = self.bodies.object(plural)
        self.ask("POST", f"{self.REVIEWS[plural]}/{plural}", body, kind, headers=headers)

    def resync(self):
        """Takes over what there is after a request that may have changed anything of what we keep."""
        now = self.listed()
        for path in set(self.model) | set(now):
            if path in now:
                self.model[path] = now[path]
            else:
                self.model.pop(path)

    def listed(self) -> dict[str, dict]:
        found = {}
        for plural, root in self.STORED.items():
            at = f"{root}/namespaces/{SPACE}/{plural}"
            answer = self.api.ask("GET", at)
            if answer.status != 200:
                if plural == "things":
                    continue
                raise Failure(f"{at}: {answer.status} {answer.bytes[:300]!r}")
            for item in answer.json["items"]:
                found[f"{at}/{item['metadata']['name']}"] = item
        return found

    def compare(self):
        """Demands that a list is what was answered before."""
        now = self.listed()
        for path, wanted in list(self.model.items()):
            if path.endswith("/kube-root-ca.crt"):
                continue
            there = now.get(path)
            if wanted["metadata"].get("ownerReferences") and (not there or "deletionTimestamp" in there["metadata"]):
                # Its owner never was: the garbage collector takes it, sooner or later.
                if not now.pop(path, None):
                    self.model.pop(path)
                continue
            if not there:
                raise Failure(f"{path} is gone")
            strip = lambda one: {key: value for key, value in one.items() if key not in ("kind", "apiVersion")}  # noqa: E731
            if strip(there) != strip(wanted):
                raise Failure(f"{path} is {json.dumps(there)[:1500]}, not {json.dumps(wanted)[:1500]}")
        more = [path for path in now if path not in self.model and not path.endswith("/kube-root-ca.crt")]
        if more:
            raise Failure(f"nobody stored {more[:5]}")
        if self.pid:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
                lines = dict(line.split(":", 1) for line in status)
            resident = int(lines["VmRSS"].split()[0]) * 1024
            if resident > MEMORY:
                raise Failure(f"the server has {resident >> 20} MiB")

    def watchers(self):
        """Very many watches of one client, which all see a change."""
        at = f"/api/v1/namespaces/{SPACE}/configmaps"
        count = 200
        pool = self.api.pool
        headers = {"Authorization": f"Bearer {self.api.bearer}"}
        open_ones = []
        pool.connection_pool_kw["maxsize"] = count
        for _ in range(count):
            url = f"{self.api.endpoint}{at}?watch=true&timeoutSeconds=30"
            open_ones.append(pool.request("GET", url, headers=headers, preload_content=False))
        assert all(one.status in (200, 429) for one in open_ones), collections.Counter(one.status for one in open_ones)
        name = f"seen-{uuid.uuid4().hex[:8]}"
        self.keep(f"{at}/{name}", self.ask("POST", at, {"metadata": {"name": name}}), False)
        for one in open_ones:
            if one.status == 200:
                text = b""
                while name.encode() not in text:
                    text = one.readline() if hasattr(one, "readline") else one.read1()
            one.close()

    ACTIONS = {
        "create": 8, "replace": 5, "patch": 8, "delete": 1, "read": 4, "page": 1, "path": 2, "subresource": 2, "review": 1,
    }

    def run(self, seconds: float, steps: int):
        self.large()
        self.watchers()
        end = time.monotonic() + seconds
        self.steps = 0
        while self.steps < steps if steps else time.monotonic() < end:
            self.steps += 1
            name = self.random.choices(list(self.ACTIONS), list(self.ACTIONS.values()))[0]
            getattr(self, name)()
            if len(self.model) > 150:
                for path in self.random.sample(sorted(self.model), 100):
                    self.ask("DELETE", path)
                self.resync()
            if self.steps % 50 == 0:
                self.compare()
        self.compare()
        # It lives, and so does everything around the API.
        self.api.ask("GET", "/readyz").expect(200)
        eks().describe_cluster(name=self.cluster)

    def large(self):
        """What is too large, in each form."""
        at = f"/api/v1/namespaces/{SPACE}/configmaps"
        for body, kind in self.bodies.large():
            answer = self.ask("POST", at, body, kind)
            if answer.status != 413:
                raise Failure(f"{answer.status} of {len(body)} bytes")
        for body, kind in self.bodies.bombs():
            answer = self.ask("POST", at, body, kind)
            if not 400 <= answer.status < 500:
                raise Failure(f"{answer.status} of a bomb")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--steps", type=int, default=0, help="this many, however long they take")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--pid", type=int)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    fuzz = Fuzz(arguments.seed, arguments.pid)
    fuzz.steps, fuzz.asked = 0, None
    try:
        fuzz.run(arguments.seconds, arguments.steps)
    except Exception as error:
        print(f"seed {arguments.seed}, step {fuzz.steps}: {fuzz.asked}", file=sys.stderr)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if not isinstance(error, Failure):
            raise
        sys.exit(1)
    if arguments.table:
        for status, count in sorted(fuzz.counts.items()):
            print(status, count)
    print(f"seed {arguments.seed}: {fuzz.steps} steps, {sum(fuzz.counts.values())} answers")


if __name__ == "__main__":
    main()
