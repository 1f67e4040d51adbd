"""Rules of the pull-through cache, and pulls through it.

`WHARF_UPSTREAM` is the URL of another server, which rules may name, with the image `app:v1`, and
`WHARF_CLOSED` one where nobody listens. The secrets `ecr-pullthroughcache/good`, `wrong` and `broken`
are set up: the upstream's credentials, wrong ones, and one without an access token.
"""

import json
import os
import urllib.request
import uuid

import pytest

from conftest import ACCOUNT, REGION, digest, fails

UPSTREAM = os.environ["WHARF_UPSTREAM"]
CLOSED = os.environ["WHARF_CLOSED"]
ROLE = "arn:aws:iam::000000000000:role/upstream"


def secret(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:secretsmanager:{REGION}:{account}:secret:ecr-pullthroughcache/{name}-AbCdEf"


@pytest.fixture
def prefix(ecr):
    name = "p" + uuid.uuid4().hex[:10]
    yield name
    for rule in ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"]:
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=rule["ecrRepositoryPrefix"])
    for found in ecr.describe_repositories()["repositories"]:
        if found["repositoryName"].startswith(name):
            ecr.delete_repository(repositoryName=found["repositoryName"], force=True)


def test_create_pull_through_cache_rule(ecr, prefix):
    create = ecr.create_pull_through_cache_rule
    made = create(ecrRepositoryPrefix=prefix, upstreamRegistryUrl="public.ecr.aws")
    assert made.pop("createdAt") and made.pop("ResponseMetadata")
    assert made == {
        "ecrRepositoryPrefix": prefix,
        "upstreamRegistryUrl": "public.ecr.aws",
        "registryId": ACCOUNT,
        "upstreamRegistry": "ecr-public",
        "upstreamRepositoryPrefix": "ROOT",
    }
    hub = {"upstreamRegistryUrl": "registry-1.docker.io", "upstreamRegistry": "docker-hub"}
    good = {"credentialArn": secret("good")}
    made = create(ecrRepositoryPrefix=prefix + "/hub/", customRoleArn=ROLE, **hub, **good)
    assert made["credentialArn"] == secret("good") and made["customRoleArn"] == ROLE
    assert made["ecrRepositoryPrefix"] == prefix + "/hub/"
    for again in (prefix, prefix + "/", prefix + "/hub"):
        fails(
            "PullThroughCacheRuleAlreadyExistsException",
            create,
            ecrRepositoryPrefix=again,
            upstreamRegistryUrl="quay.io",
        )
    for name, code in {
        "none": "SecretNotFoundException",
        "broken": "UnableToDecryptSecretValueException",
    }.items():
        arn = {"credentialArn": secret(name)}
        fails(code, create, ecrRepositoryPrefix=prefix + "/x", **hub, **arn)
    arn = {"credentialArn": secret("good", "111111111111")}
    fails("UnableToAccessSecretException", create, ecrRepositoryPrefix=prefix + "/x", **hub, **arn)
    for url, kind in (
        ("docker.io", None),
        ("example.com", None),
        ("http://127.0.0.1:1", None),
        ("http://169.254.169.254", None),
        ("https://localhost", "quay"),
        ("quay.io", "docker-hub"),
        ("http://quay.io", "quay"),
        ("quay.io:8443", "quay"),
        ("quay.io/path", "quay"),
        (UPSTREAM + "/path", None),
    ):
        said = {"upstreamRegistry": kind} if kind else {}
        fails(
            "UnsupportedUpstreamRegistryException",
            create,
            ecrRepositoryPrefix=prefix + "/x",
            upstreamRegistryUrl=url,
            **said,
        )
    for members in (
        {"ecrRepositoryPrefix": "x"},
        {"ecrRepositoryPrefix": "x" * 31},
        {"ecrRepositoryPrefix": "Upper"},
        {"upstreamRegistryUrl": ""},
        {"upstreamRegistryUrl": None},
        {"upstreamRegistry": "docker"},
        {"registryId": "x"},
        {"registryId": "111111111111"},
        {"credentialArn": "short"},
        {"credentialArn": secret("good").replace("ecr-pullthroughcache", "elsewhere-and-other")},
        {"upstreamRepositoryPrefix": "-"},
        {"customRoleArn": "role"},
        {"ecrRepositoryPrefix": "ROOT", "upstreamRepositoryPrefix": "team"},
    ):
        arguments = {"ecrRepositoryPrefix": prefix + "/x", "upstreamRegistryUrl": "quay.io"} | members
        arguments = {name: value for name, value in arguments.items() if value is not None}
        fails("InvalidParameterException", create, **arguments)
    # These need credentials.
    for url in ("registry-1.docker.io", "ghcr.io", "registry.gitlab.com", "mine.azurecr.io", "cgr.dev"):
        fails("InvalidParameterException", create, ecrRepositoryPrefix=prefix + "/x", upstreamRegistryUrl=url)


