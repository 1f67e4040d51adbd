"""The archive, referrers, pull times and settings of the account."""

import json

import pytest
from conftest import ACCOUNT, CONFIG, INDEX, LAYER, MANIFEST, Docker, client, digest, fails

SIGNATURE = "application/vnd.example.signature"
SBOM = "application/vnd.example.sbom"


def describe(ecr, repository: str, image: str) -> dict:
    found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": image}])
    return found["imageDetails"][0]


def listed(ecr, repository: str, **filter: str) -> set:
    """The digests that both lists show, which must agree."""
    arguments = {"repositoryName": repository, **({"filter": filter} if filter else {})}
    ids = {entry["imageDigest"] for entry in ecr.list_images(**arguments)["imageIds"]}
    described = ecr.describe_images(**arguments)["imageDetails"]
    assert ids == {entry["imageDigest"] for entry in described}
    return ids


def move(ecr, repository: str, image: str, target: str) -> str:
    moved = ecr.update_image_storage_class(
        repositoryName=repository, imageId={"imageDigest": image}, targetStorageClass=target
    )
    return moved["imageStatus"]


def index(docker, repository: str, tag: str, *children: str) -> str:
    entries = []
    for child in children:
        body = docker.pull(repository, child)[2]
        entries.append({"mediaType": MANIFEST, "digest": child, "size": len(body)})
    manifest = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    status, pushed, answer = docker.push_manifest(repository, tag, manifest)
    assert status == 201, answer
    return pushed


def test_update_image_storage_class(ecr, docker, repository):
    image, other = docker.push(repository, "v1"), docker.push(repository, "v2")
    call = ecr.update_image_storage_class
    moved = call(
        repositoryName=repository,
        registryId=ACCOUNT,
        imageId={"imageTag": "v1"},
        targetStorageClass="ARCHIVE",
    )
    moved.pop("ResponseMetadata")
    assert moved == {
        "registryId": ACCOUNT,
        "repositoryName": repository,
        "imageId": {"imageDigest": image, "imageTag": "v1"},
        "imageStatus": "ARCHIVED",
    }
    # It is not pulled any more, through no door; its blobs are, for other images may have them.
    for reference in ("v1", image):
        assert docker.pull(repository, reference)[0] == 404
        assert docker.call("HEAD", f"/v2/{repository}/manifests/{reference}")[0] == 404
    assert docker.pull(repository, other)[0] == 200
    got = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}, {"imageTag": "v2"}])
    assert [entry["imageId"]["imageDigest"] for entry in got["images"]] == [other]
    assert got["failures"][0]["failureCode"] == "ImageInaccessible"
    # It is described, and listed by whom asks for it.
    detail = describe(ecr, repository, image)
    assert detail["imageStatus"] == "ARCHIVED" and detail["imageTags"] == ["v1"]
    assert "lastArchivedAt" in detail and "lastActivatedAt" not in detail
    assert listed(ecr, repository) == {other} == listed(ecr, repository, imageStatus="ACTIVE")
    assert listed(ecr, repository, imageStatus="ARCHIVED") == {image}
    assert listed(ecr, repository, imageStatus="ARCHIVED", tagStatus="UNTAGGED") == set()
    assert listed(ecr, repository, imageStatus="ACTIVATING") == set()
    assert listed(ecr, repository, imageStatus="ANY") == {image, other}
    for list_call in (ecr.list_images, ecr.describe_images):
        fails(
            "InvalidParameterException", list_call, repositoryName=repository, filter={"imageStatus": "GONE"}
        )
    unsupported = "ImageStorageClassUpdateNotSupportedException"
    args = {"repositoryName": repository, "imageId": {"imageDigest": image}}
    fails(unsupported, call, "already", **args, targetStorageClass="ARCHIVE")
    # It comes back.
    assert move(ecr, repository, image, "STANDARD") == "ACTIVATING"
    detail = describe(ecr, repository, image)
    assert detail["imageStatus"] == "ACTIVE"
    assert detail["lastActivatedAt"] >= detail["lastArchivedAt"]
    assert docker.pull(repository, "v1")[0] == 200
    fails(unsupported, call, "already", **args, targetStorageClass="STANDARD")
    # A push brings it back as well, through both doors.
    body = docker.pull(repository, image)[2]
    assert move(ecr, repository, image, "ARCHIVE") == "ARCHIVED"
    assert docker.push_manifest(repository, "v3", json.loads(body))[0] == 201
    assert docker.pull(repository, image)[0] == 200
    assert move(ecr, repository, image, "ARCHIVE") == "ARCHIVED"
    ecr.put_image(repositoryName=repository, imageManifest=body.decode(), imageTag="v1")
    assert describe(ecr, repository, image)["imageStatus"] == "ACTIVE"
    # An archived image can be deleted.
    move(ecr, repository, image, "ARCHIVE")
    gone = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": image}])
    assert gone["failures"] == []

    fails("ImageNotFoundException", call, **args, targetStorageClass="ARCHIVE")
    missing = args | {"repositoryName": "not-there"}
    fails("RepositoryNotFoundException", call, **missing, targetStorageClass="ARCHIVE")
    for wrong in (
        {"targetStorageClass": "GLACIER"},
        {"targetStorageClass": None},
        {"imageId": None},
        {"imageId": {}},
        {"imageId": {"imageDigest": "x"}},
        {"imageId": {"imageTag": "-"}},
        {"repositoryName": "UPPER"},
    ):
        members = args | {"targetStorageClass": "ARCHIVE"} | wrong
        fails("InvalidParameterException", call, **{k: v for k, v in members.items() if v is not None})


