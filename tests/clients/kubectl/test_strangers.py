"""Every route there is, as discovery tells it: 401 without credentials, 403 without rights."""

import itertools
import re

import pytest
from api import JSON, PATCHES, Api, eks, token
from tools import ACCOUNT, until

CLUSTER = "strangers"
# What AWS leaves open since 1.32.
OPEN = ["/healthz", "/livez", "/readyz"]
# What every user may read: the roles system:discovery, system:public-info-viewer and
# system:service-account-issuer-discovery (which is for service accounts only).
PUBLIC = ["/api", "/apis", "/version", "/version/", "/openapi", "/openapi/v2", "/openapi/v3", "/healthz", "/livez", "/readyz"]
CLOSED = [
    "/", "/metrics", "/logs", "/logs/x", "/debug/pprof/", "/.well-known/openid-configuration", "/openid/v1/jwks", "/swagger.json",
    "/no/such/path", "/api/v1/nothing", "/apis/none.example.com/v1/x", "/api/v1/namespaces/default/nothing/x",
    "/k8s", "/healthzz", "/healthz%2F..%2Fapi", "//api", "/api/../metrics", "/%61pi", "/id", "/livez/", "/livez/ping", "/readyz/etcd",
]
VERBS = {
    "get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE",
    "deletecollection": "DELETE",
}


@pytest.fixture(scope="module")
def api():
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    eks().create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]},
                         accessConfig={"authenticationMode": "API"})
    api = Api(CLUSTER)
    api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    })
    until("the custom resource is served", lambda: api.ask("GET", "/apis/example.com/v1/things").status == 200)
    return api


def groups(api):
    """The version of each group, and where its resources are."""
    yield "", "v1", "/api/v1"
    for group in api.get("/apis")["groups"]:
        for version in group["versions"]:
            yield group["name"], version["version"], f"/apis/{version['groupVersion']}"


def routes(api):
    """Every verb of every resource and subresource: what is asked, and what it is called."""
    for group, version, root in groups(api):
        for resource in api.get(root)["resources"]:
            plural, _, sub = resource["name"].partition("/")
            inside = "/namespaces/default" if resource["namespaced"] else ""
            for verb in resource["verbs"]:
                named = verb not in ("list", "watch", "create", "deletecollection") or sub
                at = f"{root}{inside}/{plural}" + ("/x" if named else "") + (f"/{sub}" if sub else "")
                if sub == "proxy":
                    at += "/some/path"
                if verb == "watch":
                    at += "?watch=true&timeoutSeconds=1"
                yield VERBS[verb], at, (verb, group, resource["name"], inside)
            if resource["namespaced"] and "list" in resource["verbs"]:
                yield "GET", f"{root}/{plural}", ("list", group, plural, "")


def ask(api, method, path, bearer):
    body, kind = None, JSON
    if method in ("POST", "PUT"):
        body = b"{}"
    elif method == "PATCH":
        body, kind = b"{}", PATCHES["merge"]
    own, api.bearer = api.bearer, bearer
    try:
        return api.ask(method, path, body, kind)
    finally:
        api.bearer = own


def paths(api):
    """Discovery, documents, and whatever the root lists."""
    yield from api.get("/")["paths"]
    for _, _, root in groups(api):
        yield root
        yield "/openapi/v3" + root
    yield from CLOSED
    yield from PUBLIC


def test_discovery_tells_of_many_routes(api):
    found = list(routes(api))
    assert len(found) > 400
    kinds = {path.partition("?")[0].rsplit("/", 1)[-1] for _, path, _ in found}
    assert {"status", "scale", "log", "exec", "eviction", "token", "binding", "approval", "ephemeralcontainers", "things"} <= kinds


def unauthorized(answer, what):
    assert answer.status == 401, (what, answer.status, answer.bytes[:200])
    # Kubernetes' own text, and not a word more.
    assert answer.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
    }, what


@pytest.mark.parametrize("bearer", ["", "nonsense", "k8s-aws-v1.", "k8s-aws-v1.nonsense", "eyJhbGciOiJub25lIn0.e30."])
def test_without_credentials_nothing_answers(api, bearer):
    for method, path, _ in routes(api):
        unauthorized(ask(api, method, path, bearer), (method, path))
    for path in paths(api):
        if path not in OPEN:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                answer = ask(api, method, path, bearer)
                assert answer.status == 401, (method, path, answer.status)


def test_only_health_is_open(api):
    for path in OPEN:
        assert ask(api, "GET", path, "").expect(200).bytes == b"ok"
        # Wrong credentials are wrong everywhere.
        assert ask(api, "GET", path, "nonsense").status == 401
    for path, method in itertools.product(OPEN, ("POST", "PUT", "PATCH", "DELETE")):
        assert ask(api, method, path, "").status in (401, 403, 405), (method, path)


@pytest.fixture(scope="module")
def nobody(api):
    """The token of a user with an access entry and no rights."""
    eks().create_access_entry(clusterName=CLUSTER, principalArn=f"arn:aws:iam::{ACCOUNT}:user/AKIDNOBODY", username="nobody")
    return token(CLUSTER, "AKIDNOBODY", "x")


# What system:basic-user lets everybody ask about themselves.
SELF = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


def test_without_rights_every_route_is_forbidden(api, nobody):
    for method, path, (verb, group, name, inside) in routes(api):
        answer = ask(api, method, path, nobody)
        plural = name.partition("/")[0]
        if plural in SELF:
            assert answer.status != 403, path
            continue
        status = answer.expect(403).json
        full = name + (f".{group}" if group else "")
        named = re.search(rf"/{plural}/x(/|$)", path)
        resource = f'{plural}{f".{group}" if group else ""}' + (' "x"' if named else "")
        where = ' in the namespace "default"' if inside else " at the cluster scope"
        if plural == "namespaces" and named:
            # Kubernetes takes a namespace for one that is in itself.
            where = ' in the namespace "x"'
        text = f'{resource} is forbidden: User "nobody" cannot {verb} resource "{name}" in API group "{group}"{where}'
        assert status["message"] == text, (full, status["message"])
        assert status["reason"] == "Forbidden" and status["details"]["kind"] == plural
        assert status["details"].get("group", "") == group and status["details"].get("name", "") == ("x" if named else "")


def test_without_rights_paths_are_forbidden(api, nobody):
    public = re.compile("|".join(re.escape(one) + "(/.*)?$" for one in PUBLIC))
    for path in paths(api):
        if path in ("/", "/swagger.json", "//api", "/%61pi", "/api/../metrics") or public.match(path) or path.startswith("/api"):
            continue
        status = ask(api, "GET", path, nobody).expect(403).json
        assert status["message"] == f'forbidden: User "nobody" cannot get path "{path}"', status["message"]
    for path in PUBLIC[:3]:
        ask(api, "GET", path, nobody).expect(200)
    for method, verb in (("POST", "post"), ("PUT", "put"), ("DELETE", "delete"), ("PATCH", "patch")):
        status = ask(api, method, "/version", nobody).expect(403).json
        assert status["message"] == f'forbidden: User "nobody" cannot {verb} path "/version"'