def test_a_registry_has_50_rules(ecr, prefix):
    rule = {"upstreamRegistryUrl": "quay.io"}
    for i in range(50):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=f"{prefix}/{i}", **rule)
    fails("LimitExceededException", ecr.create_pull_through_cache_rule, ecrRepositoryPrefix=prefix, **rule)


def test_describe_pull_through_cache_rules(ecr, prefix):
    describe = ecr.describe_pull_through_cache_rules
    prefixes = [f"{prefix}/{i}" for i in range(5)]
    for one in prefixes:
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=one, upstreamRegistryUrl="quay.io")
    found = describe(ecrRepositoryPrefixes=[prefixes[3], prefixes[1] + "/"])["pullThroughCacheRules"]
    assert [rule["ecrRepositoryPrefix"] for rule in found] == [prefixes[3], prefixes[1]]
    assert found[0]["upstreamRegistry"] == "quay" and found[0]["createdAt"] == found[0]["updatedAt"]
    pages = ecr.get_paginator("describe_pull_through_cache_rules").paginate(PaginationConfig={"PageSize": 2})
    listed = [rule["ecrRepositoryPrefix"] for page in pages for rule in page["pullThroughCacheRules"]]
    assert listed == prefixes
    assert describe(registryId="111111111111")["pullThroughCacheRules"] == []
    none = {"ecrRepositoryPrefixes": [prefix + "/none"]}
    fails("PullThroughCacheRuleNotFoundException", describe, **none)
    foreign = {"ecrRepositoryPrefixes": prefixes[:1], "registryId": "111111111111"}
    fails("PullThroughCacheRuleNotFoundException", describe, **foreign)
    fails("InvalidParameterException", describe, ecrRepositoryPrefixes=[])
    fails("InvalidParameterException", describe, ecrRepositoryPrefixes=["UPPER"])
    fails("InvalidParameterException", describe, ecrRepositoryPrefixes=prefixes, maxResults=1)
    fails("InvalidParameterException", describe, maxResults=0)
    fails("InvalidParameterException", describe, nextToken="made up")


def test_update_pull_through_cache_rule(ecr, prefix):
    update = ecr.update_pull_through_cache_rule
    good = {"credentialArn": secret("good")}
    fails("PullThroughCacheRuleNotFoundException", update, ecrRepositoryPrefix=prefix, **good)
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl="quay.io")
    changed = update(ecrRepositoryPrefix=prefix, **good)
    assert changed.pop("updatedAt") and changed.pop("ResponseMetadata")
    assert changed == {
        "ecrRepositoryPrefix": prefix,
        "registryId": ACCOUNT,
        "credentialArn": secret("good"),
        "upstreamRepositoryPrefix": "ROOT",
    }
    changed = update(ecrRepositoryPrefix=prefix, customRoleArn=ROLE)
    assert changed["customRoleArn"] == ROLE and changed["credentialArn"] == secret("good")
    none = {"credentialArn": secret("none")}
    fails("SecretNotFoundException", update, ecrRepositoryPrefix=prefix, **none)
    broken = {"credentialArn": secret("broken")}
    fails("UnableToDecryptSecretValueException", update, ecrRepositoryPrefix=prefix, **broken)
    foreign = {"credentialArn": secret("good", "111111111111")}
    fails("UnableToAccessSecretException", update, ecrRepositoryPrefix=prefix, **foreign)
    fails("InvalidParameterException", update, ecrRepositoryPrefix=prefix)
    fails("InvalidParameterException", update, **good)
    fails("InvalidParameterException", update, ecrRepositoryPrefix=prefix, credentialArn="x")
    fails("InvalidParameterException", update, ecrRepositoryPrefix=prefix, customRoleArn="x")


