"""Layers by the JSON API, as ECR's own proxy and containerd's resolver send them."""

import hashlib
import json
import urllib.error
import urllib.request
import uuid

from conftest import ACCOUNT, CONFIG, ENDPOINT, LAYER, MANIFEST, client, digest, fails

MIB = 1024 * 1024


def content(size: int = 1000) -> bytes:
    """Bytes that no other test pushes."""
    seed = uuid.uuid4().bytes
    return (seed * (size // len(seed) + 1))[:size]


def send(ecr, repository: str, upload: str, first: int, blob: bytes, **members):
    arguments = {
        "repositoryName": repository,
        "uploadId": upload,
        "partFirstByte": first,
        "partLastByte": first + len(blob) - 1,
        "layerPartBlob": blob,
    }
    return ecr.upload_layer_part(**(arguments | members))


def begin(ecr, repository: str) -> str:
    return ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]


def upload(ecr, repository: str, layer: bytes, part: int = 10 * MIB) -> str:
    """Uploads a layer in parts; returns its digest."""
    session = begin(ecr, repository)
    for first in range(0, len(layer), part):
        send(ecr, repository, session, first, layer[first : first + part])
    done = ecr.complete_layer_upload(
        repositoryName=repository, uploadId=session, layerDigests=[digest(layer)]
    )
    assert done["layerDigest"] == digest(layer)
    return done["layerDigest"]


def put_image(ecr, repository: str, layer: bytes, tag: str) -> str:
    """Makes a layer that was uploaded part of an image."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "layer": digest(layer)}).encode()
    upload(ecr, repository, config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": digest(layer), "size": len(layer)}],
    }
    put = ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
    return put["image"]["imageId"]["imageDigest"]


def get(url: str, **headers: str):
    """What a GET without credentials answers."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): v for name, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def cancel(docker, repository: str, upload: str) -> None:
    """Ends an upload through the other door, so that none is left."""
    assert docker.call("DELETE", f"/v2/{repository}/blobs/uploads/{upload}")[0] == 204


def test_initiate_layer_upload(ecr, docker, repository):
    begun = ecr.initiate_layer_upload(repositoryName=repository, registryId=ACCOUNT)
    assert begun["partSize"] == 10 * MIB
    status, headers, _ = docker.call("GET", f"/v2/{repository}/blobs/uploads/{begun['uploadId']}")
    assert (status, headers["Range"]) == (204, "0-0")
    cancel(docker, repository, begun["uploadId"])
    call = ecr.initiate_layer_upload
    fails("RepositoryNotFoundException", call, repositoryName="not-there")
    fails("RepositoryNotFoundException", call, repositoryName=repository, registryId="111122223333")
    fails("InvalidParameterException", call, repositoryName="UPPER")
    fails("InvalidParameterException", call, repositoryName="a")
    fails("InvalidParameterException", call, repositoryName="a" * 257)
    fails("InvalidParameterException", call)
    fails("InvalidParameterException", call, repositoryName=repository, registryId="1")


def test_upload_layer_part(ecr, docker, repository):
    layer = content(3000)
    session = begin(ecr, repository)
    call = ecr.upload_layer_part
    part = {"repositoryName": repository, "uploadId": session, "partFirstByte": 0, "partLastByte": 999}
    # Nothing has come: there is no last valid byte.
    refused = fails(
        "InvalidLayerPartException", call, **part | {"partFirstByte": 1, "partLastByte": 3, "layerPartBlob": b"abc"}
    )
    assert "lastValidByteReceived" not in refused
    sent = send(ecr, repository, session, 0, layer[:1000], registryId=ACCOUNT)
    sent.pop("ResponseMetadata")
    assert sent == {
        "registryId": ACCOUNT,
        "repositoryName": repository,
        "uploadId": session,
        "lastByteReceived": 999,
    }
    # The same again, a gap, and an overlap: each says where to go on.
    for first in (0, 1001, 999):
        wrong = part | {"partFirstByte": first, "partLastByte": first + 999, "layerPartBlob": layer[:1000]}
        refused = fails("InvalidLayerPartException", call, "not valid", **wrong)
        assert refused["lastValidByteReceived"] == 999
        assert refused["uploadId"] == session
        assert refused["repositoryName"] == repository
        assert refused["registryId"] == ACCOUNT
    good = part | {"partFirstByte": 1000, "partLastByte": 1999, "layerPartBlob": layer[1000:2000]}
    for wrong in (
        {"partLastByte": 2000},
        {"partLastByte": 1998},
        {"partLastByte": 999, "layerPartBlob": b""},
        {"partLastByte": 998},
        {"partFirstByte": -1},
        {"partLastByte": -1},
        {"layerPartBlob": b"", "partLastByte": 1000},
        {"partLastByte": 1000 + 20971520, "layerPartBlob": bytes(20971521)},
        {"repositoryName": "UPPER"},
        {"uploadId": "no-uuid"},
    ):
        fails("InvalidParameterException", call, **good | wrong)
    for name in good:
        fails("InvalidParameterException", call, name, **{k: v for k, v in good.items() if k != name})
    fails("RepositoryNotFoundException", call, **good | {"repositoryName": "not-there"})
    fails("UploadNotFoundException", call, **good | {"uploadId": str(uuid.uuid4())})
    ecr.create_repository(repositoryName=f"{repository}-other")
    fails("UploadNotFoundException", call, **good | {"repositoryName": f"{repository}-other"})
    ecr.delete_repository(repositoryName=f"{repository}-other")
    stranger = client(key="AKIDSTRANGER")
    fails("UploadNotFoundException", stranger.upload_layer_part, **good)
    fails("SerializationException", call, **good | {"partFirstByte": "x"})
    # After all that the upload goes on, with an id in capitals too, and through the other door.
    call(**good | {"uploadId": session.upper()})
    status, headers, _ = docker.call(
        "PATCH", f"/v2/{repository}/blobs/uploads/{session}", layer[2000:], Content_Type="application/octet-stream"
    )
    assert (status, headers["Range"]) == (202, "0-2999")
    status, _, body = docker.call(
        "PUT", f"/v2/{repository}/blobs/uploads/{session}?digest={digest(layer)}", b""
    )
    assert status == 201, body
    assert docker.call("GET", f"/v2/{repository}/blobs/{digest(layer)}")[2] == layer


def test_a_part_of_20971520_bytes_is_taken(ecr, repository):
    layer = content(20971520 + 1)
    upload(ecr, repository, layer, 20971520)


def test_complete_layer_upload(ecr, docker, repository):
    layer = content(11 * MIB)
    call = ecr.complete_layer_upload
    session = begin(ecr, repository)
    args = {"repositoryName": repository, "uploadId": session, "layerDigests": [digest(layer)]}
    fails("EmptyUploadException", call, **args)
    send(ecr, repository, session, 0, layer[: 10 * MIB])
    send(ecr, repository, session, 10 * MIB, layer[10 * MIB :])
    for wrong in (
        {"layerDigests": []},
        {"layerDigests": [digest(layer)] * 101},
        {"layerDigests": ["sha256"]},
        {"layerDigests": ["md5:d41d8cd98f00b204e9800998ecf8427e"]},
        {"layerDigests": None},
        {"uploadId": "x"},
        {"repositoryName": "UPPER"},
    ):
        fails("InvalidParameterException", call, **{k: v for k, v in (args | wrong).items() if v is not None})
    fails("RepositoryNotFoundException", call, **args | {"repositoryName": "not-there"})
    fails("UploadNotFoundException", call, **args | {"uploadId": str(uuid.uuid4())})
    sha512 = "sha512:" + hashlib.sha512(layer).hexdigest()
    done = call(**args | {"layerDigests": [sha512, digest(layer), sha512]})
    done.pop("ResponseMetadata")
    assert done == {
        "registryId": ACCOUNT,
        "repositoryName": repository,
        "uploadId": session,
        "layerDigest": digest(layer),
    }
    assert docker.call("GET", f"/v2/{repository}/blobs/{digest(layer)}")[2] == layer
    fails("UploadNotFoundException", call, **args)

    # The same layer again is there already, and the upload has ended.
    again = args | {"uploadId": begin(ecr, repository)}
    send(ecr, repository, again["uploadId"], 0, layer)
    fails("LayerAlreadyExistsException", call, digest(layer), **again)
    fails("UploadNotFoundException", call, **again)

    # All digests must be right.
    other = content()
    for digests in ([digest(layer)], [digest(other), sha512], [digest(other), digest(layer)]):
        wrong = args | {"uploadId": begin(ecr, repository), "layerDigests": digests}
        send(ecr, repository, wrong["uploadId"], 0, other)
        fails("InvalidLayerException", call, **wrong)
        fails("UploadNotFoundException", call, **wrong)
    by_sha512 = "sha512:" + hashlib.sha512(other).hexdigest()
    only = args | {"uploadId": begin(ecr, repository), "layerDigests": [by_sha512]}
    send(ecr, repository, only["uploadId"], 0, other)
    assert call(**only)["layerDigest"] == by_sha512

    # Parts must be at least 5 MiB in size, except the last.
    small = args | {"uploadId": begin(ecr, repository)}
    send(ecr, repository, small["uploadId"], 0, layer[: 5 * MIB - 1])
    send(ecr, repository, small["uploadId"], 5 * MIB - 1, layer[5 * MIB - 1 :])
    fails("LayerPartTooSmallException", call, **small)
    fails("UploadNotFoundException", call, **small)

    # An upload that docker began can be ended here.
    third = content()
    status, headers, _ = docker.call("POST", f"/v2/{repository}/blobs/uploads/", b"")
    assert status == 202
    begun = headers["Docker-Upload-UUID"]
    send(ecr, repository, begun, 0, third)
    call(repositoryName=repository, uploadId=begun, layerDigests=[digest(third)])


def test_batch_check_layer_availability(ecr, docker, repository):
    image = docker.push(repository, "v1")
    manifest = json.loads(docker.pull(repository, image)[2])
    layer, loose, missing = manifest["layers"][0], content(), digest(b"missing")
    upload(ecr, repository, loose)
    call = ecr.batch_check_layer_availability
    asked = [layer["digest"], manifest["config"]["digest"], digest(loose), missing, "md5:aa", "x:y", "", missing]
    found = call(repositoryName=repository, registryId=ACCOUNT, layerDigests=asked)
    layers = {entry.pop("layerDigest"): entry for entry in found["layers"]}
    assert len(found["layers"]) == 5
    assert layers[layer["digest"]] == {
        "layerAvailability": "AVAILABLE",
        "layerSize": layer["size"],
        "mediaType": LAYER,
    }
    assert layers[manifest["config"]["digest"]]["mediaType"] == CONFIG
    assert layers[digest(loose)] == {"layerAvailability": "AVAILABLE", "layerSize": len(loose)}
    assert layers[missing] == {"layerAvailability": "UNAVAILABLE"}
    assert layers["md5:aa"] == {"layerAvailability": "UNAVAILABLE"}
    failures = {entry["layerDigest"]: entry["failureCode"] for entry in found["failures"]}
    assert failures == {"x:y": "InvalidLayerDigest", "": "MissingLayerDigest"}
    assert all(entry["failureReason"] for entry in found["failures"])
    # What only archived images name is archived.
    ecr.update_image_storage_class(
        repositoryName=repository, imageId={"imageDigest": image}, targetStorageClass="ARCHIVE"
    )
    archived = call(repositoryName=repository, layerDigests=[layer["digest"]])["layers"][0]
    assert archived["layerAvailability"] == "ARCHIVED"
    docker.push_manifest(repository, "v2", {**manifest, "annotations": {"a": "b"}})
    archived = call(repositoryName=repository, layerDigests=[layer["digest"]])["layers"][0]
    assert archived["layerAvailability"] == "AVAILABLE"
    fails("RepositoryNotFoundException", call, repositoryName="not-there", layerDigests=[missing])
    for wrong in ([], [missing] * 101, ["x" * 1001], None):
        fails("InvalidParameterException", call, **{"repositoryName": repository, "layerDigests": wrong} if wrong is not None else {"repositoryName": repository})


def test_get_download_url_for_layer(ecr, docker, repository):
    layer = content(200_000)
    upload(ecr, repository, layer)
    call = ecr.get_download_url_for_layer
    args = {"repositoryName": repository, "layerDigest": digest(layer)}
    # Only what an image names can be downloaded.
    fails("LayerInaccessibleException", call, "not associated with an image", **args)
    put_image(ecr, repository, layer, "v1")
    found = call(**args, registryId=ACCOUNT)
    url = found["downloadUrl"]
    assert found["layerDigest"] == digest(layer) and url.startswith(ENDPOINT)
    assert get(url) == (200, layer)
    assert get(url, Range="bytes=5-9") == (206, layer[5:10])
    assert get(url, Range="bytes=-3") == (206, layer[-3:])
    assert get(url, Range=f"bytes={len(layer)}-")[0] == 416
    assert get(url, If_None_Match=f'"{digest(layer)}"')[0] == 304
    # The link is for this layer in this repository, and nothing else.
    config = json.loads(docker.pull(repository, "v1")[2])["config"]["digest"]
    signature = url.rsplit("=", 1)[1]
    other = ("0" if signature[0] != "0" else "1") + signature[1:]
    for tampered in (
        url.replace(signature, other),
        url.replace(signature, signature[:-1]),
        url.replace(digest(layer), config),
        url.replace("expires=", "expires=1"),
        url.replace("repository=", "repository=1"),
        url.replace(f"/v2/{repository}/", f"/v2/{repository}x/"),
        url.split("?")[0] + f"?signature={signature}",
    ):
        status, body = get(tampered)
        assert (status, json.loads(body)["errors"][0]["code"]) == (403, "DENIED"), tampered
    assert docker.call("DELETE", url)[0] == 403
    assert get(url.split("?")[0])[0] == 401
    assert docker.call("HEAD", url)[0] == 200
    # It dies with its repository, whoever takes the name.
    ecr.delete_repository(repositoryName=repository, force=True)
    assert get(url)[0] == 404
    ecr.create_repository(repositoryName=repository)
    upload(ecr, repository, layer)
    assert get(url)[0] == 404
    fails("LayersNotFoundException", call, repositoryName=repository, layerDigest=digest(b"missing"))
    fails("RepositoryNotFoundException", call, repositoryName="not-there", layerDigest=digest(layer))
    fails("InvalidParameterException", call, repositoryName=repository, layerDigest="sha256")
    fails("InvalidParameterException", call, repositoryName=repository)
    fails("InvalidParameterException", call, layerDigest=digest(layer))
