"""Lifecycle policies and their previews."""

import json
import os
import subprocess

import pytest
from conftest import ACCOUNT, ENDPOINT, INDEX, REGION, fails


def rule(priority: int, action="expire", **selection) -> dict:
    kind = {"type": "transition", "targetStorageClass": "archive"} if action == "archive" else {"type": action}
    selected = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1} | selection
    return {"rulePriority": priority, "description": "what it is for", "selection": selected, "action": kind}


def tagged(*patterns: str, n: int = 1) -> dict:
    return {"tagStatus": "tagged", "tagPatternList": list(patterns), "countNumber": n}


def policy(*rules: dict) -> str:
    return json.dumps({"rules": rules})


KEEP_ONE = policy(rule(1))
REFUSED = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: "


def padded(text: str, length: int) -> str:
    return text + " " * (length - len(text))


def bad_policies():
    """Policies that no operation takes, with what the message says of each."""
    return [
        (None, "Member must not be null"),
        ("", "greater than or equal to 100"),
        ("{}", "greater than or equal to 100"),
        (padded(KEEP_ONE, 30_721), "less than or equal to 30720"),
        (padded("{", 100), REFUSED + "Could not map policyString into LifecyclePolicy.'"),
        (padded("[]", 100), REFUSED + "Could not map"),
        ("[" * 30_000, REFUSED + "Could not map"),
        (padded("{}", 100), REFUSED + "object has missing required properties ([\"rules\"])'"),
        (padded(policy(), 100), REFUSED + "array is too short"),
        (policy(rule(1) | {"else": 1}), "not allowed by the schema: ([\"else\"])"),
        (policy(rule(0)), "lower than the required minimum (minimum: 1, found: 0)"),
        (policy(rule(3), rule(3, tagStatus="untagged")), "Rule priorities must be unique, 3"),
        (policy(rule(1), rule(2, tagStatus="untagged")), "tagStatus=ANY must have the lowest priority"),
        (policy(*[rule(n, tagStatus="untagged") for n in (1, 2)]), "Only one rule can select Untagged images"),
        (policy(rule(1, tagStatus="tagged")), "Must specify tagPrefixList or tagPatternList"),
        (policy(rule(1, **tagged("a"), tagPrefixList=["a"])), "not both"),
        (policy(rule(1, **tagged("*a*a*a*a*a"))), "more than 4 wildcards"),
        (policy(rule(1, countUnit="days")), "countUnit can not be specified"),
        (policy(rule(1, countNumber=0)), "(minimum: 1, found: 0)"),
        (policy(rule(1, storageClass="archive")), "storageClass must be standard"),
        (policy(rule(1, "archive") | {"action": {"type": "transition"}}), "targetStorageClass"),
        (policy(rule(1, countType="sinceImagePulled", countUnit="days")), "with the action transition"),
    ]


def test_put_lifecycle_policy(ecr, repository):
    # Byte for byte what was given: order, spaces, escapes and all.
    odd = '{ "rules" : [ ' + json.dumps(rule(1))[:-1] + ', "description": "\\u00e4 \u00e4 \\/" } ]\n}\t'
    for text in (KEEP_ONE, odd, padded(KEEP_ONE, 30_720)):
        answer = ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=text)
        del answer["ResponseMetadata"]
        assert answer == {"registryId": ACCOUNT, "repositoryName": repository, "lifecyclePolicyText": text}
        assert ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"] == text
    for bad, reason in bad_policies():
        fails(
            "InvalidParameterException",
            ecr.put_lifecycle_policy,
            reason,
            repositoryName=repository,
            lifecyclePolicyText=bad,
        )
    assert ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"] == padded(KEEP_ONE, 30_720)
    put = {"lifecyclePolicyText": KEEP_ONE}
    fails("RepositoryNotFoundException", ecr.put_lifecycle_policy, repositoryName="none", **put)
    fails(
        "RepositoryNotFoundException",
        ecr.put_lifecycle_policy,
        repositoryName=repository,
        registryId="999999999999",
        **put,
    )
    fails("InvalidParameterException", ecr.put_lifecycle_policy, repositoryName="UPPER", **put)
    fails("InvalidParameterException", ecr.put_lifecycle_policy, "null", **put)
    fails("InvalidParameterException", ecr.put_lifecycle_policy, repositoryName=repository, registryId="1", **put)