def test_validate_pull_through_cache_rule(ecr, prefix):
    validate = ecr.validate_pull_through_cache_rule
    fails("PullThroughCacheRuleNotFoundException", validate, ecrRepositoryPrefix=prefix)
    rules = {
        "good": (UPSTREAM, {"credentialArn": secret("good")}, True, ""),
        "wrong": (UPSTREAM, {"credentialArn": secret("wrong")}, False, "denied"),
        "nobody": (UPSTREAM, {}, False, "denied"),
        "closed": (CLOSED, {}, False, "could not be reached"),
    }
    for name, (url, members, valid, text) in rules.items():
        full = f"{prefix}/{name}"
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=full, upstreamRegistryUrl=url, **members)
        found = validate(ecrRepositoryPrefix=full)
        assert found["isValid"] is valid, name
        assert text in found.get("failure", ""), name
        assert ("failure" in found) is not valid
        assert found["upstreamRegistryUrl"] == url and found["registryId"] == ACCOUNT
        assert found["upstreamRepositoryPrefix"] == "ROOT"
    fails("InvalidParameterException", validate)
    fails("InvalidParameterException", validate, ecrRepositoryPrefix="UPPER")
    foreign = {"ecrRepositoryPrefix": f"{prefix}/good", "registryId": "111111111111"}
    fails("PullThroughCacheRuleNotFoundException", validate, **foreign)


def test_delete_pull_through_cache_rule(ecr, docker, prefix):
    delete = ecr.delete_pull_through_cache_rule
    fails("PullThroughCacheRuleNotFoundException", delete, ecrRepositoryPrefix=prefix)
    made = ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix=prefix, upstreamRegistryUrl=UPSTREAM, credentialArn=secret("good")
    )
    assert docker.pull(f"{prefix}/app", "v1")[0] == 200
    gone = delete(ecrRepositoryPrefix=prefix)
    assert {**gone, "ResponseMetadata": 0} == {**made, "ResponseMetadata": 0}
    fails("PullThroughCacheRuleNotFoundException", delete, ecrRepositoryPrefix=prefix)
    fails("InvalidParameterException", delete)
    # What was cached stays, and nothing more comes.
    assert docker.pull(f"{prefix}/app", "v1")[0] == 200
    assert docker.pull(f"{prefix}/app", "v2")[0] == 404


def test_docker_pulls_through(ecr, docker, prefix):
    ecr.create_repository_creation_template(
        prefix=prefix, appliedFor=["PULL_THROUGH_CACHE"], resourceTags=[{"Key": "from", "Value": "upstream"}]
    )
    ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix=prefix, upstreamRegistryUrl=UPSTREAM, credentialArn=secret("good")
    )
    name = f"{prefix}/app"
    status, headers, manifest = docker.pull(name, "v1")
    assert status == 200 and headers["Docker-Content-Digest"] == digest(manifest)
    got = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1"}, {"imageTag": "none"}])
    assert got["images"][0]["imageManifest"].encode() == manifest
    assert got["failures"][0]["failureCode"] == "ImageNotFound"
    made = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    tags = ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]
    assert tags == [{"Key": "from", "Value": "upstream"}]
    ecr.delete_repository_creation_template(prefix=prefix)


