"""Signing, for which this server has no AWS Signer."""

import pytest
from conftest import ACCOUNT, client, fails

PROFILE = "arn:aws:signer:us-east-1:012345678910:/signing-profiles/profile_1"
SECOND = "arn:aws:signer:eu-west-1:012345678910:/signing-profiles/second"


@pytest.fixture(autouse=True)
def no_rules(ecr):
    yield
    try:
        ecr.delete_signing_configuration()
    except ecr.exceptions.SigningConfigurationNotFoundException:
        pass


def rule(profile=PROFILE, *filters):
    made = {"signingProfileArn": profile}
    if filters:
        made["repositoryFilters"] = [{"filter": f, "filterType": "WILDCARD_MATCH"} for f in filters]
    return made


def test_put_signing_configuration(ecr):
    put = ecr.put_signing_configuration
    for rules in ([], [rule()], [rule(PROFILE, "myapp/*", "*prod*"), rule(SECOND)], [rule()] * 10):
        reply = put(signingConfiguration={"rules": rules})
        assert reply["signingConfiguration"] == {"rules": rules}
        assert ecr.get_signing_configuration()["signingConfiguration"] == {"rules": rules}
    invalid = "InvalidParameterException"
    fails(invalid, put)
    fails(invalid, put, signingConfiguration={})
    wrong = (
        {},
        rule("profile"),
        rule(PROFILE + "x" * 200),
        rule(PROFILE, "UPPER"),
        rule(PROFILE, ""),
        rule(PROFILE, "a" * 257),
        rule(PROFILE, *["ab"] * 101),
        {**rule(), "repositoryFilters": []},
        {**rule(), "repositoryFilters": [{"filter": "ab"}]},
        {**rule(), "repositoryFilters": [{"filterType": "WILDCARD_MATCH"}]},
        {**rule(), "repositoryFilters": [{"filter": "ab", "filterType": "PREFIX_MATCH"}]},
    )
    for each in wrong:
        fails(invalid, put, signingConfiguration={"rules": [each]})
    fails(invalid, put, signingConfiguration={"rules": [rule()] * 11})
    fails("SerializationException", put, signingConfiguration={"rules": [rule(5)]})


def test_get_signing_configuration(ecr):
    fails("SigningConfigurationNotFoundException", ecr.get_signing_configuration)
    ecr.put_signing_configuration(signingConfiguration={"rules": [rule()]})
    reply = ecr.get_signing_configuration()
    assert reply["registryId"] == ACCOUNT and reply["signingConfiguration"] == {"rules": [rule()]}
    fails("SigningConfigurationNotFoundException", client(region="eu-west-1").get_signing_configuration)


def test_delete_signing_configuration(ecr):
    fails("SigningConfigurationNotFoundException", ecr.delete_signing_configuration)
    ecr.put_signing_configuration(signingConfiguration={"rules": [rule()]})
    reply = ecr.delete_signing_configuration()
    assert reply["registryId"] == ACCOUNT and reply["signingConfiguration"] == {"rules": [rule()]}
    fails("SigningConfigurationNotFoundException", ecr.delete_signing_configuration)
    fails("SigningConfigurationNotFoundException", ecr.get_signing_configuration)


def test_describe_image_signing_status(ecr, docker, repository):
    describe, known = ecr.describe_image_signing_status, {"repositoryName": repository}
    docker.push(repository, "before")
    matching = f"*{repository[2:]}"
    rules = [rule(PROFILE, "other/*", matching), rule(SECOND), rule(SECOND, "none-such")]
    ecr.put_signing_configuration(signingConfiguration={"rules": rules})
    image = docker.push(repository, "v1")
    ecr.delete_signing_configuration()
    docker.push(repository, "after")
    reply = describe(imageId={"imageTag": "v1"}, registryId=ACCOUNT, **known)
    assert reply["repositoryName"] == repository and reply["registryId"] == ACCOUNT
    assert reply["imageId"] == {"imageDigest": image, "imageTag": "v1"}
    assert sorted(status["signingProfileArn"] for status in reply["signingStatuses"]) == [SECOND, PROFILE]
    for status in reply["signingStatuses"]:
        assert status["status"] == "FAILED" and status["failureCode"]
        assert "no AWS Signer" in status["failureReason"]
    for tag in ("before", "after"):
        assert describe(imageId={"imageTag": tag}, **known)["signingStatuses"] == []
    invalid = "InvalidParameterException"
    fails(invalid, describe)
    fails(invalid, describe, **known)
    fails(invalid, describe, imageId={}, **known)
    fails(invalid, describe, imageId={"imageDigest": "v1"}, **known)
    fails("ImageNotFoundException", describe, imageId={"imageTag": "none"}, **known)
    fails("RepositoryNotFoundException", describe, repositoryName="none", imageId={"imageTag": "v1"})
