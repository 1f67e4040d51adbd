"""Repositories, their mutability and their tags."""

import uuid

import pytest
from conftest import ACCOUNT, REGION, client, digest, fails, mistyped

INVALID = "InvalidParameterException"
OTHER = "111122223333"
MISSING = "not-there-at-all"


def arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:ecr:{region}:{account}:repository/{name}"


def unique(prefix: str = "made") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def wildcards(*filters: str) -> list[dict]:
    return [{"filterType": "WILDCARD", "filter": f} for f in filters]


def check_names(call, **arguments):
    """The constraints of `repositoryName` and `registryId`, the same for every operation."""
    for name, text in [
        (None, "Member must not be null"),
        ("", "Member must have length greater than or equal to 2"),
        ("a", "Member must have length greater than or equal to 2"),
        ("a" * 257, "Member must have length less than or equal to 256"),
        ("UPPER", "must satisfy regular expression"),
        ("a//b", "must satisfy regular expression"),
        ("ä" * 2, "must satisfy regular expression"),
    ]:
        fails(INVALID, call, text, **arguments | {"repositoryName": name})
        fails(INVALID, call, "'repositoryName'", **arguments | {"repositoryName": name})
    for bad in (1, True, [], {}, ["app"]):
        mistyped(call, "repositoryName", **arguments | {"repositoryName": bad})
    for bad in ("", "1", ACCOUNT + "0", "x" * 12):
        fails(INVALID, call, "'registryId'", **{"repositoryName": MISSING, **arguments, "registryId": bad})


def check_missing(call, **arguments):
    text = f"The repository with name '{MISSING}' does not exist in the registry with id '{ACCOUNT}'"
    fails("RepositoryNotFoundException", call, text, **arguments | {"repositoryName": MISSING})


