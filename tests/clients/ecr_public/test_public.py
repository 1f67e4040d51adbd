"""ECR Public: its operations, and pulls without a password."""

import base64
import json

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
    client,
    digest,
    fails,
    mistyped,
)
from botocore.exceptions import ClientError


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:ecr-public::{account}:repository/{name}"


def test_create_repository(public, ecr):
    made = public.create_repository(repositoryName="shop/web", tags=[{"Key": "a", "Value": "b"}])["repository"]
    assert made["repositoryArn"] == arn("shop/web") and made["registryId"] == ACCOUNT
    assert made["repositoryUri"].endswith(f"/public.ecr.aws/{ALIAS}/shop/web")
    fails("RepositoryAlreadyExistsException", public.create_repository, repositoryName="shop/web")
    # Private repositories are others.
    ecr.create_repository(repositoryName="shop/web")
    ecr.delete_repository(repositoryName="shop/web")
    fails(NOT_FOUND, ecr.describe_repositories, repositoryNames=["shop/web"])
    public.delete_repository(repositoryName="shop/web")
    data = {"description": "d", "architectures": ["ARM"], "operatingSystems": ["Linux"], "aboutText": "a", "usageText": "u"}
    full = public.create_repository(repositoryName="shop/web", catalogData=data)
    assert full["catalogData"] == data | {"marketplaceCertified": False}
    public.delete_repository(repositoryName="shop/web")
    for bad in ("", "a", "UPPER", "a" * 206, None):
        fails(INVALID, public.create_repository, "'repositoryName'", repositoryName=bad)
    long = public.create_repository(repositoryName="a" * 205)["repository"]["repositoryName"]
    public.delete_repository(repositoryName=long)
    for bad in CATALOGS:
        fails(INVALID, public.create_repository, "catalogData", repositoryName="shop/web", catalogData=bad)
    many = [{"Key": f"k{i}", "Value": ""} for i in range(51)]
    fails("TooManyTagsException", public.create_repository, repositoryName="shop/web", tags=many)
    fails("InvalidTagParameterException", public.create_repository, repositoryName="shop/web", tags=[{"Key": ""}])
    logo = {"logoImageBlob": b"png"}
    fails("UnsupportedCommandException", public.create_repository, repositoryName="shop/web", catalogData=logo)
    fails(NOT_FOUND, public.describe_repositories, repositoryNames=["shop/web"])


# What catalog data may not be.
CATALOGS = [
    {"description": "d" * 1025},
    {"aboutText": "a" * 25_601},
    {"usageText": "a" * 25_601},
    {"architectures": ["x"] * 51},
    {"architectures": ["x" * 51]},
    {"operatingSystems": [""]},
]


def test_describe_repositories(public, ecr):
    names = [f"listed/{i}0" for i in range(3)]
    for name in names:
        public.create_repository(repositoryName=name)
    ecr.create_repository(repositoryName="listed/private")
    pages = public.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1})
    listed = [r["repositoryName"] for page in pages for r in page["repositories"]]
    assert [name for name in listed if name.startswith("listed/")] == names
    private = [r["repositoryName"] for r in ecr.describe_repositories()["repositories"]]
    assert "listed/private" in private and not set(names) & set(private)
    found = public.describe_repositories(repositoryNames=names[:1], registryId=ACCOUNT)["repositories"]
    assert found[0]["repositoryArn"] == arn(names[0])
    fails(NOT_FOUND, public.describe_repositories, repositoryNames=[MISSING])
    for bad in (0, 1001):
        fails(INVALID, public.describe_repositories, "maxResults", maxResults=bad)
    token = public.describe_repositories(maxResults=1)["nextToken"]
    fails(INVALID, ecr.describe_repositories, "nextToken", nextToken=token)
    ecr.delete_repository(repositoryName="listed/private")
    for name in names:
        public.delete_repository(repositoryName=name)


def test_delete_repository(public, docker, repository):
    docker.push(f"{ALIAS}/{repository}", "v1")
    fails("RepositoryNotEmptyException", public.delete_repository, repositoryName=repository)
    gone = public.delete_repository(repositoryName=repository, force=True)["repository"]
    assert gone["repositoryArn"] == arn(repository)
    check_names(public.delete_repository)


