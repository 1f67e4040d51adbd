"""Images: put, got, listed, described and deleted."""

import json
import uuid

import pytest
from conftest import ACCOUNT, CONFIG, INDEX, LAYER, MANIFEST, client, digest, fails, mistyped
from test_repositories import INVALID, OTHER, check_missing, check_names, check_pages

NOWHERE = digest(b"nothing")
DIGEST_REGEX = "image digest should satisfy the regex"
TAG_REGEX = "image tag should satisfy the regex"


def manifest(docker, repository: str, seed: str | None = None, **members) -> str:
    """The manifest of an image whose layers are there."""
    seed = seed or str(uuid.uuid4())
    config = docker.push_blob(repository, json.dumps({"architecture": "amd64", "os": "linux", "seed": seed}).encode())
    layer = docker.push_blob(repository, f"layer {seed}".encode())
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **config},
        "layers": [{"mediaType": LAYER, **layer}],
    }
    return json.dumps(document | members)


def index(*children: str) -> str:
    entries = [{"mediaType": MANIFEST, "digest": digest(c.encode()), "size": len(c)} for c in children]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


def ids(answer) -> list[tuple]:
    return sorted((i["imageDigest"], i.get("imageTag", "")) for i in answer["imageIds"])


def failure(answer) -> tuple:
    (found,) = answer["failures"]
    return found["failureCode"], found["failureReason"], found["imageId"]


def check_ids(call, **arguments):
    """The constraints of `imageIds`."""
    for count in (0, 101):
        fails(INVALID, call, "'imageIds'", **arguments, imageIds=[{"imageTag": "v1"}] * count)
    for bad in ({}, "v1", ["v1"], [["v1"]], [None], [{"imageTag": 1}], [{"imageDigest": {}}]):
        mistyped(call, "imageIds", **arguments, imageIds=bad)


def test_put_image(ecr, docker, repository):
    put = ecr.put_image
    text = manifest(docker, repository)
    answer = put(repositoryName=repository, imageManifest=text, imageTag="v1", registryId=ACCOUNT)["image"]
    assert answer["imageId"] == {"imageDigest": digest(text.encode()), "imageTag": "v1"}
    assert answer["registryId"] == ACCOUNT and answer["repositoryName"] == repository
    assert answer["imageManifest"] == text and answer["imageManifestMediaType"] == MANIFEST
    assert docker.pull(repository, "v1")[2].decode() == text
    # Again under the same tag, and without any.
    for members in ({"imageTag": "v1"}, {}):
        fails("ImageAlreadyExistsException", put, repository, repositoryName=repository, imageManifest=text, **members)
    # The same image under another tag, by a digest that is right.
    put(repositoryName=repository, imageManifest=text, imageTag="v2", imageDigest=digest(text.encode()))
    # A type beside a manifest that has none.
    bare = json.loads(manifest(docker, repository))
    del bare["mediaType"]
    named = put(repositoryName=repository, imageManifest=json.dumps(bare), imageManifestMediaType=MANIFEST)["image"]
    assert named["imageManifestMediaType"] == MANIFEST and "imageTag" not in named["imageId"]
    # An index of what is there.
    both = put(repositoryName=repository, imageManifest=index(text), imageTag="multi")["image"]
    assert both["imageManifestMediaType"] == INDEX

    check_missing(put, imageManifest=text)
    check_names(put, imageManifest=text)
    absent = json.loads(text) | {"layers": [{"mediaType": LAYER, "digest": NOWHERE, "size": 7}]}
    fails("LayersNotFoundException", put, NOWHERE, repositoryName=repository, imageManifest=json.dumps(absent))
    fails("ReferencedImagesNotFoundException", put, repositoryName=repository, imageManifest=index(text + " "))
    for wrong in (NOWHERE, "sha256:abcdef", "sha256:" + "A" * 64):
        fails(
            "ImageDigestDoesNotMatchException", put, repositoryName=repository, imageManifest=text, imageDigest=wrong
        )
    other = manifest(docker, repository)
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    message = f"The image tag 'v1' already exists in the '{repository}' repository and cannot be overwritten because the repository is immutable."
    fails("ImageTagAlreadyExistsException", put, message, repositoryName=repository, imageManifest=other, imageTag="v1")