def test_an_index_that_can_be_pulled_never_names_an_archived_child(ecr, docker, repository):
    child = docker.push(repository)
    body = docker.pull(repository, child)[2]
    parent = index(docker, repository, "multi", child)
    fails(
        "ImageStorageClassUpdateNotSupportedException",
        ecr.update_image_storage_class,
        "referenced by manifest list",
        repositoryName=repository,
        imageId={"imageDigest": child},
        targetStorageClass="ARCHIVE",
    )
    detail = describe(ecr, repository, parent)
    assert detail["imageSizeInBytes"] == describe(ecr, repository, child)["imageSizeInBytes"]
    move(ecr, repository, parent, "ARCHIVE")
    assert docker.pull(repository, child)[0] == 200
    move(ecr, repository, child, "ARCHIVE")
    # A new index cannot name it before it is pushed again.
    entry = {"mediaType": MANIFEST, "digest": child, "size": len(body)}
    new = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry], "annotations": {"new": "1"}}
    assert docker.push_manifest(repository, "new", new)[0] == 400
    # With the index its children come back.
    move(ecr, repository, parent, "STANDARD")
    assert docker.pull(repository, "multi")[0] == 200
    assert docker.pull(repository, child)[0] == 200
    assert docker.push_manifest(repository, "new", new)[0] == 201


def attach(docker, repository: str, subject: str, size: int, kind: str, **annotations: str) -> str:
    return docker.push(
        repository,
        subject={"mediaType": MANIFEST, "digest": subject, "size": size},
        artifactType=kind,
        **({"annotations": annotations} if annotations else {}),
    )