def test_get_authorization_token(public, ecr, repository):
    data = public.get_authorization_token()["authorizationData"]
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":")
    assert user == "AWS" and password and data["expiresAt"]
    # The service is in one region.
    try:
        client("ecr-public", region="eu-west-1").get_authorization_token()
        raise AssertionError("there is no ecr-public in eu-west-1")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidSignatureException"
        assert "eu-west-1" in error.response["Error"]["Message"]


def test_docker_pushes_with_the_password_and_pulls_without(public, ecr, repository):
    name = f"{ALIAS}/{repository}"
    for host, path in [
        ("public.ecr.aws", name),
        ("public.ecr.localhost", name),
        (None, f"public.ecr.aws/{name}"),
    ]:
        owner, stranger = PublicDocker(public, host), PublicDocker(None, host)
        image = owner.push(path, "v1")
        status, headers, body = stranger.pull(path, "v1")
        assert status == 200 and digest(body) == image, (host, body)
        layer = json.loads(body)["layers"][0]["digest"]
        assert stranger.call("GET", f"/v2/{path}/blobs/{layer}")[0] == 200
        assert stranger.call("GET", f"/v2/{path}/tags/list")[0] == 200
        # Nothing but reading, and nothing but this repository.
        assert stranger.call("POST", f"/v2/{path}/blobs/uploads/", b"")[0] == 401
        assert stranger.call("PUT", f"/v2/{path}/manifests/v2", body, Content_Type=MANIFEST)[0] == 401
        assert stranger.call("DELETE", f"/v2/{path}/manifests/{image}")[0] == 401
        for other in ["/v2/", "/v2/_catalog", f"/v2/{path.removesuffix(repository)}_catalog"]:
            assert stranger.call("GET", other)[0] == 401, (host, other)
        assert stranger.pull(path.removesuffix(repository) + MISSING, "v1")[0] == 404
        wrong = PublicDocker(None, host)
        wrong.headers["Authorization"] = "Basic " + base64.b64encode(b"AWS:wrong").decode()
        assert wrong.pull(path, "v1")[0] == 401
        # Another account reads as everyone does, and pushes to its own registry only.
        other = PublicDocker(client("ecr-public", key=OTHER), host)
        assert other.pull(path, "v1")[0] == 200
        assert other.call("POST", f"/v2/{path}/blobs/uploads/", b"")[0] == 403
    # A private registry's host does not show it, and a private repository is no stranger's.
    private = PublicDocker(None, f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com")
    assert private.pull(f"public.ecr.aws/{name}", "v1")[0] == 401
    ecr.create_repository(repositoryName="secret")
    PublicDocker(public).push("secret", "v1")
    for path in ["secret", f"{ALIAS}/secret", f"public.ecr.aws/{ALIAS}/secret"]:
        for host in (None, "public.ecr.aws"):
            assert PublicDocker(None, host).pull(path, "v1")[0] in (401, 404)
    ecr.delete_repository(repositoryName="secret", force=True)


def test_docker_asks_for_a_bearer_token(public, docker, repository):
    docker.push(f"{ALIAS}/{repository}", "v1")
    stranger = PublicDocker(None, "public.ecr.aws")
    status, headers, _ = stranger.call("GET", "/v2/")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith('Bearer realm="http://public.ecr.aws/token/",service="public.ecr.aws"')
    token = json.loads(stranger.call("GET", "/token/?service=public.ecr.aws&scope=aws")[2])["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert stranger.call("GET", f"/v2/{ALIAS}/{repository}/manifests/v1", **bearer)[0] == 200
    assert stranger.call("POST", f"/v2/{ALIAS}/{repository}/blobs/uploads/", b"", **bearer)[0] == 401
    owned = json.loads(docker.call("GET", "/token/?service=public.ecr.aws")[2])["token"]
    bearer = {"Authorization": f"Bearer {owned}"}
    assert stranger.call("GET", "/v2/", **bearer)[0] == 200
    status, headers, _ = stranger.call("POST", f"/v2/{ALIAS}/{repository}/blobs/uploads/", b"", **bearer)
    assert status == 202 and headers["Location"].startswith(f"/v2/{ALIAS}/{repository}/blobs/uploads/")
    assert stranger.call("DELETE", headers["Location"], **bearer)[0] == 204
    wrong = {"Authorization": "Basic " + base64.b64encode(b"AWS:wrong").decode()}
    assert stranger.call("GET", "/token/", **wrong)[0] == 401
    # A private registry knows no Bearer tokens.
    private = PublicDocker(None)
    assert private.call("GET", "/v2/", Authorization=f"Bearer {owned}")[0] == 401


def test_put_image(public, docker, repository):
    name = f"{ALIAS}/{repository}"
    config, layer = docker.push_blob(name, b"{}"), docker.push_blob(name, b"layer")
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **config},
        "layers": [{"mediaType": LAYER, **layer}],
    }
    text, put = json.dumps(document), public.put_image
    image = put(repositoryName=repository, imageManifest=text, imageTag="v1", registryId=ALIAS)["image"]
    assert image["imageId"] == {"imageDigest": digest(text.encode()), "imageTag": "v1"}
    again = {"repositoryName": repository, "imageManifest": text, "imageTag": "v1"}
    fails("ImageAlreadyExistsException", put, **again)
    absent = document | {"layers": [{"mediaType": LAYER, "digest": digest(b"?"), "size": 1}]}
    fails("LayersNotFoundException", put, repositoryName=repository, imageManifest=json.dumps(absent))
    fails("ImageDigestDoesNotMatchException", put, **again | {"imageDigest": digest(b"?")})
    fails(INVALID, put, repositoryName=repository, imageManifest="{}")
    fails(INVALID, put, "registryId", **again | {"registryId": "w" + OTHER})
    check_names(put, imageManifest=text)


