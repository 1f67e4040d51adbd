"""What `fuzz_kubernetes.py` sends: objects, patches, queries and paths, most of them broken."""

import base64
import copy
import json
import random
import urllib.parse

YAML = "application/yaml"
JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MAX = 3 * 1024 * 1024

TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
SELECTOR = {"selector": {"matchLabels": {"a": "b"}}}
SEEDS = {
    "configmaps": ("v1", "ConfigMap", {"data": {"a": "b"}, "binaryData": {"c": "AAE="}}),
    "secrets": ("v1", "Secret", {"stringData": {"a": "b"}, "data": {"c": "AAE="}, "type": "Opaque"}),
    "podtemplates": ("v1", "PodTemplate", {"template": TEMPLATE}),
    "limitranges": ("v1", "LimitRange", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "64"}}]}}),
    "leases": ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "x", "leaseDurationSeconds": 5}}),
    "roles": ("rbac.authorization.k8s.io/v1", "Role", {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}),
    "controllerrevisions": ("apps/v1", "ControllerRevision", {"revision": 1, "data": {"a": 1}}),
    "things": ("example.com/v1", "Thing", {"spec": {"size": 1, "list": [{"name": "a", "value": 1}], "set": ["a"]}}),
    "pods": ("v1", "Pod", {"spec": TEMPLATE["spec"]}),
    "services": ("v1", "Service", {"spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}}),
    "deployments": ("apps/v1", "Deployment", {"spec": {**SELECTOR, "replicas": 0, "template": TEMPLATE}}),
    "statefulsets": ("apps/v1", "StatefulSet", {"spec": {**SELECTOR, "replicas": 0, "serviceName": "x", "template": TEMPLATE}}),
    "daemonsets": ("apps/v1", "DaemonSet", {"spec": {**SELECTOR, "template": TEMPLATE}}),
    "replicasets": ("apps/v1", "ReplicaSet", {"spec": {**SELECTOR, "replicas": 0, "template": TEMPLATE}}),
    "jobs": ("batch/v1", "Job", {"spec": {"suspend": True, "template": {"spec": dict(TEMPLATE["spec"], restartPolicy="Never")}}}),
    "cronjobs": ("batch/v1", "CronJob", {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": dict(TEMPLATE["spec"], restartPolicy="Never")}}}}}),
    "ingresses": ("networking.k8s.io/v1", "Ingress", {"spec": {"rules": [{"host": "example.com"}]}}),
    "customresourcedefinitions": ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}),
    "persistentvolumes": ("v1", "PersistentVolume", {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}}),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaim", {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
    "storageclasses": ("storage.k8s.io/v1", "StorageClass", {"provisioner": "x.example.com"}),
    "priorityclasses": ("scheduling.k8s.io/v1", "PriorityClass", {"value": 5}),
    "clusterroles": ("rbac.authorization.k8s.io/v1", "ClusterRole", {"rules": []}),
    "rolebindings": ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"}}),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscaler", {"spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "a"}}}),
    "poddisruptionbudgets": ("policy/v1", "PodDisruptionBudget", {"spec": {**SELECTOR, "minAvailable": 1}}),
    "events": ("v1", "Event", {"involvedObject": {"namespace": "fuzz"}}),
    "subjectaccessreviews": ("authorization.k8s.io/v1", "SubjectAccessReview", {"spec": {"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods"}}}),
    "selfsubjectaccessreviews": ("authorization.k8s.io/v1", "SelfSubjectAccessReview", {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}),
    "selfsubjectrulesreviews": ("authorization.k8s.io/v1", "SelfSubjectRulesReview", {"spec": {"namespace": "default"}}),
    "tokenreviews": ("authentication.k8s.io/v1", "TokenReview", {"spec": {"token": "x"}}),
}
# Patterns that are slow, wrong, or of another language.
PATTERNS = ["(a+)+$", "(a|a)*b", "((a{1,999}){1,999}){1,999}", "(" * 500, "[", "(?=a)", "(?P<x>a)\\1", "\\p{Greek}", ".{0,65535}", "^(?i)x$", "\0", "a" * 5000]
TEXTS = ["", "a", "x" * 64, "x" * 254, "x" * 5000, "\0", "\u202e", "💥", "../..", "%2f", "a/b", "a\nb", "-1", "1e999", "null", "{{.}}", "$(x)", "${x}", "<script>", "\ud7ff"]
NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63), 0.5, 1e308, -0.0]


