"""Credentials that are forged, too old, of somebody else or of another cluster: 401, over the cluster's own TLS."""

import base64
import hashlib
import hmac
import json
import subprocess

import pytest
from api import Api, eks, token
from tools import ACCOUNT, Shell, until

CLUSTER, OTHER = "tokens", "tokens-other"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MINUTE = 60


@pytest.fixture(scope="module")
def api():
    for name in (CLUSTER, OTHER):
        eks().create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    return Api(CLUSTER)


def status(api, bearer: str) -> int:
    own, api.bearer = api.bearer, bearer
    try:
        answer = api.ask("GET", "/api/v1/namespaces")
    finally:
        api.bearer = own
    if answer.status == 401:
        assert answer.json == {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
        }
    return answer.status


def test_good_tokens(api):
    assert status(api, token(CLUSTER)) == 200
    assert status(api, token(CLUSTER, at=-14 * MINUTE)) == 200
    assert status(api, token(CLUSTER, expires=900)) == 200
    # AWS_ENDPOINT_URL makes the CLI sign for this server.
    host = api.endpoint.removeprefix("https://").partition(":")[0] + ":4566"
    assert status(api, token(CLUSTER, scheme="http", host=host)) == 200


ODD = {
    "too old": dict(at=-16 * MINUTE),
    "of yesterday": dict(at=-24 * 60 * MINUTE),
    "from the future": dict(at=10 * MINUTE),
    "good for too long": dict(expires=901),
    "good for a negative time": dict(expires=-1),
    "of no time": dict(expires=""),
    "of another region": dict(region="eu-west-1"),
    "of another service": dict(service="s3"),
    "another action": dict(action="GetSessionToken"),
    "no action": dict(action=""),
    "another path": dict(path="/x/"),
    "another scheme": dict(scheme="ftp"),
    "another host": dict(host="sts.us-east-1.example.com"),
    "a host that begins like AWS's": dict(host="sts.us-east-1.amazonaws.com.example.com"),
    "a host with a user": dict(host="sts.us-east-1.amazonaws.com@example.com"),
    "a port of another host": dict(host="sts.us-east-1.example.com:4566"),
    "of another cluster": dict(headers={"host": "sts.us-east-1.amazonaws.com", "x-k8s-aws-id": OTHER}, only_strict=True),
    "of no cluster": dict(headers={"host": "sts.us-east-1.amazonaws.com"}),
    "without its host": dict(headers={"x-k8s-aws-id": CLUSTER}),
    "one more parameter": dict(more={"Extra": "1"}),
    "one more policy": dict(more={"Policy": "{}"}),
    "unsigned": dict(signature=""),
    "a short signature": dict(signature="0" * 63),
    "no hexadecimal signature": dict(signature="x" * 64),
}


@pytest.mark.parametrize("odd", [name for name in ODD if not ODD[name].get("only_strict")])
def test_odd_tokens(api, odd):
    assert status(api, token(CLUSTER, **ODD[odd])) == 401


def test_broken_tokens(api):
    good = token(CLUSTER)
    url = base64.urlsafe_b64decode(good.removeprefix("k8s-aws-v1.") + "===").decode()

    def made(text: str) -> str:
        return "k8s-aws-v1." + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    assert status(api, made(url)) == 200
    broken = [
        good[:-40], good + "=", good + "====", good[:30] + "!" + good[30:], good.replace("v1.", "v2."), good.upper(),
        made(url + "#x"), made(url.replace("/?", "?")), made(url + "&X-Amz-Signature=" + "0" * 64),
        made(url.replace("X-Amz-Expires", "X-Amz-%45xpires")), made(url.replace("Action", "action") + "&Action=GetCallerIdentity"),
        made(url + "&x=" + "y" * 4096), made("https://"), made(""), made("\0"), "k8s-aws-v1." + "A" * 60000,
    ]
    for one in broken:
        assert status(api, one) == 401, one[:200]


def part(what) -> str:
    raw = what if isinstance(what, bytes) else json.dumps(what).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read(text: str):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def account(api, name: str) -> str:
    at = f"/api/v1/namespaces/default/serviceaccounts/{name}"
    api.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": name}})
    return at