def test_describe_images(public, docker, repository):
    image = docker.push(f"{ALIAS}/{repository}", "v1")
    (detail,) = public.describe_images(repositoryName=repository)["imageDetails"]
    assert detail["imageDigest"] == image and detail["imageTags"] == ["v1"]
    named = public.describe_images(repositoryName=repository, imageIds=[{"imageTag": "v1"}])
    assert named["imageDetails"] == [detail]
    missing = [{"imageTag": "no"}]
    fails("ImageNotFoundException", public.describe_images, repositoryName=repository, imageIds=missing)
    fails(INVALID, public.describe_images, "imageIds", repositoryName=repository, imageIds=[])
    check_names(public.describe_images)


def test_describe_image_tags(public, docker, repository):
    first = docker.push(f"{ALIAS}/{repository}", "v1", seed="1")
    docker.push(f"{ALIAS}/{repository}", "v2", seed="1")
    docker.push(f"{ALIAS}/{repository}")
    pages = public.get_paginator("describe_image_tags").paginate(
        repositoryName=repository, PaginationConfig={"PageSize": 1}
    )
    tags = [tag for page in pages for tag in page["imageTagDetails"]]
    assert [tag["imageTag"] for tag in tags] == ["v1", "v2"]
    assert {tag["imageDetail"]["imageDigest"] for tag in tags} == {first}
    fails(INVALID, public.describe_image_tags, "maxResults", repositoryName=repository, maxResults=0)
    fails(INVALID, public.describe_image_tags, "nextToken", repositoryName=repository, nextToken="x")
    check_names(public.describe_image_tags)


def test_batch_delete_image(public, docker, repository):
    image = docker.push(f"{ALIAS}/{repository}", "v1")
    ids = [{"imageTag": "no"}, {"imageDigest": image}]
    answer = public.batch_delete_image(repositoryName=repository, imageIds=ids)
    assert answer["imageIds"] == [{"imageDigest": image, "imageTag": "v1"}]
    assert answer["failures"][0]["failureCode"] == "ImageNotFound"
    fails(INVALID, public.batch_delete_image, "imageIds", repositoryName=repository, imageIds=[])
    check_names(public.batch_delete_image, imageIds=ids)


def check_arns(call, **arguments):
    for bad in ("", "app", arn("UPPER"), "arn:aws:ecr-public:us-east-1:" + ACCOUNT + ":repository/app"):
        fails(INVALID, call, "'resourceArn'", **arguments, resourceArn=bad)
    private = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/app"
    for missing in (arn(MISSING), arn(MISSING, OTHER), private):
        fails(NOT_FOUND, call, **arguments, resourceArn=missing)


