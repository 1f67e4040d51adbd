"""What users do with a registry, for the fuzzer: what random inputs would hardly ever reach.

A story is a generator: it yields an operation and its input, and is told the answer, which is empty
where the operation failed. Stories run side by side, in what the fuzzer breaks meanwhile, so that
nothing is sure: each must go on whatever it is told.
"""

import base64
import gzip
import io
import json
import tarfile

from conftest import ACCOUNT, CONFIG, INDEX, LAYER, MANIFEST, REGION, digest
from fuzz_inputs import CLOSED, POLICY, REPOSITORIES

NOWHERE = "00000000-0000-4000-8000-000000000000"
EU = {"region": "eu-west-1", "registryId": ACCOUNT}
OTHER = {"region": REGION, "registryId": "111122223333"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
# The least size of an upload's parts but the last.
PART = 5 * 1024 * 1024


def lifecycle(rng) -> str:
    """A lifecycle policy as its grammar has it."""
    tagged = {"tagStatus": "tagged", rng.choice(["tagPatternList", "tagPrefixList"]): ["v", "latest"]}
    which = rng.choice([tagged, {"tagStatus": "untagged"}, {"tagStatus": "any"}])
    days = {"countUnit": "days", "countNumber": rng.choice([1, 14, 400])}
    expire, archive = {"type": "expire"}, {"type": "transition", "targetStorageClass": "archive"}
    how, action = rng.choice(
        [
            ({"countType": "imageCountMoreThan", "countNumber": rng.choice([1, 3, 100])}, expire),
            ({"countType": "imageCountMoreThan", "countNumber": 1}, archive),
            ({"countType": "sinceImagePushed", **days}, expire),
            ({"countType": "sinceImagePulled", **days}, archive),
            ({"countType": "sinceImageTransitioned", **days, "storageClass": "archive"}, expire),
        ]
    )
    rule = {"rulePriority": rng.randrange(1, 1000), "selection": which | how, "action": action}
    return json.dumps({"rules": [rule | rng.choice([{}, {"description": "x"}])]})


def policy(rng, resource: bool = False) -> str:
    """A policy of a repository, or of the registry, where a resource is named."""
    statement = POLICY["Statement"][0] | {"Action": rng.choice(["ecr:*", ["ecr:ReplicateImage", "ecr:BatchGetImage"]])}
    if resource:
        statement["Resource"] = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/*"
    return json.dumps(POLICY | {"Statement": [statement]})


def repository(rng):
    """A repository of the story's own, or one that others use too."""
    if rng.random() < 0.3:
        return rng.choice(REPOSITORIES)
    name = f"story/{rng.randrange(40)}"
    yield "CreateRepository", {"repositoryName": name, **mutability(rng)}
    return name


def mutability(rng) -> dict:
    kind = rng.choice(["MUTABLE", "MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"])
    filters = {"imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "dev*"}]}
    return {"imageTagMutability": kind, **(filters if kind.endswith("EXCLUSION") else {})}


def upload(rng, here: dict, content: bytes):
    """Uploads a layer in parts as large as they must be."""
    session = (yield "InitiateLayerUpload", here).get("uploadId", NOWHERE)
    for first in range(0, len(content), PART):
        part = content[first : first + PART]
        where = {"partFirstByte": first, "partLastByte": first + len(part) - 1}
        blob = base64.b64encode(part).decode()
        yield "UploadLayerPart", {**here, "uploadId": session, **where, "layerPartBlob": blob}
    yield "CompleteLayerUpload", {**here, "uploadId": session, "layerDigests": [digest(content)]}


def debian(rng) -> bytes:
    """A layer of a distribution, with a package to be scanned."""
    version = f"{rng.randrange(9)}.{rng.randrange(99)}"
    status = f"Package: libc6\nSource: glibc\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, text in {"etc/os-release": 'ID=debian\nVERSION_ID="12"\n', "var/lib/dpkg/status": status}.items():
            head = tarfile.TarInfo(path)
            head.size = len(text)
            archive.addfile(head, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


def image(rng, here: dict, tag: str | None = None, layer: bytes | None = None, **members):
    """Uploads an image; returns its digest and size, whether it was taken or not."""
    entries = []
    for kind in (CONFIG, LAYER):
        content = json.dumps({"architecture": "amd64", "os": "linux", "n": rng.random()}).encode()
        if layer is not None and kind == LAYER:
            content = layer
        elif rng.random() < 0.02:
            content *= PART // len(content) + rng.choice([0, 2])
        yield from upload(rng, here, content)
        entries.append({"mediaType": kind, "digest": digest(content), "size": len(content)})
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": entries[0], "layers": entries[1:], **members}
    return (yield from put(here, manifest, tag))


def put(here: dict, manifest: dict, tag: str | None):
    text = json.dumps(manifest)
    tagged = {"imageTag": tag} if tag else {}
    yield "PutImage", {**here, "imageManifest": text, **tagged}
    return digest(text.encode()), len(text)


def images(rng):
    here = {"repositoryName": (yield from repository(rng))}
    one, size = yield from image(rng, here, rng.choice(["v1", "v2", f"dev{rng.randrange(9)}", None]))
    subject = {"mediaType": MANIFEST, "digest": one, "size": size}
    yield from image(rng, here, subject=subject, artifactType="application/x.sbom")
    yield from put(here, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [subject]}, rng.choice(["multi", None]))
    ids = [{"imageDigest": one}]
    asked = [
        ("ListImageReferrers", {"subjectId": ids[0]}),
        ("DescribeImages", {"imageIds": ids}),
        ("DescribeImages", {"maxResults": 1}),
        ("BatchGetImage", {"imageIds": ids}),
        ("ListImages", {"filter": {"tagStatus": rng.choice(["TAGGED", "UNTAGGED", "ANY"])}}),
        ("DescribeImageSigningStatus", {"imageId": ids[0]}),
        ("DescribeImageReplicationStatus", {"imageId": ids[0]}),
    ]
    for operation, members in rng.sample(asked, 4):
        yield operation, here | members
    found = yield "BatchGetImage", {**here, "imageIds": ids}
    for entry in found.get("images", []):
        layers = [layer["digest"] for layer in json.loads(entry["imageManifest"])["layers"]]
        yield "BatchCheckLayerAvailability", {**here, "layerDigests": layers}
        yield "GetDownloadUrlForLayer", {**here, "layerDigest": layers[0]}
    yield "BatchDeleteImage", {**here, "imageIds": ids}
    if here["repositoryName"] not in REPOSITORIES:
        yield "DeleteRepository", {**here, "force": rng.random() < 0.9}


def scans(rng):
    here = {"repositoryName": (yield from repository(rng))}
    yield "PutImageScanningConfiguration", {**here, "imageScanningConfiguration": {"scanOnPush": rng.random() < 0.5}}
    filters = [{"filter": rng.choice(["*", "story/*", "none"]), "filterType": "WILDCARD"}]
    frequency = rng.choice(["SCAN_ON_PUSH", "MANUAL", "CONTINUOUS_SCAN"])
    kind = "ENHANCED" if frequency == "CONTINUOUS_SCAN" else "BASIC"
    rules = [{"scanFrequency": frequency, "repositoryFilters": filters}]
    yield "PutRegistryScanningConfiguration", {"scanType": kind, "rules": rules}
    yield "GetRegistryScanningConfiguration", {}
    yield "BatchGetRepositoryScanningConfiguration", {"repositoryNames": [here["repositoryName"], "none"]}
    one, _ = yield from image(rng, here, layer=rng.choice([debian(rng), None]))
    asked = {**here, "imageId": {"imageDigest": one}}
    yield "PutRegistryScanningConfiguration", {"scanType": "BASIC", "rules": []}
    yield "StartImageScan", asked
    for _ in range(3):
        yield "DescribeImageScanFindings", asked
    yield "BatchDeleteImage", {**here, "imageIds": [asked["imageId"]]}


def archives(rng):
    here = {"repositoryName": (yield from repository(rng))}
    one, _ = yield from image(rng, here, rng.choice(["v1", None]))
    asked = {**here, "imageId": {"imageDigest": one}}
    yield "UpdateImageStorageClass", {**asked, "targetStorageClass": "ARCHIVE"}
    yield "DescribeImages", {**here, "filter": {"imageStatus": "ARCHIVED"}}
    yield "StartImageScan", asked
    yield "BatchGetImage", {**here, "imageIds": [asked["imageId"]]}
    yield "UpdateImageStorageClass", {**asked, "targetStorageClass": "STANDARD"}
    yield "ListImages", {**here, "filter": {"imageStatus": rng.choice(["ACTIVE", "ACTIVATING", "ANY"])}}
    yield "DescribeImages", {**here, "imageIds": [asked["imageId"]]}


def expiry(rng):
    here = {"repositoryName": (yield from repository(rng))}
    for _ in range(2):
        yield from image(rng, here)
    yield "PutLifecyclePolicy", {**here, "lifecyclePolicyText": lifecycle(rng)}
    yield "GetLifecyclePolicy", here
    text = {"lifecyclePolicyText": lifecycle(rng)} if rng.random() < 0.5 else {}
    yield "StartLifecyclePolicyPreview", here | text
    for _ in range(3):
        yield "GetLifecyclePolicyPreview", here
    if rng.random() < 0.7:
        yield "DeleteLifecyclePolicy", here


def policies(rng):
    here = {"repositoryName": (yield from repository(rng))}
    yield "SetRepositoryPolicy", {**here, "policyText": policy(rng), "force": rng.random() < 0.5}
    yield "GetRepositoryPolicy", here
    yield "DeleteRepositoryPolicy", here
    yield "PutRegistryPolicy", {"policyText": policy(rng, True)}
    yield "GetRegistryPolicy", {}
    yield "DeleteRegistryPolicy", {}


def replication(rng):
    here = {"repositoryName": (yield from repository(rng))}
    rule = {"destinations": rng.sample([EU, OTHER], rng.choice([1, 2]))}
    if rng.random() < 0.5:
        rule["repositoryFilters"] = [{"filter": "story", "filterType": "PREFIX_MATCH"}]
    yield "PutReplicationConfiguration", {"replicationConfiguration": {"rules": [rule]}}
    yield "DescribeRegistry", {}
    one, _ = yield from image(rng, here, rng.choice(["v1", "v2"]))
    yield "DescribeImageReplicationStatus", {**here, "imageId": {"imageDigest": one}}
    started = yield "StartReplicationBackfill", {"destination": rule["destinations"][0]}
    backfill = {"replicationBackfillId": started.get("replicationBackfillId", NOWHERE)}
    if rng.random() < 0.6:
        yield "StopReplicationBackfill", backfill
    yield "ListReplicationBackfills", {}
    for _ in range(3):
        yield "DescribeReplicationBackfillResults", backfill
    if rng.random() < 0.5:
        yield "PutReplicationConfiguration", {"replicationConfiguration": {"rules": []}}


def cache(rng):
    here = {"ecrRepositoryPrefix": f"cached{rng.randrange(9)}"}
    yield "CreatePullThroughCacheRule", {**here, "upstreamRegistryUrl": CLOSED}
    yield "DescribePullThroughCacheRules", {"ecrRepositoryPrefixes": [here["ecrRepositoryPrefix"]]}
    yield "UpdatePullThroughCacheRule", {**here, "customRoleArn": ROLE + "cache"}
    yield "ValidatePullThroughCacheRule", here
    behind = {"repositoryName": here["ecrRepositoryPrefix"] + "/app"}
    yield "BatchGetImage", {**behind, "imageIds": [{"imageTag": "v1"}]}
    yield "GetDownloadUrlForLayer", {**behind, "layerDigest": digest(b"layer")}
    if rng.random() < 0.7:
        yield "DeletePullThroughCacheRule", here


def templates(rng):
    here = {"prefix": rng.choice(["ROOT", f"story/{rng.randrange(40)}", "cached1"])}
    applied = {"appliedFor": rng.sample(["REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"], 2)}
    full = {
        "description": "what the team pushes",
        "resourceTags": [{"Key": "team", "Value": "red"}],
        "repositoryPolicy": policy(rng),
        "lifecyclePolicy": lifecycle(rng),
        "customRoleArn": ROLE + "templates",
        **mutability(rng),
    }
    yield "CreateRepositoryCreationTemplate", here | applied | full
    yield "DescribeRepositoryCreationTemplates", {"prefixes": [here["prefix"]]}
    yield "UpdateRepositoryCreationTemplate", here | dict(rng.sample(list(full.items()), 2))
    if rng.random() < 0.7:
        yield "DeleteRepositoryCreationTemplate", here


def exclusions(rng):
    here = {"principalArn": f"{ROLE}excluded-{rng.randrange(9)}"}
    yield "RegisterPullTimeUpdateExclusion", here
    yield "ListPullTimeUpdateExclusions", {}
    yield "DeregisterPullTimeUpdateExclusion", here


def signing(rng):
    profile = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p{rng.randrange(3)}"
    rule = {"signingProfileArn": profile, "repositoryFilters": [{"filter": "story/*", "filterType": "WILDCARD_MATCH"}]}
    yield "PutSigningConfiguration", {"signingConfiguration": {"rules": [rule]}}
    yield "GetSigningConfiguration", {}
    here = {"repositoryName": (yield from repository(rng))}
    one, _ = yield from image(rng, here)
    yield "DescribeImageSigningStatus", {**here, "imageId": {"imageDigest": one}}
    yield "DeleteSigningConfiguration", {}


def settings(rng):
    name, values = rng.choice(
        [
            ("BASIC_SCAN_TYPE_VERSION", ["AWS_NATIVE"]),
            ("REGISTRY_POLICY_SCOPE", ["V1", "V2"]),
            ("BLOB_MOUNTING", ["ENABLED", "DISABLED"]),
        ]
    )
    yield "PutAccountSetting", {"name": name, "value": rng.choice(values)}
    yield "GetAccountSetting", {"name": name}
    yield "GetAuthorizationToken", {}


def labels(rng):
    name = yield from repository(rng)
    here = {"resourceArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"}
    yield "TagResource", {**here, "tags": [{"Key": f"k{rng.randrange(60)}", "Value": "x"}]}
    yield "ListTagsForResource", here
    yield "UntagResource", {**here, "tagKeys": [f"k{rng.randrange(60)}"]}
    yield "PutImageTagMutability", {"repositoryName": name, **mutability(rng)}
    yield "DescribeRepositories", {"repositoryNames": [name]}


STORIES = [
    archives,
    cache,
    exclusions,
    expiry,
    images,
    labels,
    policies,
    replication,
    scans,
    settings,
    signing,
    templates,
]
