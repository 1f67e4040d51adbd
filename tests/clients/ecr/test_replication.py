"""Replication, backfills and the description of the registry."""

import json
import time
import uuid

import pytest
from conftest import ACCOUNT, INDEX, REGION, Docker, client, fails

EU = {"region": "eu-west-1", "registryId": ACCOUNT}
OTHER = {"region": REGION, "registryId": "222222222222"}


@pytest.fixture(autouse=True)
def no_rules(ecr):
    yield
    ecr.put_replication_configuration(replicationConfiguration={"rules": []})


def rules(*destinations, prefix=None, **members):
    rule = {"destinations": list(destinations), **members}
    if prefix:
        rule["repositoryFilters"] = [{"filter": prefix, "filterType": "PREFIX_MATCH"}]
    return {"rules": [rule]}


def until(what, probe):
    """Waits until `probe` finds something."""
    for _ in range(600):
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def settled(ecr, repository, image):
    def probe():
        reply = ecr.describe_image_replication_status(repositoryName=repository, imageId={"imageDigest": image})
        statuses = reply["replicationStatuses"]
        return all(s["status"] != "IN_PROGRESS" for s in statuses) and [statuses]

    return until("the replications have an outcome", probe)[0]


def ended(ecr, backfill):
    def probe():
        found = ecr.describe_replication_backfill_results(replicationBackfillId=backfill)
        return found if "endedAt" in found else None

    return until("the backfill ends", probe)


def test_put_replication_configuration(ecr):
    put = ecr.put_replication_configuration
    for configuration in (
        {"rules": []},
        rules(EU, OTHER, prefix="shop/"),
        rules(EU, deleteReplication={"enabled": False}),
        {"rules": [rules(EU)["rules"][0]] * 25},
    ):
        reply = put(replicationConfiguration=configuration)
        assert reply["replicationConfiguration"] == configuration
        assert ecr.describe_registry()["replicationConfiguration"] == configuration
    invalid = "InvalidParameterException"
    fails(invalid, put)
    fails(invalid, put, replicationConfiguration={})
    fails(invalid, put, replicationConfiguration={"rules": [{}]})
    fails(invalid, put, replicationConfiguration={"rules": rules(EU)["rules"] * 26})
    fails(
        invalid,
        put,
        "Replication destination cannot be the same as the source registry",
        replicationConfiguration=rules({"region": REGION, "registryId": ACCOUNT}),
    )
    for destination in (
        {"region": "eu-west-1"},
        {"registryId": ACCOUNT},
        {"region": "EU", "registryId": ACCOUNT},
        {"region": "e" * 26 + "-1", "registryId": ACCOUNT},
        {"region": "eu-west-1", "registryId": "12345"},
    ):
        fails(invalid, put, replicationConfiguration=rules(destination))
    many = [{"region": "eu-west-1", "registryId": f"{i:012}"} for i in range(101)]
    fails(invalid, put, replicationConfiguration=rules(*many))
    two = {"rules": rules(*many[:60])["rules"] + rules(*many[60:])["rules"]}
    fails(invalid, put, "unique destinations", replicationConfiguration=two)
    for filters in (
        [],
        [{"filter": "ab"}],
        [{"filterType": "PREFIX_MATCH"}],
        [{"filter": "ab", "filterType": "WILDCARD"}],
        [{"filter": "a", "filterType": "PREFIX_MATCH"}],
        [{"filter": "UPPER", "filterType": "PREFIX_MATCH"}],
        [{"filter": "ab", "filterType": "PREFIX_MATCH"}] * 101,
    ):
        fails(invalid, put, replicationConfiguration=rules(EU, repositoryFilters=filters))
    fails(invalid, put, replicationConfiguration=rules(EU, deleteReplication={}))
    fails(
        invalid,
        put,
        "does not replicate deletions",
        replicationConfiguration=rules(EU, deleteReplication={"enabled": True}),
    )
    fails("SerializationException", put, replicationConfiguration=rules({"region": 5, "registryId": ACCOUNT}))


def test_describe_registry(ecr):
    reply = ecr.describe_registry()
    assert reply["registryId"] == ACCOUNT
    assert reply["replicationConfiguration"] == {"rules": []}
    ecr.put_replication_configuration(replicationConfiguration=rules(EU))
    assert ecr.describe_registry()["replicationConfiguration"] == rules(EU)
    # Each region has its own.
    there = client(region="eu-west-1").describe_registry()
    assert there["replicationConfiguration"] == {"rules": []}


