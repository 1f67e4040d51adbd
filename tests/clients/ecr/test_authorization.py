"""Passwords for docker login."""

import base64
import datetime

from conftest import ACCOUNT, Docker, client, fails, mistyped

OTHER = "111122223333"


def test_get_authorization_token(ecr, repository):
    answer = ecr.get_authorization_token()
    (data,) = answer["authorizationData"]
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":")
    assert user == "AWS" and password
    # The server's clock is the test's, so only the hours after its own date are known.
    now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    assert isinstance(data["expiresAt"], datetime.datetime), now
    assert data["proxyEndpoint"].startswith("http")
    docker = Docker(ecr)
    assert docker.call("GET", "/v2/")[0] == 200
    docker.push(repository, "v1")

    # The deprecated member is still sent by credential helpers.
    get = ecr.get_authorization_token
    (named,) = get(registryIds=[ACCOUNT])["authorizationData"]
    assert named["proxyEndpoint"] == data["proxyEndpoint"]
    assert len(get(registryIds=[ACCOUNT] * 10)["authorizationData"]) == 10
    for count in (0, 11):
        fails("InvalidParameterException", get, "'registryIds'", registryIds=[ACCOUNT] * count)
    for bad in ("", "1", "x" * 12, ACCOUNT + "0"):
        fails("InvalidParameterException", get, "registryId", registryIds=[bad])
    for bad in (ACCOUNT, [None], [1], [[ACCOUNT]], {"0": ACCOUNT}):
        mistyped(get, "registryIds", registryIds=bad)


def test_the_password_of_another_account_is_not_good_here(ecr, repository):
    other = Docker(client(key=OTHER))
    assert other.call("GET", "/v2/")[0] == 200
    assert other.pull(repository, "v1")[0] == 404
    assert other.call("POST", f"/v2/{repository}/blobs/uploads/", b"")[0] in (403, 404)
