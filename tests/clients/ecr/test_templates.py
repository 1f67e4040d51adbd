"""Repository creation templates, and the repositories that are made as they say."""

import json
import uuid

import pytest

from conftest import ACCOUNT, fails

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}],
    }
)
LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "description": "untagged images",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 14,
                },
                "action": {"type": "expire"},
            }
        ]
    }
)
KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = "arn:aws:iam::000000000000:role/templates"
FULL = {
    "description": "what the team pushes",
    "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": KEY},
    "resourceTags": [{"Key": "team", "Value": "red"}],
    "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
    "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev-*"}],
    "repositoryPolicy": POLICY,
    "lifecyclePolicy": LIFECYCLE,
    "appliedFor": ["CREATE_ON_PUSH", "REPLICATION", "PULL_THROUGH_CACHE"],
    "customRoleArn": ROLE,
}


@pytest.fixture
def prefix(ecr):
    name = "t" + uuid.uuid4().hex[:10]
    yield name
    for found in ecr.describe_repository_creation_templates()["repositoryCreationTemplates"]:
        if found["prefix"].startswith(name):
            ecr.delete_repository_creation_template(prefix=found["prefix"])


def wrong_texts(call, **arguments):
    """What create and update both refuse."""
    for members in (
        {"prefix": "UPPER"},
        {"prefix": ""},
        {"prefix": "a//b"},
        {"prefix": "a" * 257},
        {"description": "d" * 257},
        {"encryptionConfiguration": {}},
        {"encryptionConfiguration": {"encryptionType": "ROT13"}},
        {"encryptionConfiguration": {"encryptionType": "AES256", "kmsKey": KEY}},
        {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/mine"}},
        {"resourceTags": [{"Key": "", "Value": "x"}]},
        {"resourceTags": [{"Key": "aws:x", "Value": "x"}]},
        {"resourceTags": [{"Key": f"k{i}", "Value": "x"} for i in range(51)]},
        {"imageTagMutability": "SOLID"},
        {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
        {
            "imageTagMutability": "IMMUTABLE",
            "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "a"}],
        },
        {"repositoryPolicy": "[]"},
        {"repositoryPolicy": "{}"},
        {"repositoryPolicy": LIFECYCLE},
        {"repositoryPolicy": POLICY.replace('"Action"', '"Resource": "*", "Action"')},
        {"repositoryPolicy": " " * 10241},
        {"lifecyclePolicy": "no json"},
        {"lifecyclePolicy": POLICY},
        {"lifecyclePolicy": LIFECYCLE.replace("sinceImagePushed", "sinceEver")},
        {"lifecyclePolicy": " " * 30721},
        {"appliedFor": []},
        {"appliedFor": ["EVERYTHING"]},
        {"customRoleArn": "role/x"},
    ):
        fails("InvalidParameterException", call, **(arguments | members))


def test_create_repository_creation_template(ecr, docker, prefix):
    create = ecr.create_repository_creation_template
    made = create(prefix=prefix, appliedFor=["REPLICATION"])
    assert made["registryId"] == ACCOUNT
    plain = made["repositoryCreationTemplate"]
    assert plain.pop("createdAt") == plain.pop("updatedAt")
    assert plain == {
        "prefix": prefix,
        "appliedFor": ["REPLICATION"],
        "encryptionConfiguration": {"encryptionType": "AES256"},
        "imageTagMutability": "MUTABLE",
        "resourceTags": [],
    }
    # A slash at the end is always assumed.
    for again in (prefix, prefix + "/"):
        fails("TemplateAlreadyExistsException", create, prefix=again, appliedFor=["REPLICATION"])
    fails("InvalidParameterException", create, appliedFor=["REPLICATION"])
    fails("InvalidParameterException", create, prefix=prefix + "/x")
    wrong_texts(create, prefix=prefix + "/wrong", appliedFor=["REPLICATION"])
    # It is not for pushes.
    assert docker.call("POST", f"/v2/{prefix}/app/blobs/uploads/", b"")[0] == 404


def test_create_on_push_makes_repositories_as_the_template_says(ecr, docker, prefix):
    made = ecr.create_repository_creation_template(prefix=prefix + "/", **FULL)["repositoryCreationTemplate"]
    assert made["prefix"] == prefix + "/"
    assert {name: made[name] for name in FULL} == FULL
    name = f"{prefix}/deep/app"
    image = docker.push(name, "v1")
    assert docker.pull(name, "v1")[1]["Docker-Content-Digest"] == image
    repository = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    assert repository["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert repository["imageTagMutabilityExclusionFilters"] == FULL["imageTagMutabilityExclusionFilters"]
    assert repository["encryptionConfiguration"] == FULL["encryptionConfiguration"]
    tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    assert tags == FULL["resourceTags"]
    # Other names are still refused, and so is one that only looks alike.
    for other in (prefix, prefix + "x/app"):
        assert docker.call("POST", f"/v2/{other}/blobs/uploads/", b"")[0] == 404
        status, _, body = docker.push_manifest(other, "v1", {"schemaVersion": 2, "mediaType": "x/y"})
        assert status == 404 and json.loads(body)["errors"][0]["code"] == "NAME_UNKNOWN"
    ecr.delete_repository(repositoryName=name, force=True)


def test_describe_repository_creation_templates(ecr, prefix):
    describe = ecr.describe_repository_creation_templates
    prefixes = [f"{prefix}/{i}" for i in range(5)]
    for one in prefixes:
        ecr.create_repository_creation_template(prefix=one, appliedFor=["CREATE_ON_PUSH"])
    found = describe(prefixes=[prefixes[3], prefixes[1] + "/", prefix + "/none"])
    assert found["registryId"] == ACCOUNT
    assert [t["prefix"] for t in found["repositoryCreationTemplates"]] == [prefixes[3], prefixes[1]]
    pages = ecr.get_paginator("describe_repository_creation_templates").paginate(PaginationConfig={"PageSize": 2})
    listed = [t["prefix"] for page in pages for t in page["repositoryCreationTemplates"]]
    assert [p for p in listed if p.startswith(prefix)] == prefixes
    fails("InvalidParameterException", describe, maxResults=0)
    fails("InvalidParameterException", describe, maxResults=1001)
    fails("InvalidParameterException", describe, nextToken="made up")
    fails("InvalidParameterException", describe, prefixes=["UPPER"])
    fails("InvalidParameterException", describe, prefixes=[prefix], maxResults=5)


def test_update_repository_creation_template(ecr, prefix):
    update = ecr.update_repository_creation_template
    fails("TemplateNotFoundException", update, prefix=prefix, description="x")
    filters = {"imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "x*"}]}
    fails("TemplateNotFoundException", update, prefix=prefix, **filters)
    made = ecr.create_repository_creation_template(prefix=prefix, **FULL)["repositoryCreationTemplate"]
    # What is not given stays.
    changed = update(prefix=prefix + "/", description="other")["repositoryCreationTemplate"]
    assert {**changed, "updatedAt": 0} == {**made, "description": "other", "updatedAt": 0}
    changed = update(prefix=prefix, **filters)["repositoryCreationTemplate"]
    assert changed["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert changed["imageTagMutabilityExclusionFilters"][0]["filter"] == "x*"
    changed = update(prefix=prefix, imageTagMutability="MUTABLE")["repositoryCreationTemplate"]
    assert "imageTagMutabilityExclusionFilters" not in changed
    changed = update(
        prefix=prefix,
        appliedFor=["REPLICATION"],
        encryptionConfiguration={"encryptionType": "AES256"},
        resourceTags=[],
        repositoryPolicy="",
        lifecyclePolicy="",
        description="",
        customRoleArn="",
    )["repositoryCreationTemplate"]
    assert changed["appliedFor"] == ["REPLICATION"] and changed["resourceTags"] == []
    gone = {"repositoryPolicy", "lifecyclePolicy", "description", "customRoleArn"}
    assert not gone & changed.keys()
    fails("InvalidParameterException", update, description="x")
    wrong_texts(update, prefix=prefix)


def test_delete_repository_creation_template(ecr, prefix):
    delete = ecr.delete_repository_creation_template
    fails("TemplateNotFoundException", delete, prefix=prefix)
    made = ecr.create_repository_creation_template(prefix=prefix, **FULL)
    gone = delete(prefix=prefix)
    assert gone["repositoryCreationTemplate"] == made["repositoryCreationTemplate"]
    assert gone["registryId"] == ACCOUNT
    fails("TemplateNotFoundException", delete, prefix=prefix)
    fails("InvalidParameterException", delete)
    fails("InvalidParameterException", delete, prefix="-")


def test_root_is_for_what_no_other_template_matches(ecr, docker, prefix):
    ecr.create_repository_creation_template(prefix="ROOT", appliedFor=["CREATE_ON_PUSH"], imageTagMutability="IMMUTABLE")
    try:
        ecr.create_repository_creation_template(prefix=prefix, appliedFor=["CREATE_ON_PUSH"])
        ecr.create_repository_creation_template(prefix=f"{prefix}/inner", appliedFor=["REPLICATION"])
        names = {f"{prefix}x": "IMMUTABLE", f"{prefix}/inner/app": "MUTABLE", f"{prefix}/app": "MUTABLE"}
        for name, mode in names.items():
            docker.push(name, "v1")
            made = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
            assert made["imageTagMutability"] == mode, name
            ecr.delete_repository(repositoryName=name, force=True)
    finally:
        ecr.delete_repository_creation_template(prefix="ROOT")