def test_put_image_with_bad_parameters(ecr, docker, repository):
    put = ecr.put_image
    text = manifest(docker, repository)
    document = json.loads(text)
    for bad in [
        "",
        "x",
        "{}",
        "[]",
        "null",
        '{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}',
        json.dumps(document | {"layers": {}}),
        json.dumps(document | {"schemaVersion": "2"}),
        json.dumps(document | {"config": {**document["config"], "size": -1}}),
        json.dumps(document | {"config": {**document["config"], "digest": "sha256:zz"}}),
        json.dumps(document | {"config": {**document["config"], "size": 1}}),
        "[" * 100_000,
        text[:-1],
        text + " " * (4 * 1024 * 1024 - len(text) + 1),
    ]:
        fails(INVALID, put, repositoryName=repository, imageManifest=bad)
    fails(INVALID, put, "'imageManifest'", repositoryName=repository)
    mistyped(put, "imageManifest", repositoryName=repository, imageManifest=document)
    for tag in ("", "t" * 301, ".v1", "-v1", "a b", "ä", "a:b", "a/b", "v1\n"):
        fails(INVALID, put, "'imageTag'", repositoryName=repository, imageManifest=text, imageTag=tag)
    for wrong in ("", "x", "sha256", "sha256:", ":abc", "sha256:xyz", f" {digest(b'')}"):
        fails(INVALID, put, "'imageDigest'", repositoryName=repository, imageManifest=text, imageDigest=wrong)
    for kind in (INDEX, "text/plain", "", "\0"):
        fails(INVALID, put, repositoryName=repository, imageManifest=text, imageManifestMediaType=kind)
    assert ecr.list_images(repositoryName=repository)["imageIds"] == []
    longest = put(repositoryName=repository, imageManifest=text, imageTag="t" * 300)["image"]
    assert longest["imageId"]["imageTag"] == "t" * 300
    full = text + " " * (4 * 1024 * 1024 - len(text))
    put(repositoryName=repository, imageManifest=full)


def test_an_image_has_a_thousand_tags_at_most(ecr, docker, repository):
    text = manifest(docker, repository)
    for i in range(0, 1000, 10):
        tags = "&".join(f"tag=t{n}" for n in range(i, i + 10))
        path = f"/v2/{repository}/manifests/{digest(text.encode())}?{tags}"
        status, _, body = docker.call("PUT", path, text.encode(), Content_Type=MANIFEST)
        assert status == 201, body
    fails(
        "LimitExceededException", ecr.put_image, "1000", repositoryName=repository, imageManifest=text, imageTag="more"
    )
    (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert len(detail["imageTags"]) == 1000
    assert len(ecr.list_images(repositoryName=repository, maxResults=1000)["imageIds"]) == 1000
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "t0"}])
    ecr.put_image(repositoryName=repository, imageManifest=text, imageTag="more")


def test_batch_get_image(ecr, docker, repository):
    get = ecr.batch_get_image
    first, second = docker.push(repository, "v1"), docker.push(repository, "v2")
    wanted = [{"imageTag": "v1"}, {"imageDigest": second}, {"imageTag": "v2", "imageDigest": second}]
    answer = get(repositoryName=repository, imageIds=wanted, registryId=ACCOUNT, acceptedMediaTypes=[MANIFEST])
    assert answer["failures"] == []
    assert [image["imageId"]["imageDigest"] for image in answer["images"]] == [first, second, second]
    assert [image["imageId"].get("imageTag") for image in answer["images"]] == ["v1", None, "v2"]
    for image in answer["images"]:
        assert digest(image["imageManifest"].encode()) == image["imageId"]["imageDigest"]
        assert image["imageManifestMediaType"] == MANIFEST

    for image_id, code, reason in FAILURES:
        image_id = {k: first if v == "first" else v for k, v in image_id.items()}
        answer = get(repositoryName=repository, imageIds=[image_id])
        assert failure(answer)[0] == code and reason in failure(answer)[1], answer
        assert failure(answer)[2] == image_id and answer["images"] == []
    mixed = get(repositoryName=repository, imageIds=[{"imageTag": "v1"}, {"imageTag": "no"}])
    assert len(mixed["images"]) == 1 and failure(mixed)[0] == "ImageNotFound"

    check_missing(get, imageIds=wanted)
    check_names(get, imageIds=wanted)
    check_ids(get, repositoryName=repository)
    fails(INVALID, get, "'imageIds'", repositoryName=repository)
    for count in (0, 101):
        types = [MANIFEST] * count
        fails(INVALID, get, repositoryName=repository, imageIds=wanted, acceptedMediaTypes=types)
    assert get(repositoryName=repository, imageIds=wanted, acceptedMediaTypes=[MANIFEST] * 100)["images"]
    hundred = [{"imageTag": f"no{i}"} for i in range(100)]
    assert len(get(repositoryName=repository, imageIds=hundred)["failures"]) == 100


