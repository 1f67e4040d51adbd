"""The API of a cluster without kubectl: tokens that are signed here, rightly or not, and requests."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import ssl
import urllib.parse

import boto3
import urllib3

REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
JSON = "application/json"
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


def eks(key: str = "test", secret: str = "test"):
    return boto3.client(
        "eks", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=REGION,
        aws_access_key_id=key, aws_secret_access_key=secret,
    )


def sign(secret: str, date: str, region: str, service: str, text: str) -> str:
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def token(cluster: str, key: str = "test", secret: str = "test", **odd) -> str:
    """A token as `aws eks get-token` makes it, or an odd one: `odd` names what is not as usual."""
    region, service = odd.get("region", REGION), odd.get("service", "sts")
    at = odd.get("at", 0) + datetime.datetime.now(datetime.UTC).timestamp()
    stamp = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    date = stamp[:8]
    scheme, host = odd.get("scheme", "https"), odd.get("host", f"sts.{REGION}.amazonaws.com")
    headers = odd.get("headers", {"host": host, "x-k8s-aws-id": cluster})
    parameters = {
        "Action": odd.get("action", "GetCallerIdentity"),
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key}/{date}/{region}/{service}/aws4_request",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(odd.get("expires", 60)),
        "X-Amz-SignedHeaders": ";".join(sorted(headers)),
    } | odd.get("more", {})
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")  # noqa: E731
    query = "&".join(f"{quote(name)}={quote(parameters[name])}" for name in sorted(parameters))
    canonical = "\n".join([
        odd.get("method", "GET"), "/", query,
        *(f"{name}:{headers[name]}" for name in sorted(headers)), "",
        ";".join(sorted(headers)), hashlib.sha256(b"").hexdigest(),
    ])
    scope = f"{date}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = odd.get("signature", sign(secret, date, region, service, text))
    if signature:
        query += f"&X-Amz-Signature={signature}"
    url = f"{scheme}://{host}{odd.get('path', '/')}?{query}"
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


class Answer:
    """What the server said, as text and as JSON."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.bytes = response.data

    @property
    def json(self):
        return json.loads(self.bytes)

    def expect(self, *statuses: int):
        assert self.status in statuses, f"{self.status} {self.bytes[:2000]!r}"
        if self.status >= 400:
            self.check_status()
        return self

    def check_status(self):
        """Demands that an error is a `Status` of the right shape; returns it."""
        status = self.json
        assert status["kind"] == "Status" and status["apiVersion"] == "v1", status
        assert status["status"] == "Failure" and status["code"] == self.status, status
        assert isinstance(status.get("reason", ""), str) and isinstance(status["message"], str), status
        assert isinstance(status["metadata"], dict), status
        return status


class Api:
    """A cluster, by its certificate and one user's token."""

    def __init__(self, cluster: str, bearer: str | None = None, key: str = "test", secret: str = "test", **files):
        self.cluster = cluster
        found = eks(*files.pop("reader", (key, secret))).describe_cluster(name=cluster)["cluster"]
        self.endpoint = found["endpoint"]
        self.ca = base64.b64decode(found["certificateAuthority"]["data"]).decode()
        context = ssl.create_default_context(cadata=self.ca)
        if files:
            context.load_cert_chain(files["certificate"], files["key_file"])
        self.pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=60, maxsize=16)
        self.bearer = bearer if bearer is not None else token(cluster, key, secret)

    def ask(self, method: str, path: str, body=None, kind: str = JSON, accept: str = JSON, **settings) -> Answer:
        headers = {"Accept": accept, "User-Agent": "kubectl/v1.34.1"} | settings.pop("headers", {})
        if self.bearer:
            headers.setdefault("Authorization", f"Bearer {self.bearer}")
        if body is not None:
            headers["Content-Type"] = kind
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return Answer(self.pool.request(method, self.endpoint + path, body=body, headers=headers, **settings))

    def get(self, path: str):
        return self.ask("GET", path).expect(200).json

    def create(self, path: str, what: dict):
        return self.ask("POST", path, what).expect(201).json

    def patch(self, path: str, way: str, body) -> Answer:
        mark = "?" if "?" not in path else "&"
        more = f"{mark}fieldManager=test&force=true" if way == "apply" else ""
        return self.ask("PATCH", path + more, body, kind=PATCHES[way])

    def namespace(self, name: str) -> str:
        self.create("/api/v1/namespaces", {"metadata": {"name": name}})
        return f"/api/v1/namespaces/{name}"