def test_create_repository(ecr):
    name = unique()
    made = ecr.create_repository(repositoryName=name)["repository"]
    assert made["repositoryArn"] == arn(name) and made["registryId"] == ACCOUNT
    assert made["repositoryName"] == name and made["repositoryUri"].endswith("/" + name)
    assert made["imageTagMutability"] == "MUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": False}
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    text = f"The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'"
    fails("RepositoryAlreadyExistsException", ecr.create_repository, text, repositoryName=name)
    ecr.delete_repository(repositoryName=name)

    full = ecr.create_repository(
        registryId=ACCOUNT,
        repositoryName=name,
        tags=[{"Key": "team", "Value": "a b"}],
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=wildcards("dev-*", "latest"),
        imageScanningConfiguration={"scanOnPush": True},
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "alias/mine"},
    )["repository"]
    assert full["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert full["imageTagMutabilityExclusionFilters"] == wildcards("dev-*", "latest")
    assert full["imageScanningConfiguration"] == {"scanOnPush": True}
    assert full["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": "alias/mine"}
    assert ecr.list_tags_for_resource(resourceArn=arn(name))["tags"] == [{"Key": "team", "Value": "a b"}]
    ecr.delete_repository(repositoryName=name)
    # Tags go with their repository.
    ecr.create_repository(repositoryName=name)
    assert ecr.list_tags_for_resource(resourceArn=arn(name))["tags"] == []
    ecr.delete_repository(repositoryName=name)


def test_create_repository_with_bad_parameters(ecr):
    create = ecr.create_repository
    check_names(create)
    for members in [
        {"imageTagMutability": "SOMETIMES"},
        {"imageTagMutability": ""},
        {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
        {"imageTagMutability": "MUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": []},
        {"imageTagMutabilityExclusionFilters": []},
        {"imageTagMutabilityExclusionFilters": wildcards("a")},
        {"imageTagMutability": "IMMUTABLE", "imageTagMutabilityExclusionFilters": wildcards("a")},
        {"encryptionConfiguration": {}},
        {"encryptionConfiguration": {"encryptionType": "ROT13"}},
        {"encryptionConfiguration": {"encryptionType": "AES256", "kmsKey": "k"}},
        {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": ""}},
        {"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "k" * 2049}},
        {"registryId": OTHER},
    ]:
        fails(INVALID, create, repositoryName=unique(), **members)
    for members in [
        {"tags": {}},
        {"tags": ["a"]},
        {"tags": [["a", "b"]]},
        {"imageScanningConfiguration": []},
        {"imageScanningConfiguration": {"scanOnPush": "true"}},
        {"imageTagMutabilityExclusionFilters": [["WILDCARD", "a"]]},
        {"encryptionConfiguration": ["AES256"]},
    ]:
        mistyped(create, next(iter(members)), repositoryName=unique(), **members)
    fifty = [{"Key": f"k{i}", "Value": ""} for i in range(51)]
    fails("TooManyTagsException", create, repositoryName=unique(), tags=fifty)
    ok = create(repositoryName=unique(), tags=fifty[:50])["repository"]["repositoryName"]
    ecr.delete_repository(repositoryName=ok)
    check_tags(lambda tags: fails("InvalidTagParameterException", create, repositoryName=unique(), tags=tags))
    key = create(repositoryName=unique(), encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "k" * 2048})
    ecr.delete_repository(repositoryName=key["repository"]["repositoryName"])


def check_tags(refuse):
    """What no resource tag may be."""
    for tag in [
        {"Key": "", "Value": "x"},
        {"Value": "x"},
        {"Key": "k"},
        {"Key": "k" * 129, "Value": "x"},
        {"Key": "k", "Value": "v" * 257},
        {"Key": "aws:mine", "Value": "x"},
        {"Key": "AWS:mine", "Value": "x"},
        {"Key": "a\0b", "Value": "x"},
        {"Key": "k", "Value": "<script>"},
        {"Key": "🦀", "Value": "x"},
    ]:
        refuse([tag])
    refuse([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}])


def test_describe_repositories(ecr):
    prefix = unique("many")
    names = sorted(f"{prefix}/{i}0" for i in range(5))
    for name in reversed(names):
        ecr.create_repository(repositoryName=name)
    describe = ecr.describe_repositories

    found = describe(repositoryNames=[names[3], names[1]], registryId=ACCOUNT)["repositories"]
    assert [r["repositoryName"] for r in found] == [names[3], names[1]]
    pages = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
    listed = [r["repositoryName"] for page in pages for r in page["repositories"]]
    assert [name for name in listed if name.startswith(prefix)] == names
    assert len(set(listed)) == len(listed)

    text = f"The repository with name '{MISSING}' does not exist in the registry with id '{ACCOUNT}'"
    fails("RepositoryNotFoundException", describe, text, repositoryNames=[names[0], MISSING])
    fails("RepositoryNotFoundException", describe, f"'{OTHER}'", registryId=OTHER, repositoryNames=[names[0]])

    for count in (0, 101):
        fails(INVALID, describe, "'repositoryNames'", repositoryNames=names[:1] * count)
    assert describe(repositoryNames=names[:1] * 100)["repositories"]
    for bad in (["UPPER"], ["a"], ["a" * 257], [""]):
        fails(INVALID, describe, repositoryNames=bad)
    check_pages(describe)
    token = describe(maxResults=1)["nextToken"]
    for members in [{"maxResults": 1}, {"nextToken": token}]:
        fails(INVALID, describe, "repositoryNames", repositoryNames=names[:1], **members)
    # Another account has a list of its own, where the token is worth nothing.
    other = client(key=OTHER)
    assert other.describe_repositories()["repositories"] == []
    fails(INVALID, other.describe_repositories, "nextToken", nextToken=token)
    for bad in ("", "1", "x" * 12):
        fails(INVALID, describe, "registryId", registryId=bad)
    mistyped(describe, "repositoryNames", repositoryNames=names[0])
    mistyped(describe, "repositoryNames[0]", repositoryNames=[None])
    for name in names:
        ecr.delete_repository(repositoryName=name)


def check_pages(call, **arguments):
    """The constraints of `maxResults` and `nextToken`, the same for every list."""
    for bad in (0, -1, 1001, 2**31, 2**63 - 1):
        fails(INVALID, call, "maxResults", **arguments, maxResults=bad)
    for bad in ("1", 1.5, 2**64, True, []):
        mistyped(call, "maxResults", **arguments, maxResults=bad)
    for good in (1, 1000):
        call(**arguments, maxResults=good)
    for bad in ("", "x", "AAAA", "a" * 5000, "ü", "\0", "eyJhIjoxfQ=="):
        fails(INVALID, call, "nextToken", **arguments, nextToken=bad)
    mistyped(call, "nextToken", **arguments, nextToken=1)


def test_delete_repository(ecr, docker, repository):
    image = docker.push(repository, "v1")
    text = f"The repository with name '{repository}' in registry with id '{ACCOUNT}' cannot be deleted because it still contains images"
    fails("RepositoryNotEmptyException", ecr.delete_repository, text, repositoryName=repository)
    fails("RepositoryNotEmptyException", ecr.delete_repository, repositoryName=repository, force=False)
    gone = ecr.delete_repository(repositoryName=repository, registryId=ACCOUNT, force=True)["repository"]
    assert gone["repositoryName"] == repository and gone["registryId"] == ACCOUNT
    assert docker.pull(repository, image)[0] == 404
    fails("RepositoryNotFoundException", ecr.delete_repository, repositoryName=repository)
    check_missing(ecr.delete_repository)
    check_names(ecr.delete_repository)
    mistyped(ecr.delete_repository, "force", repositoryName=repository, force="yes")
    # What was pushed is no longer there for a new repository of the name.
    ecr.create_repository(repositoryName=repository)
    assert ecr.list_images(repositoryName=repository)["imageIds"] == []


def test_put_image_tag_mutability(ecr, docker, repository):
    put = ecr.put_image_tag_mutability
    docker.push(repository, "v1", seed="one")
    answer = put(repositoryName=repository, imageTagMutability="IMMUTABLE", registryId=ACCOUNT)
    assert answer["imageTagMutability"] == "IMMUTABLE" and answer["registryId"] == ACCOUNT
    assert answer["repositoryName"] == repository
    pushed = docker.call(
        "PUT",
        f"/v2/{repository}/manifests/v1",
        docker.pull(repository, "v1")[2],
        Content_Type="application/vnd.oci.image.manifest.v1+json",
    )
    assert pushed[0] == 400 and b"TAG_INVALID" in pushed[2], pushed

    filters = wildcards("v*")
    answer = put(
        repositoryName=repository,
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=filters,
    )
    assert answer["imageTagMutabilityExclusionFilters"] == filters
    described = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]
    assert described["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert described["imageTagMutabilityExclusionFilters"] == filters
    docker.push(repository, "v1", seed="two")

    check_missing(put, imageTagMutability="MUTABLE")
    check_names(put, imageTagMutability="MUTABLE")
    fails(INVALID, put, "'imageTagMutability'", repositoryName=repository)
    for mode in ("", "mutable", "SOMETIMES"):
        fails(INVALID, put, "'imageTagMutability'", repositoryName=repository, imageTagMutability=mode)
    for mode, bad in [
        ("IMMUTABLE", wildcards("a")),
        ("MUTABLE", wildcards("a")),
        ("MUTABLE", []),
        ("MUTABLE_WITH_EXCLUSION", []),
        ("MUTABLE_WITH_EXCLUSION", wildcards(*"abcdef")),
        ("MUTABLE_WITH_EXCLUSION", wildcards("")),
        ("MUTABLE_WITH_EXCLUSION", wildcards("a" * 129)),
        ("MUTABLE_WITH_EXCLUSION", wildcards("a*b*c*")),
        ("MUTABLE_WITH_EXCLUSION", wildcards("a b")),
        ("MUTABLE_WITH_EXCLUSION", [{"filter": "a"}]),
        ("MUTABLE_WITH_EXCLUSION", [{"filterType": "WILDCARD"}]),
        ("MUTABLE_WITH_EXCLUSION", [{"filterType": "REGEX", "filter": "a"}]),
    ]:
        fails(
            INVALID,
            put,
            "imageTagMutabilityExclusionFilters",
            repositoryName=repository,
            imageTagMutability=mode,
            imageTagMutabilityExclusionFilters=bad,
        )
    fails(INVALID, put, repositoryName=repository, imageTagMutability="MUTABLE_WITH_EXCLUSION")
    most = wildcards("a" * 128, "b*", "*c*", "d", "e")
    put(
        repositoryName=repository,
        imageTagMutability="MUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=most,
    )


def check_arns(call, **arguments):
    for bad in ["", "app", arn(""), arn("UPPER"), arn("a b"), "arn:aws:s3:::app", arn("app", account="1")]:
        fails(INVALID, call, "'resourceArn'", **arguments, resourceArn=bad)
    fails(INVALID, call, "'resourceArn' failed to satisfy constraint: 'Member must not be null'", **arguments)
    mistyped(call, "resourceArn", **arguments, resourceArn=[arn("app")])
    for missing in [arn(MISSING), arn(MISSING, account=OTHER), arn(MISSING, region="eu-west-1")]:
        fails("RepositoryNotFoundException", call, MISSING, **arguments, resourceArn=missing)


def test_tag_resource(ecr, repository):
    tag = ecr.tag_resource
    tags = [{"Key": "k" * 128, "Value": "v" * 256}, {"Key": "a b+-=._:/@", "Value": ""}, {"Key": "ü", "Value": "1"}]
    tag(resourceArn=arn(repository), tags=tags)
    tag(resourceArn=arn(repository), tags=[{"Key": "ü", "Value": "2"}])
    listed = {t["Key"]: t["Value"] for t in ecr.list_tags_for_resource(resourceArn=arn(repository))["tags"]}
    assert listed == {"k" * 128: "v" * 256, "a b+-=._:/@": "", "ü": "2"}
    many = [{"Key": f"k{i}", "Value": ""} for i in range(48)]
    fails("TooManyTagsException", tag, resourceArn=arn(repository), tags=many)
    tag(resourceArn=arn(repository), tags=many[:47])
    check_arns(tag, tags=[{"Key": "a", "Value": "b"}])
    fails(INVALID, tag, "'tags'", resourceArn=arn(repository))
    mistyped(tag, "tags", resourceArn=arn(repository), tags={"a": "b"})
    mistyped(tag, "tags[0].Value", resourceArn=arn(repository), tags=[{"Key": "a", "Value": 1}])
    check_tags(lambda bad: fails("InvalidTagParameterException", tag, resourceArn=arn(repository), tags=bad))


def test_untag_resource(ecr, repository):
    untag = ecr.untag_resource
    tags = [{"Key": k, "Value": "x"} for k in "abc"]
    ecr.tag_resource(resourceArn=arn(repository), tags=tags)
    untag(resourceArn=arn(repository), tagKeys=["a", "never-there", "c"])
    untag(resourceArn=arn(repository), tagKeys=["a"])
    assert ecr.list_tags_for_resource(resourceArn=arn(repository))["tags"] == tags[1:2]
    check_arns(untag, tagKeys=["a"])
    fails(INVALID, untag, "'tagKeys'", resourceArn=arn(repository))
    for bad in ([""], ["k" * 129]):
        fails("InvalidTagParameterException", untag, resourceArn=arn(repository), tagKeys=bad)
    mistyped(untag, "tagKeys", resourceArn=arn(repository), tagKeys="a")


def test_list_tags_for_resource(ecr, repository):
    listed = ecr.list_tags_for_resource
    assert listed(resourceArn=arn(repository))["tags"] == []
    ecr.tag_resource(resourceArn=arn(repository), tags=[{"Key": "b", "Value": ""}, {"Key": "a", "Value": "1"}])
    expected = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    assert listed(resourceArn=arn(repository))["tags"] == expected
    check_arns(listed)
    # Injected text is only ever a name that there is not.
    for bad in ("app' OR '1'='1", "app\n", "app/../x", "%61pp", digest(b"")):
        fails(INVALID, listed, resourceArn=arn(bad))


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-2"])
def test_regions_are_islands(ecr, repository, region):
    there = client(region=region)
    fails("RepositoryNotFoundException", there.describe_repositories, repositoryNames=[repository])
    made = there.create_repository(repositoryName=repository)["repository"]
    assert made["repositoryArn"] == arn(repository, region=region)
    there.delete_repository(repositoryName=repository)
    assert ecr.describe_repositories(repositoryNames=[repository])["repositories"]