def test_get_lifecycle_policy(ecr, repository):
    missing = f"Lifecycle policy does not exist for the repository with name '{repository}'"
    fails("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, missing, repositoryName=repository)
    ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=KEEP_ONE)
    found = ecr.get_lifecycle_policy(repositoryName=repository, registryId=ACCOUNT)
    assert found["registryId"] == ACCOUNT and found["repositoryName"] == repository
    assert found["lifecyclePolicyText"] == KEEP_ONE
    # Before the first run it is the beginning of time, as with AWS.
    assert found["lastEvaluatedAt"].timestamp() == 0
    fails("RepositoryNotFoundException", ecr.get_lifecycle_policy, repositoryName="none")
    fails("InvalidParameterException", ecr.get_lifecycle_policy, repositoryName="x")
    # It goes with its repository.
    ecr.delete_repository(repositoryName=repository)
    ecr.create_repository(repositoryName=repository)
    fails("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, repositoryName=repository)


def test_delete_lifecycle_policy(ecr, repository):
    fails("LifecyclePolicyNotFoundException", ecr.delete_lifecycle_policy, repositoryName=repository)
    ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=KEEP_ONE)
    gone = ecr.delete_lifecycle_policy(repositoryName=repository)
    assert gone["lifecyclePolicyText"] == KEEP_ONE and gone["repositoryName"] == repository
    assert gone["registryId"] == ACCOUNT and gone["lastEvaluatedAt"].timestamp() == 0
    fails("LifecyclePolicyNotFoundException", ecr.delete_lifecycle_policy, repositoryName=repository)
    fails("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, repositoryName=repository)
    fails("RepositoryNotFoundException", ecr.delete_lifecycle_policy, repositoryName="none")
    fails("InvalidParameterException", ecr.delete_lifecycle_policy, repositoryName="a//b")


def preview(ecr, repository, text=None, **arguments):
    given = {"lifecyclePolicyText": text} if text else {}
    ecr.start_lifecycle_policy_preview(repositoryName=repository, **given)
    # The waiter of botocore, which polls every five seconds at the least.
    waiter = ecr.get_waiter("lifecycle_policy_preview_complete")
    waiter.wait(repositoryName=repository, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return ecr.get_lifecycle_policy_preview(repositoryName=repository, **arguments)


def test_start_lifecycle_policy_preview(ecr, docker, repository):
    fails("LifecyclePolicyNotFoundException", ecr.start_lifecycle_policy_preview, repositoryName=repository)
    for bad, reason in bad_policies()[1:]:
        fails(
            "InvalidParameterException",
            ecr.start_lifecycle_policy_preview,
            reason,
            repositoryName=repository,
            lifecyclePolicyText=bad,
        )
    fails("LifecyclePolicyPreviewNotFoundException", ecr.get_lifecycle_policy_preview, repositoryName=repository)
    old, new = docker.push(repository, "v1"), docker.push(repository, "v2")
    started = ecr.start_lifecycle_policy_preview(repositoryName=repository, lifecyclePolicyText=KEEP_ONE)
    del started["ResponseMetadata"]
    assert started == {
        "registryId": ACCOUNT,
        "repositoryName": repository,
        "lifecyclePolicyText": KEEP_ONE,
        "status": "IN_PROGRESS",
    }
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(
        repositoryName=repository, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    # A preview changes nothing, not even the repository's policy.
    fails("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, repositoryName=repository)
    assert docker.pull(repository, old)[0] == docker.pull(repository, new)[0] == 200
    # The repository's own policy, instead of the preview before.
    ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=policy(rule(7, "archive", **tagged("v*"))))
    shown = preview(ecr, repository)
    assert [result["appliedRulePriority"] for result in shown["previewResults"]] == [7]
    assert json.loads(shown["lifecyclePolicyText"])["rules"][0]["rulePriority"] == 7
    fails("RepositoryNotFoundException", ecr.start_lifecycle_policy_preview, repositoryName="none")
    fails("InvalidParameterException", ecr.start_lifecycle_policy_preview, repositoryName="-")


@pytest.fixture
def varied(ecr, docker, repository):
    """A repository with tags, no tags, an index and a signature; what its policy takes, by digest."""
    kept = {}
    for n in range(3):
        kept[f"r{n}"] = docker.push(repository, f"release-{n}")
    first = docker.push(repository)
    child = docker.push(repository)
    size = len(docker.pull(repository, child)[2])
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child, "size": size}
    status, index, _ = docker.push_manifest(
        repository, "multi", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    )
    assert status == 201
    subject_size = len(docker.pull(repository, kept["r0"])[2])
    signature = docker.push(repository, subject={**entry, "digest": kept["r0"], "size": subject_size})
    text = policy(
        rule(1, **tagged("release-*", n=2)),
        rule(2, "archive", **tagged("mul*", n=1)),
        rule(5, tagStatus="untagged", countNumber=1),
    )
    return repository, text, kept["r0"], first, signature


def test_get_lifecycle_policy_preview(ecr, docker, varied):
    repository, text, oldest, untagged, signature = varied
    fails("LifecyclePolicyPreviewNotFoundException", ecr.get_lifecycle_policy_preview, repositoryName=repository)
    shown = preview(ecr, repository, text)
    assert shown["registryId"] == ACCOUNT and shown["repositoryName"] == repository
    assert shown["status"] == "COMPLETE" and shown["lifecyclePolicyText"] == text
    assert shown["summary"] == {"expiringImageTotalCount": 3}
    by_digest = {result["imageDigest"]: result for result in shown["previewResults"]}
    assert set(by_digest) == {oldest, untagged, signature}
    described = ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": oldest}])
    assert by_digest[oldest] == {
        "imageTags": ["release-0"],
        "imageDigest": oldest,
        "imagePushedAt": described["imageDetails"][0]["imagePushedAt"],
        "action": {"type": "EXPIRE"},
        "appliedRulePriority": 1,
        "storageClass": "STANDARD",
    }
    assert "imageTags" not in by_digest[untagged]
    assert by_digest[untagged]["appliedRulePriority"] == 5
    assert by_digest[signature]["appliedRulePriority"] == 1

    get = ecr.get_lifecycle_policy_preview
    digests = lambda **arguments: [  # noqa: E731
        result["imageDigest"] for result in get(repositoryName=repository, **arguments)["previewResults"]
    ]
    everything = digests()
    assert digests(filter={"tagStatus": "TAGGED"}) == [oldest]
    assert set(digests(filter={"tagStatus": "UNTAGGED"})) == {untagged, signature}
    assert digests(filter={"tagStatus": "ANY"}) == digests(filter={}) == everything
    assert digests(imageIds=[{"imageDigest": untagged}]) == [untagged]
    assert digests(imageIds=[{"imageTag": "release-0"}, {"imageTag": "release-2"}]) == [oldest]
    assert digests(imageIds=[{"imageTag": "release-0", "imageDigest": untagged}]) == []
    assert digests(imageIds=[{"imageTag": "none"}, {"imageDigest": "sha256:" + "0" * 64}]) == []
    paged = ecr.get_paginator("get_lifecycle_policy_preview").paginate(
        repositoryName=repository, PaginationConfig={"PageSize": 1}
    )
    pages = [[result["imageDigest"] for result in page["previewResults"]] for page in paged]
    assert pages == [[one] for one in everything]

    token = get(repositoryName=repository, maxResults=1)["nextToken"]
    one = [{"imageTag": "release-0"}]
    for reason, arguments in [
        ("between 1 and 100", {"maxResults": 0}),
        ("between 1 and 100", {"maxResults": 101}),
        ("nextToken", {"nextToken": "x"}),
        ("nextToken", {"nextToken": ecr.list_images(repositoryName=repository, maxResults=1)["nextToken"]}),
        ("imageIds", {"nextToken": token, "imageIds": one}),
        ("imageIds", {"maxResults": 1, "imageIds": one}),
        ("imageIds", {"imageIds": []}),
        ("imageIds", {"imageIds": one * 101}),
        ("both tag and digest cannot be null", {"imageIds": [{}]}),
        ("image tag", {"imageIds": [{"imageTag": "-"}]}),
        ("image digest", {"imageIds": [{"imageDigest": "x"}]}),
        ("tagStatus", {"filter": {"tagStatus": "SOME"}}),
    ]:
        fails("InvalidParameterException", get, reason, repositoryName=repository, **arguments)
    fails("RepositoryNotFoundException", get, repositoryName="none")
    fails("InvalidParameterException", get, repositoryName="A")
    # The next preview replaces this one, and its tokens go on nowhere.
    archiving = preview(ecr, repository, policy(rule(1, "archive", **tagged("*")), rule(2, tagStatus="untagged")))
    assert archiving["summary"] == {
        "expiringImageTotalCount": 1,
        "transitioningImageTotalCounts": [{"targetStorageClass": "ARCHIVE", "imageTotalCount": 4}],
    }
    actions = {json.dumps(result["action"]) for result in archiving["previewResults"]}
    assert actions == {'{"type": "EXPIRE"}', '{"type": "TRANSITION", "targetStorageClass": "ARCHIVE"}'}
    fails("InvalidParameterException", get, "nextToken", repositoryName=repository, nextToken=token)


def test_aws_waits_for_a_preview(ecr, docker, repository):
    aws = lambda *arguments: subprocess.run(  # noqa: E731
        ["aws", "--region", REGION, "--endpoint-url", ENDPOINT, "ecr", *arguments, "--repository-name", repository],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"AWS_PAGER": ""},
    ).stdout
    docker.push(repository, "v1")
    docker.push(repository, "v2")
    aws("start-lifecycle-policy-preview", "--lifecycle-policy-text", KEEP_ONE)
    assert aws("wait", "lifecycle-policy-preview-complete") == ""
    shown = json.loads(aws("get-lifecycle-policy-preview"))
    assert [result["imageTags"] for result in shown["previewResults"]] == [["v1"]]