def test_list_image_referrers(ecr, docker, repository):
    subject = docker.push(repository, "v1")
    size = len(docker.pull(repository, subject)[2])
    signature = attach(docker, repository, subject, size, SIGNATURE, who="me")
    boms = {attach(docker, repository, subject, size, SBOM) for _ in range(3)}
    call = ecr.list_image_referrers
    args = {"repositoryName": repository, "subjectId": {"imageDigest": subject}}
    everything = call(**args, registryId=ACCOUNT)["referrers"]
    assert {entry["digest"] for entry in everything} == boms | {signature}
    assert [entry["digest"] for entry in everything] == sorted(entry["digest"] for entry in everything)
    found = call(**args, filter={"artifactTypes": [SIGNATURE]})["referrers"]
    assert found == [
        {
            "digest": signature,
            "mediaType": MANIFEST,
            "artifactType": SIGNATURE,
            "size": len(docker.pull(repository, signature)[2]),
            "annotations": {"who": "me"},
            "artifactStatus": "ACTIVE",
        }
    ]
    both = call(**args, filter={"artifactTypes": [SIGNATURE, SBOM, "x"]})["referrers"]
    assert both == everything
    assert call(**args, filter={"artifactTypes": []})["referrers"] == everything
    # Page by page.
    paged, token = [], {}
    while token is not None:
        page = call(**args, **token, maxResults=1, filter={"artifactTypes": [SBOM]})
        assert len(page["referrers"]) == 1
        paged += [entry["digest"] for entry in page["referrers"]]
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else None
    assert paged == sorted(boms)
    first = call(**args, maxResults=1)["nextToken"]
    other = {"repositoryName": repository, "subjectId": {"imageDigest": signature}}
    for wrong in (args | {"nextToken": "x"}, other | {"nextToken": first}):
        fails("InvalidParameterException", call, "nextToken", **wrong)
    # Archived ones are listed by whom asks, and by docker's door not at all.
    move(ecr, repository, signature, "ARCHIVE")
    assert {entry["digest"] for entry in call(**args)["referrers"]} == boms
    archived = call(**args, filter={"artifactStatus": "ARCHIVED"})["referrers"]
    assert [(entry["digest"], entry["artifactStatus"]) for entry in archived] == [(signature, "ARCHIVED")]
    assert len(call(**args, filter={"artifactStatus": "ANY"})["referrers"]) == 4
    assert call(**args, filter={"artifactStatus": "ACTIVATING"})["referrers"] == []
    found = json.loads(docker.call("GET", f"/v2/{repository}/referrers/{subject}")[2])
    assert {entry["digest"] for entry in found["manifests"]} == boms

    detail = describe(ecr, repository, signature)
    assert detail["subjectManifestDigest"] == subject
    assert detail["artifactMediaType"] == SIGNATURE
    assert describe(ecr, repository, subject)["artifactMediaType"] == CONFIG
    # A subject that is not there may have referrers all the same.
    assert call(**args | {"subjectId": {"imageDigest": digest(b"missing")}})["referrers"] == []
    fails("RepositoryNotFoundException", call, **args | {"repositoryName": "not-there"})
    for wrong in (
        {"maxResults": 0},
        {"maxResults": 51},
        {"subjectId": {}},
        {"subjectId": {"imageDigest": "x"}},
        {"subjectId": None},
        {"filter": {"artifactTypes": ["x"] * 6}},
        {"filter": {"artifactTypes": [""]}},
        {"filter": {"artifactTypes": ["x" * 256]}},
        {"filter": {"artifactStatus": "GONE"}},
        {"repositoryName": "UPPER"},
    ):
        fails("InvalidParameterException", call, **{k: v for k, v in (args | wrong).items() if v is not None})


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{name}"


BAD_ARNS = (None, "", "me", arn("root"), arn("group/x"), arn("user/"), arn("user/" + "x" * 200), arn("user/a*"))


def bad_arns(call) -> None:
    for bad in BAD_ARNS:
        fails("InvalidParameterException", call, **({} if bad is None else {"principalArn": bad}))


def test_register_pull_time_update_exclusion(ecr, docker, repository):
    call = ecr.register_pull_time_update_exclusion
    scanner = client(key="AKIDSCANNER")
    excluded = arn("user/AKIDSCANNER")
    made = call(principalArn=excluded)
    assert made["principalArn"] == excluded and made["createdAt"]
    try:
        fails("ExclusionAlreadyExistsException", call, principalArn=excluded)
        bad_arns(call)
        image = docker.push(repository, "v1")
        # Neither door notes what the excluded principal pulls.
        assert Docker(scanner).pull(repository, "v1")[0] == 200
        scanner.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}])
        assert "lastRecordedPullTime" not in describe(ecr, repository, image)
    finally:
        ecr.deregister_pull_time_update_exclusion(principalArn=excluded)


def pulled(ecr, repository: str, image: str):
    """When an image was last pulled; it is noted beside the answer."""
    import time

    for _ in range(200):
        detail = describe(ecr, repository, image)
        if "lastRecordedPullTime" in detail:
            return detail["lastRecordedPullTime"]
        time.sleep(0.02)
    return None