# Ids of no image, and how each fails.
FAILURES = [
    ({"imageTag": "no"}, "ImageNotFound", "Requested image not found"),
    ({"imageDigest": NOWHERE}, "ImageNotFound", "Requested image not found"),
    ({"imageDigest": "sha256:abcdef"}, "ImageNotFound", "Requested image not found"),
    ({"imageDigest": "SHA256:" + "A" * 64}, "ImageNotFound", "Requested image not found"),
    ({"imageDigest": "sha256:xyz"}, "InvalidImageDigest", DIGEST_REGEX),
    ({"imageDigest": ""}, "InvalidImageDigest", DIGEST_REGEX),
    ({"imageTag": ""}, "InvalidImageTag", TAG_REGEX),
    ({"imageTag": "t" * 301}, "InvalidImageTag", TAG_REGEX),
    ({"imageTag": "a b"}, "InvalidImageTag", TAG_REGEX),
    ({}, "MissingDigestAndTag", "both tag and digest cannot be null"),
    ({"imageTag": "v2", "imageDigest": "first"}, "ImageTagDoesNotMatchDigest", "tag does not point to the digest"),
]


def test_batch_delete_image(ecr, docker, repository):
    delete = ecr.batch_delete_image
    image = docker.push(repository, "v1", seed="same")
    docker.push(repository, "v2", seed="same")
    for image_id, code, reason in FAILURES:
        image_id = {k: NOWHERE if v == "first" else v for k, v in image_id.items()}
        answer = delete(repositoryName=repository, imageIds=[image_id])
        assert failure(answer)[0] == code and reason in failure(answer)[1], answer
        assert answer["imageIds"] == []
    # A tag is only taken off, until it is the last one.
    answer = delete(repositoryName=repository, imageIds=[{"imageTag": "v1"}], registryId=ACCOUNT)
    assert ids(answer) == [(image, "v1")] and answer["failures"] == []
    assert docker.pull(repository, image)[0] == 200 and docker.pull(repository, "v1")[0] == 404
    assert ids(delete(repositoryName=repository, imageIds=[{"imageTag": "v2"}])) == [(image, "v2")]
    assert docker.pull(repository, image)[0] == 404
    # A digest goes with all its tags.
    image = docker.push(repository, "v1", seed="same")
    docker.push(repository, "v2", seed="same")
    twice = delete(repositoryName=repository, imageIds=[{"imageDigest": image}, {"imageDigest": NOWHERE}])
    assert ids(twice) == [(image, "v1"), (image, "v2")] and failure(twice)[0] == "ImageNotFound"
    # What an index needs stays.
    text = manifest(docker, repository)
    ecr.put_image(repositoryName=repository, imageManifest=text)
    parent = ecr.put_image(repositoryName=repository, imageManifest=index(text), imageTag="multi")["image"]["imageId"]
    kept = delete(repositoryName=repository, imageIds=[{"imageDigest": digest(text.encode())}])
    assert failure(kept)[0] == "ImageReferencedByManifestList" and parent["imageDigest"] in failure(kept)[1]
    assert ids(delete(repositoryName=repository, imageIds=[{"imageTag": "multi"}])) == [
        (parent["imageDigest"], "multi")
    ]
    assert ids(delete(repositoryName=repository, imageIds=[{"imageDigest": digest(text.encode())}]))

    wanted = [{"imageTag": "v1"}]
    check_missing(delete, imageIds=wanted)
    check_names(delete, imageIds=wanted)
    check_ids(delete, repositoryName=repository)
    fails(INVALID, delete, "'imageIds'", repositoryName=repository)