def test_an_upstream_that_fails_is_told_apart(ecr, prefix):
    rules = {"wrong": (UPSTREAM, "UpstreamAccessDenied"), "closed": (CLOSED, "UpstreamUnavailable")}
    for name, (url, code) in rules.items():
        full = f"{prefix}/{name}"
        members = {"credentialArn": secret("wrong")}
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=full, upstreamRegistryUrl=url, **members)
        got = ecr.batch_get_image(repositoryName=f"{full}/app", imageIds=[{"imageTag": "v1"}])
        assert got["images"] == [] and got["failures"][0]["failureCode"] == code, name


def cached(ecr, docker, prefix: str) -> tuple[str, str, dict]:
    """A cached image whose layers have not come: its repository, digest and manifest."""
    ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix=prefix, upstreamRegistryUrl=UPSTREAM, credentialArn=secret("good")
    )
    status, headers, manifest = docker.pull(f"{prefix}/app", "v1")
    assert status == 200
    return f"{prefix}/app", headers["Docker-Content-Digest"], json.loads(manifest)


def test_a_layer_is_fetched_for_its_url(ecr, docker, prefix):
    name, _, manifest = cached(ecr, docker, prefix)
    layer = manifest["layers"][0]
    availability = ecr.batch_check_layer_availability
    (before,) = availability(repositoryName=name, layerDigests=[layer["digest"]])["layers"]
    assert before["layerAvailability"] == "UNAVAILABLE"
    got = ecr.get_download_url_for_layer(repositoryName=name, layerDigest=layer["digest"])
    with urllib.request.urlopen(got["downloadUrl"], timeout=60) as reply:
        assert digest(reply.read()) == layer["digest"]
    (after,) = availability(repositoryName=name, layerDigests=[layer["digest"]])["layers"]
    assert after["layerAvailability"] == "AVAILABLE" and after["layerSize"] == layer["size"]
    # What no manifest here names is not asked for.
    unnamed = {"repositoryName": name, "layerDigest": digest(b"unnamed")}
    fails("LayersNotFoundException", ecr.get_download_url_for_layer, **unnamed)
    # A secret that no longer lets us in.
    ecr.update_pull_through_cache_rule(ecrRepositoryPrefix=prefix, credentialArn=secret("wrong"))
    config = {"repositoryName": name, "layerDigest": manifest["config"]["digest"]}
    fails("UnableToGetUpstreamLayerException", ecr.get_download_url_for_layer, **config)
    again = {"repositoryName": name, "layerDigest": layer["digest"]}
    assert ecr.get_download_url_for_layer(**again)["downloadUrl"]


def test_referrers_are_fetched_or_it_is_said_why_not(ecr, docker, prefix):
    name, image, _ = cached(ecr, docker, prefix)
    asked = {"repositoryName": name, "subjectId": {"imageDigest": image}}
    ecr.update_pull_through_cache_rule(ecrRepositoryPrefix=prefix, credentialArn=secret("wrong"))
    fails("UnableToListUpstreamImageReferrersException", ecr.list_image_referrers, **asked)


def test_a_cached_image_is_described_without_its_layers(ecr, docker, prefix):
    name, image, manifest = cached(ecr, docker, prefix)
    size = manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
    (detail,) = ecr.describe_images(repositoryName=name)["imageDetails"]
    assert detail["imageDigest"] == image and detail["imageTags"] == ["v1"]
    assert detail["imageSizeInBytes"] in (size, size - manifest["config"]["size"])
    assert ecr.list_images(repositoryName=name)["imageIds"] == [{"imageDigest": image, "imageTag": "v1"}]
    (seen,) = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v1"}])["imageDetails"]
    assert seen["imageDigest"] == image
    deleted = ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": image}])
    assert deleted["failures"] == [] and deleted["imageIds"]
    assert ecr.list_images(repositoryName=name)["imageIds"] == []
    # The next pull brings it back.
    assert docker.pull(name, "v1")[0] == 200