def issued(api, at: str, **spec) -> str:
    answer = api.create(f"{at}/token", {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    return answer["status"]["token"]


# An account without rights is known, and may not list namespaces.
KNOWN = 403


def test_forged_service_account_tokens(api):
    good = issued(api, account(api, "forged"))
    assert status(api, good) == KNOWN
    head, claims, signature = good.split(".")
    header, body = read(head), read(claims)
    admin = dict(body, sub="system:serviceaccount:kube-system:default")
    keys = api.get("/openid/v1/jwks")
    public = json.dumps(keys["keys"][0]).encode()
    mac = part(hmac.new(public, f"{part(dict(header, alg='HS256'))}.{claims}".encode(), hashlib.sha256).digest())
    forged = [
        f"{head}.{part(admin)}.{signature}",
        f"{head}.{part(dict(body, exp=body['exp'] + 10**6))}.{signature}",
        f"{part(dict(header, alg='none'))}.{claims}.",
        f"{part(dict(header, alg='none'))}.{claims}.{signature}",
        f"{part({'alg': 'None'})}.{claims}.",
        f"{part(dict(header, alg='HS256'))}.{claims}.{mac}",
        f"{part(dict(header, kid='other'))}.{claims}.{signature}",
        f"{part(dict(header, jku='http://127.0.0.1:1/jwks', jwk=keys['keys'][0]))}.{claims}.{signature}",
        f"{head}.{claims}.", f"{head}.{claims}", f"{head}..{signature}", f".{claims}.{signature}", "..", "a.b.c",
        f"{head}.{claims}.{signature[:-4]}", f"{head}.{claims}.{part(bytes(256))}", good + "A", good + ".",
    ]
    for one in forged:
        assert status(api, one) == 401, one


def test_tokens_of_other_audiences_and_clusters(api):
    at = account(api, "audience")
    assert status(api, issued(api, at, audiences=["https://kubernetes.default.svc"])) == KNOWN
    assert status(api, issued(api, at, audiences=["sts.amazonaws.com"])) == 401
    other = Api(OTHER)
    assert status(api, issued(other, account(other, "audience"))) == 401
    assert status(other, token(CLUSTER, headers={"host": "sts.us-east-1.amazonaws.com"})) == 401


def test_tokens_end_with_what_they_are_bound_to(api):
    at = account(api, "bound")
    plain = issued(api, at)
    pods = "/api/v1/namespaces/default/pods"
    pod = api.create(pods, {"metadata": {"name": "p"}, "spec": {"serviceAccountName": "bound", "containers": [{"name": "c", "image": "nginx"}]}})
    bound = issued(api, at, boundObjectRef={"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": pod["metadata"]["uid"]})
    assert status(api, bound) == KNOWN
    wrong = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "0"}
    api.ask("POST", f"{at}/token", {"spec": {"boundObjectRef": wrong}}).expect(409)
    api.ask("DELETE", f"{pods}/p?gracePeriodSeconds=0").expect(200, 202)
    until("the pod is gone", lambda: api.ask("GET", f"{pods}/p").status == 404)
    assert (status(api, bound), status(api, plain)) == (401, KNOWN)
    # A pod of the same name is another one.
    api.create(pods, {"metadata": {"name": "p"}, "spec": {"serviceAccountName": "bound", "containers": [{"name": "c", "image": "nginx"}]}})
    assert status(api, bound) == 401
    api.ask("DELETE", at).expect(200)
    assert status(api, plain) == 401
    account(api, "bound")
    assert status(api, plain) == 401


@pytest.fixture
def certificate(tmp_path):
    """Makes a certificate for a user that another authority signed."""

    def made(subject: str, days: str = "1", name: str = "CN=kubernetes"):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

        (tmp_path / "more.txt").write_text("extendedKeyUsage=clientAuth\n")
        ca = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl(*ca, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/" + name, "-days", "1")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", "key.pem", "-out", "csr.pem", "-subj", subject)
        openssl("x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "certificate.pem", "-days", days, "-extfile", "more.txt")
        return dict(certificate=str(tmp_path / "certificate.pem"), key_file=str(tmp_path / "key.pem"))

    return made


def test_certificates_of_other_authorities(api, certificate):
    """They are nobody's, as if none had been shown."""
    masters = "/O=system:masters/CN=admin"
    # With the name of the cluster's authority, too.
    for files in (certificate(masters), certificate(masters, name="CN=" + CLUSTER), certificate(masters, days="0")):
        shown = Api(CLUSTER, "", **files)
        answer = shown.ask("GET", "/api/v1/namespaces")
        assert answer.status == 401 and answer.json["message"] == "Unauthorized"
        assert shown.ask("GET", "/healthz").status == 200
        # A token beside it counts.
        assert status(shown, token(CLUSTER)) == 200


def test_kubectl_says_what_is_wrong():
    shell = Shell()
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER)
    shell.kubectl("get", "namespaces")
    said = shell.fails("kubectl", "get", "namespaces", "--token=nonsense", "--user=none")
    assert "You must be logged in to the server" in said or "user" in said
    shell.kubectl("config", "set-credentials", "forged", "--token=" + token(CLUSTER, at=-16 * MINUTE))
    said = shell.fails("kubectl", "get", "namespaces", "--user=forged")
    assert "You must be logged in to the server" in said, said