def test_describe_images(ecr, docker, repository):
    describe = ecr.describe_images
    pushed = [docker.push(repository, f"v{i}") for i in range(3)]
    docker.push(repository, "also", seed="x")
    bare = docker.push(repository)
    details = describe(repositoryName=repository, registryId=ACCOUNT)["imageDetails"]
    assert len(details) == 5
    by_digest = {detail["imageDigest"]: detail for detail in details}
    detail = by_digest[pushed[0]]
    assert detail["imageTags"] == ["v0"] and detail["imageManifestMediaType"] == MANIFEST
    assert detail["artifactMediaType"] == CONFIG and detail["imageStatus"] == "ACTIVE"
    assert detail["registryId"] == ACCOUNT and detail["repositoryName"] == repository
    assert detail["imageSizeInBytes"] > 0 and detail["imagePushedAt"]
    assert "imageTags" not in by_digest[bare]
    for status, expected in [("TAGGED", 4), ("UNTAGGED", 1), ("ANY", 5), (None, 5)]:
        found = describe(repositoryName=repository, filter={"tagStatus": status})["imageDetails"]
        assert len(found) == expected
    named = describe(repositoryName=repository, imageIds=[{"imageTag": "v2"}, {"imageDigest": pushed[1]}])
    assert [d["imageDigest"] for d in named["imageDetails"]] == [pushed[2], pushed[1]]
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository, PaginationConfig={"PageSize": 2})
    assert sorted(d["imageDigest"] for page in pages for d in page["imageDetails"]) == sorted(by_digest)

    text = f"The image with imageId {{imageDigest:'null', imageTag:'no'}} does not exist within the repository with name '{repository}' in the registry with id '{ACCOUNT}'"
    fails("ImageNotFoundException", describe, text, repositoryName=repository, imageIds=[{"imageTag": "no"}])
    for missing in [{"imageDigest": NOWHERE}, {"imageDigest": "sha256:ABC"}, {"imageTag": "v1", "imageDigest": bare}]:
        fails("ImageNotFoundException", describe, repositoryName=repository, imageIds=[missing])
    for bad in [{}, {"imageTag": ""}, {"imageTag": "t" * 301}, {"imageDigest": "x"}, {"imageDigest": "sha256:xyz"}]:
        fails(INVALID, describe, repositoryName=repository, imageIds=[bad])
    token = describe(repositoryName=repository, maxResults=1)["nextToken"]
    one = [{"imageTag": "v1"}]
    for members in [{"nextToken": token}, {"maxResults": 1}]:
        fails(INVALID, describe, "imageIds", repositoryName=repository, imageIds=one, **members)
    check_missing(describe)
    check_names(describe)
    check_ids(describe, repositoryName=repository)
    check_lists(ecr, describe, repository, token)
    fails(INVALID, ecr.list_images, "nextToken", repositoryName=repository, nextToken=token)
    fails(INVALID, describe, "tagStatus", repositoryName=repository, imageIds=one, filter={"tagStatus": "SOME"})


def check_lists(ecr, call, repository: str, token: str):
    """What lists of a repository's images have in common; `token` is one of `repository`."""
    check_pages(call, repositoryName=repository)
    for bad in ("", "SOME", "tagged"):
        fails(INVALID, call, "'filter.tagStatus'", repositoryName=repository, filter={"tagStatus": bad})
    for bad in ("TAGGED", ["TAGGED"], {"tagStatus": ["TAGGED"]}):
        mistyped(call, "filter", repositoryName=repository, filter=bad)
    other = repository[:200] + "-other"
    ecr.create_repository(repositoryName=other)
    fails(INVALID, call, "nextToken", repositoryName=other, nextToken=token)
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for forged in (flipped, token[1:], token + "A", token * 2):
        fails(INVALID, call, "nextToken", repositoryName=repository, nextToken=forged)
    ecr.delete_repository(repositoryName=other)
    fails("RepositoryNotFoundException", call, f"'{OTHER}'", repositoryName=repository, registryId=OTHER)
    stranger = getattr(client(key=OTHER), call.__name__)
    fails("RepositoryNotFoundException", stranger, f"'{OTHER}'", repositoryName=repository)


def test_list_images(ecr, docker, repository):
    listed = ecr.list_images
    assert listed(repositoryName=repository)["imageIds"] == []
    first, second, bare = docker.push(repository, "v1", seed="1"), docker.push(repository, "v2"), docker.push(repository)
    docker.push(repository, "also", seed="1")
    everything = sorted([(first, "v1"), (first, "also"), (second, "v2"), (bare, "")])
    assert ids(listed(repositoryName=repository, registryId=ACCOUNT)) == everything
    tagged = listed(repositoryName=repository, filter={"tagStatus": "TAGGED"})
    assert ids(tagged) == [entry for entry in everything if entry[1]]
    assert ids(listed(repositoryName=repository, filter={"tagStatus": "UNTAGGED"})) == [(bare, "")]
    for size in (1, 2, 3):
        pages = ecr.get_paginator("list_images").paginate(
            repositoryName=repository, PaginationConfig={"PageSize": size}
        )
        assert sorted(entry for page in pages for entry in ids(page)) == everything
    token = listed(repositoryName=repository, maxResults=1)["nextToken"]
    check_missing(listed)
    check_names(listed)
    check_lists(ecr, listed, repository, token)


@pytest.mark.parametrize("name", ["ab", "a" * 256])
def test_the_shortest_and_the_longest_name(ecr, docker, name):
    ecr.create_repository(repositoryName=name)
    image = docker.push(name, "v1")
    assert ecr.list_images(repositoryName=name)["imageIds"][0]["imageDigest"] == image
    ecr.delete_repository(repositoryName=name, force=True)