def test_deregister_pull_time_update_exclusion(ecr, docker, repository):
    call = ecr.deregister_pull_time_update_exclusion
    scanner = client(key="AKIDSCANNER2")
    excluded = arn("user/AKIDSCANNER2")
    fails("ExclusionNotFoundException", call, principalArn=excluded)
    bad_arns(call)
    ecr.register_pull_time_update_exclusion(principalArn=excluded)
    assert call(principalArn=excluded)["principalArn"] == excluded
    fails("ExclusionNotFoundException", call, principalArn=excluded)
    image = docker.push(repository, "v1")
    scanner.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert pulled(ecr, repository, image)
    other = docker.push(repository, "v2")
    assert Docker(scanner).pull(repository, "v2")[0] == 200
    assert pulled(ecr, repository, other)


def test_list_pull_time_update_exclusions(ecr):
    # A registry of its own, for the limit is the registry's.
    ecr = client(region="eu-west-1")
    call = ecr.list_pull_time_update_exclusions
    assert call()["pullTimeUpdateExclusions"] == []
    arns = sorted(arn(f"role/path/r{i}") for i in range(100))
    for one in arns:
        ecr.register_pull_time_update_exclusion(principalArn=one)
    fails("LimitExceededException", ecr.register_pull_time_update_exclusion, principalArn=arn("user/x"))
    whole = call(maxResults=1000)
    assert whole["pullTimeUpdateExclusions"] == arns and "nextToken" not in whole
    first = call(maxResults=60)
    rest = call(maxResults=60, nextToken=first["nextToken"])
    assert first["pullTimeUpdateExclusions"] + rest["pullTimeUpdateExclusions"] == arns
    assert "nextToken" not in rest
    for wrong in ({"maxResults": 0}, {"maxResults": 1001}, {"nextToken": "x"}):
        fails("InvalidParameterException", call, **wrong)
    for one in arns:
        ecr.deregister_pull_time_update_exclusion(principalArn=one)
    assert call()["pullTimeUpdateExclusions"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"), ("REGISTRY_POLICY_SCOPE", "V2"), ("BLOB_MOUNTING", "ENABLED")],
)
def test_get_account_setting(ecr, name, value):
    found = ecr.get_account_setting(name=name)
    assert (found["name"], found["value"]) == (name, value)
    for wrong in ({}, {"name": ""}, {"name": "NOTHING"}):
        fails("InvalidParameterException", ecr.get_account_setting, **wrong)


def test_put_account_setting(ecr, docker, repository):
    call = ecr.put_account_setting
    for name, value in (
        ("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"),
        ("REGISTRY_POLICY_SCOPE", "V1"),
        ("REGISTRY_POLICY_SCOPE", "V2"),
        ("BLOB_MOUNTING", "DISABLED"),
    ):
        put = call(name=name, value=value)
        assert (put["name"], put["value"]) == (name, value)
        assert ecr.get_account_setting(name=name)["value"] == value
    for wrong in (
        {"name": "BASIC_SCAN_TYPE_VERSION", "value": "CLAIR"},
        {"name": "REGISTRY_POLICY_SCOPE", "value": "V3"},
        {"name": "BLOB_MOUNTING", "value": "enabled"},
        {"name": "BLOB_MOUNTING"},
        {"name": "NOTHING", "value": "ENABLED"},
        {"value": "ENABLED"},
    ):
        fails("InvalidParameterException", call, **wrong)
    # Without mounting a push falls back to an upload.
    ecr.create_repository(repositoryName=f"{repository}-source")
    blob = docker.push_blob(f"{repository}-source", repository.encode())["digest"]
    mount = f"/v2/{repository}/blobs/uploads/?mount={blob}&from={repository}-source"
    status, headers, _ = docker.call("POST", mount, b"")
    assert status == 202
    assert docker.call("DELETE", headers["Location"])[0] == 204
    assert client(region="eu-west-1").get_account_setting(name="BLOB_MOUNTING")["value"] == "ENABLED"
    call(name="BLOB_MOUNTING", value="ENABLED")
    assert docker.call("POST", mount, b"")[0] == 201
    ecr.delete_repository(repositoryName=f"{repository}-source", force=True)
