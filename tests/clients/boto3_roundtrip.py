#!/usr/bin/env python3
"""boto3: the ECR API and the registry API are two doors to one store.

usage: boto3_roundtrip.py REPOSITORY
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request

import boto3
from botocore.exceptions import ClientError

import oci_layout

# boto3 does not read AWS_REGION.
REGION = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION", "us-east-1")
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


class Registry:
    """The few calls of the OCI API that a push of blobs needs."""

    def __init__(self, repository: str, token: str):
        self.base = f"{ENDPOINT}/v2/{repository}"
        self.headers = {"Authorization": f"Basic {token}"}

    def call(self, method: str, url: str, body: bytes | None = None, **headers: str):
        request = urllib.request.Request(url, body, self.headers | headers, method=method)
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.headers, reply.read()

    def push_blob(self, content: bytes) -> None:
        status, headers, _ = self.call("POST", f"{self.base}/blobs/uploads/", b"")
        expect(status, 202, "POST of an upload")
        location = headers["Location"]
        if location.startswith("/"):
            location = ENDPOINT + location
        separator = "&" if "?" in location else "?"
        url = f"{location}{separator}digest={oci_layout.digest(content)}"
        status, _, _ = self.call(
            "PUT", url, content, **{"Content-Type": "application/octet-stream"}
        )
        expect(status, 201, "PUT of a blob")

    def get(self, path: str) -> bytes:
        return self.call("GET", f"{self.base}/{path}", Accept="*/*")[2]


def expect(actual, expected, what: str) -> None:
    if actual != expected:
        sys.exit(f"{what}: {actual!r}, expected {expected!r}")


def expect_error(code: str, call, **arguments) -> None:
    try:
        call(**arguments)
    except ClientError as error:
        expect(error.response["Error"]["Code"], code, call.__name__)
    else:
        sys.exit(f"{call.__name__}: no error, expected {code}")


def main() -> None:
    repository = sys.argv[1]
    ecr = boto3.client("ecr", region_name=REGION)
    image = oci_layout.Image(repository)

    try:
        created = ecr.create_repository(repositoryName=repository)["repository"]
        expect(created["repositoryName"], repository, "CreateRepository")
    except ecr.exceptions.RepositoryAlreadyExistsException:
        pass
    expect_error(
        "RepositoryAlreadyExistsException", ecr.create_repository, repositoryName=repository
    )

    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    expect(base64.b64decode(token).decode().split(":")[0], "AWS", "the token's user")
    registry = Registry(repository, token)

    # What is a manifest goes in by PutImage, the rest by the registry API.
    named = {descriptor["digest"]: descriptor for descriptor in image.manifests}
    index = image.index["digest"]
    for digest, content in image.blobs.items():
        if digest not in named and digest != index:
            registry.push_blob(content)
    for digest, descriptor in named.items():
        put(ecr, repository, image.blobs[digest], descriptor["mediaType"], imageDigest=digest)
    put(ecr, repository, image.blobs[index], image.index["mediaType"], imageTag="multi")
    expect_error(
        "ImageAlreadyExistsException",
        ecr.put_image,
        repositoryName=repository,
        imageManifest=image.blobs[index].decode(),
        imageManifestMediaType=image.index["mediaType"],
        imageTag="multi",
    )

    # By tag and by digest, through both doors.
    accepted = [oci_layout.INDEX, oci_layout.MANIFEST]
    for image_id in ({"imageTag": "multi"}, {"imageDigest": index}):
        got = ecr.batch_get_image(
            repositoryName=repository, imageIds=[image_id], acceptedMediaTypes=accepted
        )
        expect(got["failures"], [], "BatchGetImage: failures")
        expect(got["images"][0]["imageManifest"].encode(), image.blobs[index], "BatchGetImage")
        expect(got["images"][0]["imageId"]["imageDigest"], index, "BatchGetImage: digest")
    expect(registry.get("manifests/multi"), image.blobs[index], "GET of the index")
    for digest, content in image.blobs.items():
        kind = "manifests" if digest in named or digest == index else "blobs"
        expect(registry.get(f"{kind}/{digest}") == content, True, f"GET of {kind}/{digest}")

    details = {
        detail["imageDigest"]: detail
        for page in ecr.get_paginator("describe_images").paginate(repositoryName=repository)
        for detail in page["imageDetails"]
    }
    expect(details[index]["imageTags"], ["multi"], "DescribeImages: tags")
    expect(set(named) <= set(details), True, "DescribeImages: the platforms are there")
    listed = [
        image_id
        for page in ecr.get_paginator("list_images").paginate(
            repositoryName=repository, filter={"tagStatus": "TAGGED"}
        )
        for image_id in page["imageIds"]
    ]
    expect(listed, [{"imageDigest": index, "imageTag": "multi"}], "ListImages")

    # Deleting the last tag deletes the image, at both doors.
    deleted = ecr.batch_delete_image(
        repositoryName=repository, imageIds=[{"imageTag": "multi"}]
    )
    expect(deleted["failures"], [], "BatchDeleteImage: failures")
    try:
        registry.get(f"manifests/{index}")
        sys.exit("the deleted index can still be pulled")
    except urllib.error.HTTPError as error:
        expect(error.code, 404, "GET of a deleted index")
        json.loads(error.read())
    print(f"boto3: {ENDPOINT}/v2/{repository} {index}")


def put(ecr, repository: str, manifest: bytes, media_type: str, **image_id: str) -> None:
    reply = ecr.put_image(
        repositoryName=repository,
        imageManifest=manifest.decode(),
        imageManifestMediaType=media_type,
        **image_id,
    )
    expect(reply["image"]["imageId"]["imageDigest"], oci_layout.digest(manifest), "PutImage")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