def test_describe_image_replication_status(ecr, docker, repository):
    old = docker.push(repository, "old")
    ecr.put_replication_configuration(replicationConfiguration=rules(EU, OTHER))
    image = docker.push(repository, "v1")
    assert settled(ecr, repository, old) == []
    assert settled(ecr, repository, image) == [
        {**EU, "status": "COMPLETE"},
        {**OTHER, "status": "COMPLETE"},
    ]
    describe = ecr.describe_image_replication_status
    reply = describe(repositoryName=repository, imageId={"imageTag": "v1"}, registryId=ACCOUNT)
    assert reply["repositoryName"] == repository
    assert reply["imageId"] == {"imageDigest": image, "imageTag": "v1"}
    there = client(region="eu-west-1")
    assert Docker(there).pull(repository, "v1")[0] == 200
    there.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    second = docker.push(repository, "v1")
    assert settled(ecr, repository, second)[0] == {
        **EU,
        "status": "FAILED",
        "failureCode": "ImageTagAlreadyExists",
    }
    for region, key in (("eu-west-1", "test"), (REGION, OTHER["registryId"])):
        client(region=region, key=key).delete_repository(repositoryName=repository, force=True)
    invalid, known = "InvalidParameterException", {"repositoryName": repository}
    fails(invalid, describe)
    fails(invalid, describe, **known)
    fails(invalid, describe, imageId={"imageTag": "v1"})
    fails(invalid, describe, imageId={}, **known)
    fails(invalid, describe, imageId={"imageDigest": "v1"}, **known)
    fails(invalid, describe, imageId={"imageTag": "v1"}, registryId="1", **known)
    fails("ImageNotFoundException", describe, "'none'", imageId={"imageTag": "none"}, **known)
    fails("ImageNotFoundException", describe, imageId={"imageTag": "v1", "imageDigest": old}, **known)
    fails("RepositoryNotFoundException", describe, repositoryName="none", imageId={"imageTag": "v1"})


def test_start_replication_backfill(ecr, docker, repository):
    start = ecr.start_replication_backfill
    invalid = "InvalidParameterException"
    fails(invalid, start)
    fails(invalid, start, destination={})
    fails(invalid, start, destination={"region": "eu-west-1"})
    fails(invalid, start, destination={**EU, "registryId": "1"})
    fails(invalid, start, "replication configuration", destination=EU)
    fails(invalid, start, destination=EU, registryId="333333333333")
    image = docker.push(repository, "v1")
    ecr.put_replication_configuration(replicationConfiguration=rules(EU, prefix=repository))
    reply = start(destination=EU, registryId=ACCOUNT)
    assert reply["status"] == "PREPARING" and reply["destination"] == EU and reply["registryId"] == ACCOUNT
    assert reply["startedAt"] and uuid.UUID(reply["replicationBackfillId"])
    done = ended(ecr, reply["replicationBackfillId"])
    assert done["status"] == "COMPLETE" and done["startedAt"] == reply["startedAt"]
    there = client(region="eu-west-1")
    assert Docker(there).pull(repository, image)[0] == 200
    there.delete_repository(repositoryName=repository, force=True)


def test_stop_replication_backfill(ecr, docker, repository):
    stop = ecr.stop_replication_backfill
    unknown = str(uuid.uuid4())
    fails("InvalidParameterException", stop)
    fails("InvalidParameterException", stop, replicationBackfillId="none")
    fails("InvalidParameterException", stop, replicationBackfillId=unknown, registryId="1")
    fails("ReplicationBackfillNotFoundException", stop, unknown, replicationBackfillId=unknown)
    docker.push(repository, "v1")
    ecr.put_replication_configuration(replicationConfiguration=rules(EU, prefix=repository))
    backfill = ecr.start_replication_backfill(destination=EU)["replicationBackfillId"]
    try:
        reply = stop(replicationBackfillId=backfill)
        assert reply["status"] in ("STOPPING", "STOPPED") and reply["destination"] == EU
        assert reply["registryId"] == ACCOUNT and reply["replicationBackfillId"] == backfill
    except ecr.exceptions.ReplicationBackfillInvalidStatusException:
        pass  # It was faster.
    assert ended(ecr, backfill)["status"] in ("STOPPED", "COMPLETE")
    fails("ReplicationBackfillInvalidStatusException", stop, replicationBackfillId=backfill)