def test_tag_resource(public, repository):
    public.tag_resource(resourceArn=arn(repository), tags=[{"Key": "a", "Value": "b"}])
    many = [{"Key": f"k{i}", "Value": ""} for i in range(50)]
    fails("TooManyTagsException", public.tag_resource, resourceArn=arn(repository), tags=many)
    bad = [{"Key": "aws:x", "Value": ""}]
    fails("InvalidTagParameterException", public.tag_resource, resourceArn=arn(repository), tags=bad)
    check_arns(public.tag_resource, tags=many)


def test_untag_resource(public, repository):
    public.tag_resource(resourceArn=arn(repository), tags=[{"Key": "a", "Value": "b"}])
    public.untag_resource(resourceArn=arn(repository), tagKeys=["a", "b"])
    assert public.list_tags_for_resource(resourceArn=arn(repository))["tags"] == []
    fails(INVALID, public.untag_resource, resourceArn=arn(repository))
    fails("InvalidTagParameterException", public.untag_resource, resourceArn=arn(repository), tagKeys=[""])
    check_arns(public.untag_resource, tagKeys=["a"])


def test_list_tags_for_resource(public, repository):
    tags = [{"Key": "a", "Value": "b"}]
    public.tag_resource(resourceArn=arn(repository), tags=tags)
    assert public.list_tags_for_resource(resourceArn=arn(repository))["tags"] == tags
    check_arns(public.list_tags_for_resource)


def test_describe_registries(public):
    (registry,) = public.describe_registries()["registries"]
    assert registry["registryId"] == ACCOUNT and not registry["verified"]
    assert registry["registryArn"] == f"arn:aws:ecr-public::{ACCOUNT}:registry/{ACCOUNT}"
    (alias,) = registry["aliases"]
    expected = {"status": "ACTIVE", "primaryRegistryAlias": True, "defaultRegistryAlias": True}
    assert alias == {"name": ALIAS, **expected}
    assert registry["registryUri"].endswith("public.ecr.aws/" + ALIAS)
    fails(INVALID, public.describe_registries, "maxResults", maxResults=1001)
    fails(INVALID, public.describe_registries, "nextToken", nextToken="x")


def test_get_registry_catalog_data(public):
    fresh = client("ecr-public", key="444455556666")
    assert fresh.get_registry_catalog_data()["registryCatalogData"] == {}


def test_put_registry_catalog_data(public):
    said = public.put_registry_catalog_data(displayName="My company")["registryCatalogData"]
    assert said == {"displayName": "My company"}
    assert public.get_registry_catalog_data()["registryCatalogData"] == said
    fails(INVALID, public.put_registry_catalog_data, "displayName", displayName="x" * 101)
    mistyped(public.put_registry_catalog_data, "displayName", displayName=1)
    assert public.put_registry_catalog_data()["registryCatalogData"] == {}
    assert public.get_registry_catalog_data()["registryCatalogData"] == {}


def test_get_repository_catalog_data(public, repository):
    get = public.get_repository_catalog_data
    fails("RepositoryCatalogDataNotFoundException", get, repository, repositoryName=repository)
    public.put_repository_catalog_data(repositoryName=repository, catalogData={"description": "d"})
    data = get(repositoryName=repository)["catalogData"]
    assert data["description"] == "d" and data["architectures"] == []
    check_names(get)


def test_put_repository_catalog_data(public, repository):
    put = public.put_repository_catalog_data
    full = {"description": "d" * 1024, "architectures": ["x" * 50] * 50, "aboutText": "a" * 25_600}
    said = put(repositoryName=repository, catalogData=full)["catalogData"]
    assert said == full | {"operatingSystems": [], "marketplaceCertified": False}
    assert public.get_repository_catalog_data(repositoryName=repository)["catalogData"] == said
    for bad in CATALOGS:
        fails(INVALID, put, "catalogData", repositoryName=repository, catalogData=bad)
    fails(INVALID, put, "catalogData", repositoryName=repository)
    mistyped(put, "catalogData", repositoryName=repository, catalogData=["d"])
    # The data goes with its repository.
    public.delete_repository(repositoryName=repository)
    public.create_repository(repositoryName=repository)
    get = public.get_repository_catalog_data
    fails("RepositoryCatalogDataNotFoundException", get, repositoryName=repository)
    check_names(put, catalogData={})
