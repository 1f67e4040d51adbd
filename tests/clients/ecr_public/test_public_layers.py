"""Layers of public repositories by the JSON API."""

import json
import uuid

from conftest import (
    ACCOUNT,
    ALIAS,
    CONFIG,
    INVALID,
    LAYER,
    MANIFEST,
    MISSING,
    NOT_FOUND,
    OTHER,
    PublicDocker,
    check_names,
    digest,
    fails,
)

MIB = 1024 * 1024


def begin(public, repository: str) -> str:
    return public.initiate_layer_upload(repositoryName=repository)["uploadId"]


def send(public, repository: str, upload: str, first: int, blob: bytes, **members):
    part = {"partFirstByte": first, "partLastByte": first + len(blob) - 1, "layerPartBlob": blob}
    return public.upload_layer_part(repositoryName=repository, uploadId=upload, **part, **members)


def upload(public, repository: str, blob: bytes) -> dict:
    session = begin(public, repository)
    send(public, repository, session, 0, blob)
    complete = public.complete_layer_upload
    done = complete(repositoryName=repository, uploadId=session, layerDigests=[digest(blob)])
    assert done["layerDigest"] == digest(blob)
    return {"digest": digest(blob), "size": len(blob)}


def cancel(docker, repository: str, session: str) -> None:
    assert docker.call("DELETE", f"/v2/{ALIAS}/{repository}/blobs/uploads/{session}")[0] == 204


def check_registries(call, repository: str, **arguments):
    arguments |= {"repositoryName": repository}
    fails(NOT_FOUND, call, **arguments, registryId=OTHER)
    fails(INVALID, call, "registryId", **arguments, registryId="w" + OTHER)
    fails(INVALID, call, "registryId", **arguments, registryId="1")


def test_batch_check_layer_availability(public, ecr, docker, repository):
    call = public.batch_check_layer_availability
    there = docker.push_blob(f"{ALIAS}/{repository}", b"layer")["digest"]
    absent = digest(b"absent")
    answer = call(repositoryName=repository, registryId=ALIAS, layerDigests=[there, absent, "no digest", ""])
    assert [(layer["layerDigest"], layer["layerAvailability"]) for layer in answer["layers"]] == [
        (there, "AVAILABLE"),
        (absent, "UNAVAILABLE"),
    ]
    assert [failure["failureCode"] for failure in answer["failures"]] == ["InvalidLayerDigest", "MissingLayerDigest"]
    # A private repository of the same name is another one.
    ecr.create_repository(repositoryName=repository)
    private = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=[there])
    assert private["layers"][0]["layerAvailability"] == "UNAVAILABLE"
    ecr.delete_repository(repositoryName=repository)
    for bad in ([], [absent] * 101, ["x" * 1001]):
        fails(INVALID, call, "layerDigests", repositoryName=repository, layerDigests=bad)
    check_registries(call, repository, layerDigests=[there])
    check_names(call, layerDigests=[there])


def test_initiate_layer_upload(public, docker, repository):
    begun = public.initiate_layer_upload(repositoryName=repository, registryId=ACCOUNT)
    assert begun["partSize"] == 10 * MIB
    path = f"/v2/{ALIAS}/{repository}/blobs/uploads/{begun['uploadId']}"
    status, headers, _ = docker.call("GET", path)
    assert (status, headers["Range"]) == (204, "0-0")
    # It is nobody else's to look at.
    assert PublicDocker(None, "public.ecr.aws").call("GET", path)[0] == 401
    cancel(docker, repository, begun["uploadId"])
    check_registries(public.initiate_layer_upload, repository)
    check_names(public.initiate_layer_upload)


def test_upload_layer_part(public, ecr, docker, repository):
    call, session = public.upload_layer_part, begin(public, repository)
    sent = send(public, repository, session, 0, b"abc", registryId=ALIAS)
    sent.pop("ResponseMetadata")
    expected = {"registryId": ACCOUNT, "repositoryName": repository, "uploadId": session, "lastByteReceived": 2}
    assert sent == expected
    part = {"uploadId": session, "partFirstByte": 3, "partLastByte": 5, "layerPartBlob": b"def"}
    again = part | {"partFirstByte": 0, "partLastByte": 2}
    refused = fails("InvalidLayerPartException", call, "not valid", repositoryName=repository, **again)
    assert refused["lastValidByteReceived"] == 2 and refused["registryId"] == ACCOUNT
    for wrong in (
        {"partLastByte": 6},
        {"partFirstByte": -1},
        {"layerPartBlob": bytes(20_971_521), "partLastByte": 2 + 20_971_521},
        {"uploadId": "x"},
    ):
        fails(INVALID, call, repositoryName=repository, **part | wrong)
    for name in part:
        fails(INVALID, call, name, repositoryName=repository, **{k: v for k, v in part.items() if k != name})
    unknown = part | {"uploadId": str(uuid.uuid4())}
    fails("UploadNotFoundException", call, repositoryName=repository, **unknown)
    # The private service does not know the upload.
    ecr.create_repository(repositoryName=repository)
    fails("UploadNotFoundException", ecr.upload_layer_part, repositoryName=repository, **part)
    ecr.delete_repository(repositoryName=repository)
    check_registries(call, repository, **part)
    check_names(call, **part)
    cancel(docker, repository, session)