def test_list_replication_backfills(ecr):
    listing = ecr.list_replication_backfills
    before = len(ecr.get_paginator("list_replication_backfills").paginate().build_full_result()["backfills"])
    ecr.put_replication_configuration(replicationConfiguration=rules(EU, prefix="none-such"))
    started = []
    for _ in range(3):
        started.append(ecr.start_replication_backfill(destination=EU)["replicationBackfillId"])
        ended(ecr, started[-1])
    pages = list(ecr.get_paginator("list_replication_backfills").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["backfills"]) <= 2 and page["registryId"] == ACCOUNT for page in pages)
    found = [backfill for page in pages for backfill in page["backfills"]]
    assert len(found) == before + 3
    by_id = {b["replicationBackfillId"]: b for b in found}
    assert set(started) <= set(by_id)
    last = by_id[started[-1]]
    assert last["status"] == "COMPLETE" and last["destination"] == EU and last["endedAt"] >= last["startedAt"]
    assert last["progress"]["totalReplicationCount"] == 0 and last["progress"]["failureCodes"] == []
    assert client(region="eu-west-1").list_replication_backfills()["backfills"] == []
    invalid = "InvalidParameterException"
    fails(invalid, listing, maxResults=0)
    fails(invalid, listing, maxResults=51)
    fails(invalid, listing, nextToken="forged")
    fails(invalid, listing, registryId="1")
    fails(invalid, listing, registryId="333333333333")


def test_describe_replication_backfill_results(ecr, docker, repository):
    describe = ecr.describe_replication_backfill_results
    child = docker.push(repository)
    status, _, body = docker.pull(repository, child)
    assert status == 200
    entry = {"mediaType": json.loads(body)["mediaType"], "digest": child, "size": len(body)}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    status, index, answer = docker.push_manifest(repository, "multi", index)
    assert status == 201, answer
    image = docker.push(repository, "v1")
    docker.push(repository, "v2")
    ecr.put_replication_configuration(replicationConfiguration=rules(EU, prefix=repository))
    there = client(region="eu-west-1")
    there.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    Docker(there).push(repository, "v2")
    backfill = ecr.start_replication_backfill(destination=EU)["replicationBackfillId"]
    done = ended(ecr, backfill)
    assert done["status"] == "COMPLETE" and "failureCode" not in done and "nextToken" not in done
    assert done["registryId"] == ACCOUNT and done["destination"] == EU
    assert done["progress"] == {
        "totalReplicationCount": 3,
        "completedReplicationCount": 2,
        "failedReplicationCount": 1,
        "failureCodes": ["ImageTagAlreadyExists"],
    }
    by_tag = {result["imageId"]["imageTag"]: result for result in done["results"]}
    assert by_tag["multi"] == {
        "repositoryName": repository,
        "imageId": {"imageDigest": index, "imageTag": "multi"},
        "status": "COMPLETE",
        "subImageFailureCodes": [],
    }
    assert by_tag["v1"]["imageId"]["imageDigest"] == image
    assert by_tag["v2"]["status"] == "FAILED" and by_tag["v2"]["failureCode"] == "ImageTagAlreadyExists"
    known = {"replicationBackfillId": backfill}
    for wanted, tags in (("COMPLETE", {"multi", "v1"}), ("FAILED", {"v2"})):
        results = describe(resultStatusFilter=wanted, **known)["results"]
        assert {result["imageId"]["imageTag"] for result in results} == tags
    pages = list(
        ecr.get_paginator("describe_replication_backfill_results").paginate(
            PaginationConfig={"PageSize": 1}, **known
        )
    )
    assert [len(page["results"]) for page in pages] == [1, 1, 1]
    token = pages[0]["nextToken"]
    there.delete_repository(repositoryName=repository, force=True)
    invalid = "InvalidParameterException"
    fails(invalid, describe)
    fails(invalid, describe, replicationBackfillId="none")
    fails(invalid, describe, resultStatusFilter="STOPPED", **known)
    fails(invalid, describe, maxResults=0, **known)
    fails(invalid, describe, maxResults=1001, **known)
    fails(invalid, describe, nextToken="forged", **known)
    fails(invalid, describe, nextToken=token, resultStatusFilter="FAILED", **known)
    fails(invalid, describe, registryId="1", **known)
    missing = "ReplicationBackfillNotFoundException"
    fails(missing, describe, replicationBackfillId=str(uuid.uuid4()))
    fails(missing, describe, registryId="333333333333", **known)
    fails(missing, there.describe_replication_backfill_results, **known)