class Bodies:
    def __init__(self, chance: random.Random):
        self.chance = chance

    # Values

    def value(self, depth: int = 0):
        kind = self.chance.randrange(9 if depth < 4 else 6)
        if kind == 0:
            return None
        if kind == 1:
            return self.chance.choice([True, False])
        if kind == 2:
            return self.chance.choice(NUMBERS)
        if kind in (3, 4, 5):
            return self.chance.choice(TEXTS)
        if kind == 6:
            return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
        return {self.chance.choice([*TEXTS, "name", "key", "spec", "$patch", "metadata"]): self.value(depth + 1) for _ in range(self.chance.randrange(4))}

    def places(self, value, found=None):
        """Every object and list in a value."""
        found = [] if found is None else found
        if isinstance(value, (dict, list)):
            found.append(value)
            for inner in value.values() if isinstance(value, dict) else value:
                self.places(inner, found)
        return found

    def broken(self, value: dict) -> dict:
        value = copy.deepcopy(value)
        for _ in range(self.chance.choice([0, 0, 1, 1, 1, 2, 5])):
            place = self.chance.choice(self.places(value))
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            kind = self.chance.randrange(6)
            if kind == 0 and keys:
                del place[self.chance.choice(keys)]
            elif kind <= 2 and keys:
                place[self.chance.choice(keys)] = self.value()
            elif isinstance(place, dict):
                place[self.chance.choice([*TEXTS, "unknown", "status", "spec", "kind"])] = self.value()
            elif kind == 3 and place:
                place.extend(copy.deepcopy(place) * self.chance.choice([1, 50]))
            else:
                place.append(self.value())
        return value

    def metadata(self) -> dict:
        odd, made = self.chance, {}
        name = odd.choice(["a", "b", "c", "d", "e", "f", *TEXTS[:12]])
        made["generateName" if odd.random() < 0.1 else "name"] = name
        more = {
            "namespace": lambda: odd.choice(["fuzz", "fuzz", "other", ""]),
            "labels": lambda: {odd.choice(TEXTS + ["a", "b.example.com/c"]): odd.choice(TEXTS) for _ in range(odd.choice([1, 1, 200]))},
            "annotations": lambda: {"a": "x" * odd.choice([1, 1000, 300_000])},
            "resourceVersion": lambda: odd.choice(["0", "1", "-1", "x", "99999999999999999999", ""]),
            "uid": lambda: odd.choice(["", "x", "00000000-0000-0000-0000-000000000000"]),
            "finalizers": lambda: odd.choice([["x"], ["a/b"], ["foregroundDeletion"]]) if odd.random() < 0.1 else [],
            "ownerReferences": lambda: [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "x", "blockOwnerDeletion": True}] if odd.random() < 0.2 else odd.choice([[{}], [None], {}]),
            "managedFields": self.managed,
            "deletionTimestamp": lambda: "2020-01-01T00:00:00Z",
            "creationTimestamp": lambda: odd.choice([None, "x", "2020-01-01T00:00:00Z", "9999-99-99T99:99:99Z"]),
            "generation": lambda: odd.choice(NUMBERS),
            "selfLink": lambda: "x",
        }
        for key in odd.sample(sorted(more), odd.choice([0, 0, 1, 2])):
            made[key] = more[key]()
        return made

    def managed(self):
        odd = self.chance
        deep = {"f:a": {}}
        for _ in range(odd.choice([1, 5, 50, 5000])):
            deep = {odd.choice(["f:a", 'k:{"name":"x"}', "v:1", "i:0", ".", "f:", "k:{", "v:", "x", "i:-1", 'k:{"a":' + "[" * 50 + "}"]): deep}
        entry = {"manager": odd.choice(["x", "", "x" * 300]), "operation": odd.choice(["Apply", "Update", "Odd"]), "apiVersion": odd.choice(["v1", "", "a/b/c"]),
                 "time": odd.choice(["2020-01-01T00:00:00Z", "x"]), "fieldsType": odd.choice(["FieldsV1", "FieldsV2", ""]), "fieldsV1": odd.choice([deep, {}, [], "x", None])}
        if odd.random() < 0.3:
            entry.pop(odd.choice(sorted(entry)))
        return odd.choice([[entry], [entry] * 200, [], [{}], None, entry])

    def definition(self, plural: str) -> dict:
        item = {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "integer"}}, "required": ["name"]}
        properties = {
            "size": {"type": "integer", "minimum": 0}, "text": {"type": "string", "pattern": "^[a-z]*$"},
            "list": {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "any": {"x-kubernetes-preserve-unknown-fields": True}, "port": {"x-kubernetes-int-or-string": True},
        }
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
        kind = plural.capitalize().removesuffix("s")
        return {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind}, "versions": [version]},
        }

    def hostile_definition(self) -> dict:
        odd = self.chance
        made = self.definition(odd.choice(["gadgets", "gizmos", "widgets"]))
        schema = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        deep = {"type": "string"}
        for _ in range(odd.choice([10, 200, 5000])):
            deep = {"type": "object", "properties": {"x": deep}}
        hostile = [
            {"type": "string", "pattern": odd.choice(PATTERNS)}, {"type": "string", "enum": [f"v{i}" for i in range(odd.choice([10, 50_000]))]},
            deep, {"$ref": "#/definitions/x"}, {"type": "object", "x-kubernetes-embedded-resource": True},
            {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}, {"type": "array"},
            {"type": "object", "x-kubernetes-validations": [{"rule": odd.choice(["self.all(x, self.all(y, true))", "(" * 1000, "true", "", "self.x.y.z > 1"])}]},
            {"type": odd.choice(["odd", "", None, 5])}, {"type": "integer", "default": odd.choice(["x", 1, None])},
            {"allOf": [{"type": "string"}] * 100}, {"not": {"not": {"not": {}}}}, {"type": "string", "format": odd.choice(TEXTS)},
            {"type": "integer", "multipleOf": odd.choice([0, -1, 1e-300])}, {"type": "object", "additionalProperties": False},
            {"type": "string", "minLength": 2**63, "maxLength": -1}, {"oneOf": [], "anyOf": {}}, self.value(),
        ]
        schema["properties"]["spec"]["properties"]["odd"] = odd.choice(hostile)
        if odd.random() < 0.3:
            made["spec"]["versions"][0]["additionalPrinterColumns"] = [{"name": "x", "type": "string", "jsonPath": odd.choice([".a", "[", ".a[?(@.b==1)]", "." * 1000, ".a[" * 500, "..", ".spec.list[*].name"])}]
        return made

    # Bodies

    def object(self, plural: str):
        """An object of a kind, its media type and more headers."""
        version, kind, rest = SEEDS.get(plural, ("v1", "ConfigMap", {}))
        made = {"apiVersion": version, "kind": kind, "metadata": self.metadata(), **copy.deepcopy(rest)}
        if plural == "customresourcedefinitions":
            made = self.hostile_definition()
        return self.written(self.broken(made))

    def changed(self, plural: str, old: dict):
        made = copy.deepcopy(old)
        if self.chance.random() < 0.5:
            made["metadata"].pop("resourceVersion", None)
        if self.chance.random() < 0.2:
            made["metadata"].update(self.metadata() | {"name": old["metadata"]["name"]})
        return self.written(self.broken(made))

    def written(self, made):
        odd = self.chance
        text = json.dumps(made)
        way = odd.randrange(20)
        if way <= 8:
            return text.encode(), JSON, {}
        if way <= 10:
            return text.encode(), YAML, {}
        if way == 11:
            return self.yaml(text), YAML, {}
        if way <= 13:
            return self.protobuf(made), PROTOBUF, {}
        if way == 14:
            return self.damaged(text.encode()), JSON, {}
        if way == 15:
            return self.deep(), odd.choice([JSON, YAML]), {}
        if way == 16:
            return text.encode(), odd.choice(["", "text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "a" * 5000, "application/json,application/yaml", "*/*"]), {}
        if way == 17:
            return text.encode(), JSON, {"Content-Encoding": odd.choice(["gzip", "deflate", "odd"])}
        if way == 18:
            return text.replace('"metadata"', '"metadata": {}, "metadata"', 1).encode(), JSON, {}
        return text.encode(), JSON, {"Impersonate-User": odd.choice(["x", "", "system:serviceaccount:a:b:c", "x" * 3000]), **odd.choice([{}, {"Impersonate-Group": "system:masters"}, {"Impersonate-Extra-%zz": "x"}])}

    def damaged(self, text: bytes) -> bytes:
        text = bytearray(text)
        for _ in range(self.chance.choice([1, 1, 3])):
            at = self.chance.randrange(max(1, len(text)))
            kind = self.chance.randrange(4)
            if kind == 0:
                text = text[:at]
            elif kind == 1:
                text[at:at] = self.chance.choice([b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800", b"\xef\xbb\xbf", b"NaN", b"-Infinity", b"1e999999", b"[" * 200])
            elif kind == 2 and text:
                text[at : at + 1] = bytes([self.chance.randrange(256)])
            else:
                text = text + text
        return bytes(text)

    def deep(self) -> bytes:
        many = self.chance.choice([30, 150, 1000, 20_000, 200_000])
        return self.chance.choice([
            b"[" * many, b'{"a":' * many, b"[" * many + b"]" * many, b'{"data":' + b'{"a":' * many + b"1" + b"}" * many + b"}",
            b"- " * many, b"".join(b" " * i + b"a:\n" for i in range(min(many, 1500))), b"? " * many,
        ])

    def yaml(self, text: str) -> bytes:
        odd = self.chance
        return odd.choice([
            text + "\n---\n" + text, "&a " + text + "\n", "--- !!binary x\n", "%YAML 9.9\n---\n" + text, "a: *b\n", "a: &a [*a, *a]\n",
            "<<: [&x {a: b}, *x]\n" + "kind: ConfigMap\n", "kind: ConfigMap\n<<: " + text, "? " + text + "\n: 1\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yes\ndata: {a: 0x1F, b: 012, c: .nan, d: 2020-01-01, e: ~, f: !!str 1}\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: &n a}\ndata: {x: *n}\n", "\t" + text, text.replace('"', "'"), "!<tag:x> " + text, "",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: |\n" + "".join(f"    {i}\n" for i in range(1000)),
        ]).encode()

    def bombs(self):
        """Small texts that stand for huge ones."""
        laughs = "a0: &a0 [" + ",".join(["lol"] * 10) + "]\n"
        laughs += "".join(f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 10) + "]\n" for i in range(1, 12))
        merged = "m0: &m0 {" + ",".join(f"k{i}: v" for i in range(10)) + "}\n"
        merged += "".join(f"m{i}: &m{i} {{" + ",".join(f"k{n}: *m{i - 1}" for n in range(10)) + "}\n" for i in range(1, 12))
        yield "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n" + laughs, YAML
        yield "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n" + merged, YAML
        wide = "x: &x " + json.dumps({f"k{i}": "v" * 50 for i in range(5000)}) + "\n" + "".join(f"y{i}: *x\n" for i in range(20_000))
        yield "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n" + wide, YAML

    def large(self):
        more = "x" * MAX
        yield json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": more}}), JSON
        yield "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: " + more + "}\n", YAML
        yield b"k8s\0" + bytes(MAX), PROTOBUF

    # Protobuf

    def varint(self, number: int) -> bytes:
        made = bytearray()
        while number > 127:
            made.append(number & 127 | 128)
            number >>= 7
        return bytes(made + bytes([number]))

    def field(self, number: int, content: bytes) -> bytes:
        length = len(content) if self.chance.random() < 0.97 else self.chance.choice([0, 2**31, 2**63, 2**64 - 1, len(content) + 1])
        return self.varint(number << 3 | 2) + self.varint(length) + content

    def message(self, depth: int = 0) -> bytes:
        made = b""
        for _ in range(self.chance.randrange(5)):
            number = self.chance.choice([1, 2, 3, 4, 5, 6, 11, 15, 100, 2**28])
            kind = self.chance.randrange(6)
            if kind == 0:
                made += self.varint(number << 3) + self.varint(self.chance.choice([0, 1, 2**63, 2**64 - 1]))
            elif kind == 1:
                made += self.varint(number << 3 | self.chance.randrange(8)) + bytes(self.chance.randrange(256) for _ in range(8))
            elif kind <= 3 and depth < 30:
                made += self.field(number, self.message(depth + 1))
            else:
                made += self.field(number, self.chance.choice([b"a", b"", b"\xff\xfe", b"x" * 300, b"name"]))
        return made

    def protobuf(self, made: dict) -> bytes:
        version, kind = made.get("apiVersion"), made.get("kind")
        named = lambda text: text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b"v1"  # noqa: E731
        about = self.field(1, named(version)) + self.field(2, named(kind))
        name = self.field(1, self.chance.choice([b"a", b"b", b"", b"\xff", b"x" * 300]))
        raw = self.field(1, name + self.message()) + self.message()
        if self.chance.random() < 0.1:
            for _ in range(self.chance.choice([50, 500, 5000])):
                raw = self.field(1, raw)
        whole = b"k8s\0" + self.field(1, about) + self.field(2, raw) + self.chance.choice([b"", b"", self.field(3, b"gzip"), self.field(4, JSON.encode()), self.message()])
        return self.damaged(whole) if self.chance.random() < 0.3 else whole

    # Patches

    def patch(self, plural: str, way: str, name: str, old: dict | None) -> bytes:
        odd = self.chance
        if odd.random() < 0.05:
            return self.deep()
        version, kind, rest = SEEDS.get(plural, ("v1", "ConfigMap", {}))
        if way == "json":
            return json.dumps(self.steps(old)).encode()
        body = self.broken(copy.deepcopy(rest))
        if way == "apply":
            body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **body}
            if odd.random() < 0.3:
                body["metadata"].update(self.metadata() | {"name": name})
            return self.yaml(json.dumps(body)) if odd.random() < 0.1 else json.dumps(body).encode()
        if way == "strategic":
            for _ in range(odd.choice([0, 1, 2])):
                place = odd.choice([one for one in self.places(body) if isinstance(one, dict)] or [body])
                key, value = odd.choice([
                    ("$patch", "replace"), ("$patch", "delete"), ("$patch", "odd"), ("$patch", {}), ("$retainKeys", ["a"]), ("$retainKeys", "x"),
                    ("$setElementOrder/containers", [{"name": "c"}]), ("$setElementOrder/containers", [{}]), ("$setElementOrder/ports", "x"),
                    ("$deleteFromPrimitiveList/finalizers", ["x"]), ("$deleteFromPrimitiveList/a", {}), ("$setElementOrder/", []), ("$", 1),
                    ("containers", [{"image": "no name"}]), ("containers", [{"$patch": "delete"}]), ("containers", [{"$patch": "delete", "name": "c"}]),
                    ("containers", [{"name": "c"}, {"name": "c"}]), ("containers", [1, None]), ("finalizers", [None, "a"]),
                ])
                place[key] = value
        if odd.random() < 0.3:
            body["metadata"] = self.metadata()
        return json.dumps(odd.choice([body] * 9 + [self.value()])).encode()

    def steps(self, old: dict | None):
        odd = self.chance
        paths = ["/data", "/data/a", "/metadata/labels", "/metadata/annotations/a", "/spec", "/metadata/name", "/metadata", "", "/", "/a~2", "/data/~1", "/data/-", "/metadata/finalizers/-", "/metadata/managedFields", "/x" * 2000]
        if odd.random() < 0.1:
            # Doubles what is there, again and again.
            return [{"op": "add", "path": "/data", "value": {"a": "x" * 1000}}] + [
                {"op": "copy", "from": "/data", "path": f"/data/k{i}"} for i in range(odd.choice([10, 60, 5000]))]
        if odd.random() < 0.1:
            return [{"op": "test", "path": "/data", "value": {"a": "b"}}] * odd.choice([1, 9_999, 10_001, 20_000])
        made = []
        for _ in range(odd.choice([1, 1, 2, 5])):
            step = {"op": odd.choice(["add", "remove", "replace", "move", "copy", "test", "odd"]), "path": odd.choice(paths)}
            if odd.random() < 0.7:
                step["value"] = self.value()
            if odd.random() < 0.4:
                step["from"] = odd.choice(paths)
            made.append(step)
        return odd.choice([made] * 9 + [self.value()])

    def options(self, old: dict):
        odd = self.chance
        metadata = old["metadata"]
        return odd.choice([
            {}, {"preconditions": {"uid": "x"}}, {"preconditions": {"resourceVersion": metadata["resourceVersion"]}}, {"preconditions": {"resourceVersion": "x"}},
            {"propagationPolicy": "Orphan"}, {"propagationPolicy": "Odd"}, {"gracePeriodSeconds": -1}, {"gracePeriodSeconds": "x"}, {"orphanDependents": 1},
            {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]} if odd.random() < 0.01 else {"kind": "Pod"}, [], "x", None, self.value(),
        ])

    # Reading

    def read_query(self, versions) -> str:
        odd = self.chance
        text = lambda: urllib.parse.quote(odd.choice(TEXTS), safe="")  # noqa: E731
        terms = [
            "limit=" + odd.choice(["1", "0", "-1", "x", "99999999999999999999", "500"]),
            "continue=" + odd.choice([text(), self.forged("e30"), base64.urlsafe_b64encode(self.damaged(b'{"rv":1,"namespace":"fuzz","name":"a"}')).decode().rstrip("=")]),
            "resourceVersion=" + odd.choice(["0", "1", "-1", "x", "18446744073709551615", "99999999999999999999999", ""]),
            "resourceVersionMatch=" + odd.choice(["Exact", "NotOlderThan", "Odd", ""]),
            "watch=" + odd.choice(["true", "1", "false", "odd", ""]), "allowWatchBookmarks=true", "sendInitialEvents=" + odd.choice(["true", "odd"]),
            "timeoutSeconds=" + odd.choice(["1", "0", "-1", "x"]), "pretty=" + odd.choice(["true", "odd"]),
            "labelSelector=" + self.selector(), "fieldSelector=" + self.fields(), text() + "=" + text(), "%zz=%", "&&==&",
        ]
        return "&".join(odd.sample(terms, odd.choice([1, 2, 3])))

    def selector(self) -> str:
        odd = self.chance
        many = odd.choice([1, 20, 400])
        return urllib.parse.quote(odd.choice([
            ",".join(f"a{i}=b" for i in range(many)), ",".join(f"a in ({','.join(['x'] * many)})" for _ in range(3)), "a in (" * many, "(" * many, "!" * many,
            "a=b=c", "a==", "=", ",", "a notin ()", "a>5,b<x", "a in (b", "a" * 5000, "a/b/c=d", "é=x", "a\0=b", "a in (,,,)", "x,!x", "a=" + "b" * 64,
        ]), safe="")

    def fields(self) -> str:
        odd = self.chance
        return urllib.parse.quote(odd.choice([
            "metadata.name=a", ",".join(["metadata.name!=a"] * 500), "metadata.name=" + "a" * 5000, "spec.nodeName=x", "odd=x", "=", "metadata.name", "a\\,b=c\\=d",
            "metadata.namespace=fuzz,metadata.name=a", "status.phase=Running", "\\", "metadata.name=a\\", "metadata.name==\0", ",,,", "spec.size=1",
        ]), safe="")

    def accept(self) -> str:
        table = ";as=Table;v=v1;g=meta.k8s.io"
        return self.chance.choice([
            JSON, JSON, JSON + table, JSON + ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", JSON + ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io", JSON + ";as=Odd;v=v9",
            PROTOBUF, YAML, "*/*", "text/html", "", ",,,;;;q=x", JSON + table + ",application/json", "application/*;q=0", "a" * 3000, (JSON + table + ",") * 200 + JSON,
        ])

    def forged(self, token: str) -> str:
        odd = self.chance
        if odd.random() < 0.3:
            return urllib.parse.quote(token)
        made = [
            {"rv": odd.choice([0, 1, -1, 2**63, 2**64 - 1, 2**70, "x"]), "namespace": odd.choice(TEXTS), "name": odd.choice(TEXTS)}, {}, [], None, {"rv": 1},
            {"v": "meta.k8s.io/v1", "rv": 1, "start": "../../../../etc/passwd"},
        ]
        return base64.urlsafe_b64encode(json.dumps(odd.choice(made)).encode()).decode().rstrip("=")

    def path(self) -> str:
        odd = self.chance
        names = ["a", "default", "..", ".", "%2e%2e", "%2f", "a%2fb", "%00", "%ff", "%", "%zz", "é", "a b", "a;b", "x" * 300, "x" * 9_000, "", "fuzz", "status", "A", "%25", "~", "*", "a?b"]
        name = lambda: urllib.parse.quote(odd.choice(names), safe="%/;*~?")  # noqa: E731
        root = odd.choice(["/api/v1", "/apis/apps/v1", "/apis/example.com/v1", "/apis", "/api", "/openapi/v3", "/apis/none/v1", "", "/version", "/healthz", "/k8s", "/metrics"])
        made = root
        for _ in range(odd.randrange(6)):
            made += "/" + odd.choice(["namespaces", "configmaps", "pods", "nodes", "status", name(), name(), name()])
        if not made.startswith("/") or odd.random() < 0.05:
            made = "/" + made
        return made + "?" + self.read_query([]) if "?" not in made else made