def test_complete_layer_upload(public, docker, repository):
    call, session = public.complete_layer_upload, begin(public, repository)
    end = {"uploadId": session, "layerDigests": [digest(b"abc")]}
    fails("EmptyUploadException", call, repositoryName=repository, **end)
    send(public, repository, session, 0, b"abc")
    for wrong in ({"uploadId": "x"}, {"layerDigests": []}, {"layerDigests": ["x"]}):
        fails(INVALID, call, next(iter(wrong)), repositoryName=repository, **end | wrong)
    unknown = end | {"uploadId": str(uuid.uuid4())}
    fails("UploadNotFoundException", call, repositoryName=repository, **unknown)
    check_registries(call, repository, **end)
    check_names(call, **end)
    done = call(repositoryName=repository, **end)
    done.pop("ResponseMetadata")
    named = {"registryId": ACCOUNT, "repositoryName": repository}
    assert done == named | {"uploadId": session, "layerDigest": digest(b"abc")}
    again = begin(public, repository)
    send(public, repository, again, 0, b"abc")
    end = {"repositoryName": repository, "uploadId": again, "layerDigests": [digest(b"abc")]}
    fails("LayerAlreadyExistsException", call, **end)
    wrong = begin(public, repository)
    send(public, repository, wrong, 0, b"other")
    fails("InvalidLayerException", call, **end | {"uploadId": wrong})
    small = begin(public, repository)
    send(public, repository, small, 0, b"small")
    send(public, repository, small, 5, b"end")
    fails("LayerPartTooSmallException", call, **end | {"uploadId": small, "layerDigests": [digest(b"smallend")]})
    # What ended is gone, and what may still go on is taken away.
    for left in (again, wrong, small):
        docker.call("DELETE", f"/v2/{ALIAS}/{repository}/blobs/uploads/{left}")


def test_a_stranger_pulls_what_the_json_api_pushed(public, repository):
    config, layer = upload(public, repository, b"{}"), upload(public, repository, b"layer")
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **config},
        "layers": [{"mediaType": LAYER, **layer}],
    }
    text = json.dumps(document)
    public.put_image(repositoryName=repository, imageManifest=text, imageTag="v1")
    for host, prefix in (("public.ecr.aws", ALIAS), (None, f"public.ecr.aws/{ALIAS}")):
        stranger, name = PublicDocker(None, host), f"{prefix}/{repository}"
        assert stranger.pull(name, "v1")[2] == text.encode()
        assert stranger.call("GET", f"/v2/{name}/blobs/{layer['digest']}")[2] == b"layer"
        # Lists say the name as it was asked for.
        listed = json.loads(stranger.call("GET", f"/v2/{name}/tags/list")[2])
        assert listed == {"name": name, "tags": ["v1"]}
    assert stranger.pull(f"public.ecr.aws/{ALIAS}/{MISSING}", "v1")[0] == 404


def test_the_catalog_has_names_that_can_be_pulled(public, docker, repository):
    names = [f"{repository}/{i}" for i in range(3)]
    for name in names:
        public.create_repository(repositoryName=name)
    for owner, prefix in ((docker, ALIAS), (PublicDocker(public), f"public.ecr.aws/{ALIAS}")):
        path, found = f"/v2/{prefix}/_catalog?n=1", []
        while path:
            status, headers, body = owner.call("GET", path)
            assert status == 200
            found += json.loads(body)["repositories"]
            path = headers["Link"].partition(">")[0].removeprefix("<") if "Link" in headers else None
        mine = [name for name in found if repository in name]
        assert mine == [f"{prefix}/{name}" for name in [repository, *names]]
    for name in names:
        public.delete_repository(repositoryName=name)
