"""REST with JSON: paths, bodies and errors as they are on the wire."""

import json
import urllib.error
import urllib.request

from conftest import ENDPOINT, REGION, ROLE, VPC, fails

SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/eks/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    "X-Amz-Date": "20260101T000000Z",
}


def call(method: str, path: str, body: bytes | None = None, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(ENDPOINT + path, body, SIGNED | named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


def test_an_error_has_a_header_and_members():
    status, headers, body = call("GET", "/clusters/none")
    assert status == 404
    assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert headers["x-amzn-requestid"]
    assert headers["content-type"] == "application/json"
    assert body == {"message": "No cluster found for name: none.", "clusterName": "none"}


def test_paths_that_lead_nowhere():
    for method, path in [("GET", "/none"), ("PUT", "/clusters"), ("GET", "/")]:
        status, headers, _ = call(method, path)
        assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException"), path


def test_a_body_of_another_type_is_refused(eks):
    json_type = {"Content_Type": "application/json"}
    for body in (b"[]", b"1", b"{", b'{"name": 1}', b'{"name": "a", "tags": []}'):
        status, headers, _ = call("POST", "/clusters", body, **json_type)
        assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException"), body
    status, _, _ = call("POST", "/clusters", b"{}", Content_Type="application/xml")
    assert status == 415
    status, headers, _ = call("GET", "/clusters?maxResults=x")
    assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException")
    fails("SerializationException", eks.create_cluster, "roleArn", name="a", roleArn=1, resourcesVpcConfig=VPC)


def test_an_arn_in_a_path_may_have_slashes(cluster, eks):
    arn = eks.describe_cluster(name=cluster)["cluster"]["arn"]
    for path in (arn, urllib.request.quote(arn, safe="")):
        assert call("GET", f"/tags/{path}")[2] == {"tags": {}}


def test_accounts_and_regions_do_not_see_each_other(cluster):
    from conftest import client

    for other in (client(key="111122223333"), client(region="eu-west-1")):
        fails("ResourceNotFoundException", other.describe_cluster, name=cluster)
        assert other.list_clusters()["clusters"] == []
        arn = other.create_cluster(name=cluster, roleArn=ROLE, resourcesVpcConfig=VPC)["cluster"]["arn"]
        assert arn.endswith(cluster)
        other.delete_cluster(name=cluster)
