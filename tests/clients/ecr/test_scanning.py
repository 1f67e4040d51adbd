"""Scanning images for known vulnerabilities."""

import gzip
import io
import json
import os
import pathlib
import sqlite3
import struct
import subprocess
import tarfile
import uuid

import pytest
from conftest import ACCOUNT, INDEX, LAYER, REGION, fails

# Where the server reads its advisories.
DATABASE = pathlib.Path(os.environ["WHARF_VULNERABILITY_DB"])

DEBIAN = 'ID=debian\nVERSION_ID="12"\n'
ALPINE = "ID=alpine\nVERSION_ID=3.19.1\n"
ROCKY = 'ID="rocky"\nVERSION_ID="9.3"\n'


def advise(identity, ecosystem, package, fixed, **members):
    events = [{"introduced": "0"}] + ([{"fixed": fixed}] if fixed else [])
    document = {
        "id": identity,
        "modified": "2024-01-02T03:04:05Z",
        "published": "2024-01-01T00:00:00Z",
        "details": f"About {identity}.",
        "references": [{"type": "WEB", "url": f"https://example.com/{identity}"}],
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
        **members,
    }
    (DATABASE / f"{identity}.json").write_text(json.dumps(document))


@pytest.fixture(scope="module", autouse=True)
def advisories():
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    advise("CVE-2024-1", "Debian:12", "glibc", "2.36-9", severity=[{"type": "CVSS_V3", "score": vector}])
    advise("CVE-2024-2", "Debian:12", "glibc", None, database_specific={"severity": "low"})
    advise("ALPINE-CVE-2024-3", "Alpine:v3.19", "busybox", "1.36.1-r16", upstream=["CVE-2024-3"])
    advise("RLSA-2024:4", "Rocky Linux:9", "openssl-libs", "1:3.0.7-25.el9", related=["CVE-2024-4"])


def layer(files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            head = tarfile.TarInfo(path)
            head.size = len(content)
            archive.addfile(head, io.BytesIO(content))
    return gzip.compress(out.getvalue())


def push(docker, repository, tag, *layers) -> str:
    blobs = [{"mediaType": LAYER, **docker.push_blob(repository, content)} for content in layers]
    return docker.push(repository, tag, layers=blobs)


def debian(version="2.36-8") -> bytes:
    status = f"Package: libc6\nSource: glibc\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    return layer({"etc/os-release": DEBIAN, "var/lib/dpkg/status": status, "x": str(uuid.uuid4())})


def rpm_header(**tags) -> bytes:
    """A header as rpm stores it: counts, index, data."""
    index, data = b"", b""
    for tag, value in tags.items():
        index += struct.pack(">IIII", int(tag[1:]), 4 if isinstance(value, int) else 6, len(data), 1)
        data += struct.pack(">I", value) if isinstance(value, int) else value.encode() + b"\0"
    return struct.pack(">II", len(tags), len(data)) + index + data


def rocky(tmp_path) -> bytes:
    path = tmp_path / "rpmdb.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        header = rpm_header(
            t1000="openssl-libs", t1001="3.0.7", t1002="24.el9", t1003=1, t1022="x86_64",
            t1044="openssl-3.0.7-24.el9.src.rpm",
        )
        database.execute("INSERT INTO Packages (blob) VALUES (?)", (header,))
    database.close()
    return layer({"etc/os-release": ROCKY, "var/lib/rpm/rpmdb.sqlite": path.read_bytes()})


def wait(ecr, repository, digest):
    image = {"imageDigest": digest}
    waiter = ecr.get_waiter("image_scan_complete")
    waiter.wait(repositoryName=repository, imageId=image, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return ecr.describe_image_scan_findings(repositoryName=repository, imageId=image)


@pytest.fixture
def basic(ecr):
    """The registry's own settings again after a test that changes them."""
    yield
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[])


def test_start_image_scan(ecr, docker, repository):
    digest = push(docker, repository, "v1", debian())
    started = ecr.start_image_scan(repositoryName=repository, imageId={"imageTag": "v1"})
    assert started["registryId"] == ACCOUNT and started["repositoryName"] == repository
    assert started["imageId"] == {"imageDigest": digest, "imageTag": "v1"}
    assert started["imageScanStatus"] == {"status": "IN_PROGRESS"}
    told = wait(ecr, repository, digest)
    assert [f["name"] for f in told["imageScanFindings"]["findings"]] == ["CVE-2024-1", "CVE-2024-2"]
    image = {"imageDigest": digest}
    start = {"repositoryName": repository, "imageId": image}
    fails("LimitExceededException", ecr.start_image_scan, "scan quota per image", **start)
    fails("RepositoryNotFoundException", ecr.start_image_scan, repositoryName="no-such", imageId=image)
    fails("RepositoryNotFoundException", ecr.start_image_scan, registryId="1" * 12, **start)
    fails("ImageNotFoundException", ecr.start_image_scan, repositoryName=repository, imageId={"imageTag": "v2"})
    other = {"imageTag": "v1", "imageDigest": "sha256:" + "0" * 64}
    fails("ImageNotFoundException", ecr.start_image_scan, repositoryName=repository, imageId=other)
    for bad in [{}, {"imageTag": "-"}, {"imageDigest": "x"}]:
        fails("InvalidParameterException", ecr.start_image_scan, repositoryName=repository, imageId=bad)
    fails("InvalidParameterException", ecr.start_image_scan, "imageId", repositoryName=repository)
    fails("InvalidParameterException", ecr.start_image_scan, imageId=image)
    fails("InvalidParameterException", ecr.start_image_scan, registryId="1", **start)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    assert docker.push_manifest(repository, "all", index)[0] == 201
    docker.push(repository, "sbom", artifactType="application/spdx+json")
    for tag in ["all", "sbom"]:
        unsupported = {"repositoryName": repository, "imageId": {"imageTag": tag}}
        fails("UnsupportedImageTypeException", ecr.start_image_scan, **unsupported)


def test_start_image_scan_where_scanning_is_enhanced(ecr, docker, repository, basic):
    digest = push(docker, repository, "v1", debian())
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[])
    image = {"imageDigest": digest}
    fails("ValidationException", ecr.start_image_scan, "disabled", repositoryName=repository, imageId=image)


def test_describe_image_scan_findings(ecr, docker, repository):
    digest = push(docker, repository, "v1", debian())
    image = {"imageDigest": digest}
    describe = {"repositoryName": repository, "imageId": image}
    fails("ScanNotFoundException", ecr.describe_image_scan_findings, digest, **describe)
    ecr.start_image_scan(**describe)
    told = wait(ecr, repository, digest)
    assert told["imageScanStatus"]["status"] == "COMPLETE"
    findings = told["imageScanFindings"]
    assert findings["findingSeverityCounts"] == {"CRITICAL": 1, "LOW": 1}
    assert {"imageScanCompletedAt", "vulnerabilitySourceUpdatedAt"} < set(findings)
    first = findings["findings"][0]
    assert (first["name"], first["severity"]) == ("CVE-2024-1", "CRITICAL")
    assert first["uri"] == "https://example.com/CVE-2024-1" and first["description"] == "About CVE-2024-1."
    attributes = {a["key"]: a["value"] for a in first["attributes"]}
    assert attributes["package_name"] == "glibc" and attributes["package_version"] == "2.36-8"
    assert attributes["CVSS3_SCORE"] == "9.8"
    pages = ecr.get_paginator("describe_image_scan_findings").paginate(**describe, PaginationConfig={"PageSize": 1})
    paged = [[f["name"] for f in page["imageScanFindings"]["findings"]] for page in pages]
    assert paged == [["CVE-2024-1"], ["CVE-2024-2"]]
    for bad in [0, 1001]:
        fails("InvalidParameterException", ecr.describe_image_scan_findings, "maxResults", maxResults=bad, **describe)
    fails("InvalidParameterException", ecr.describe_image_scan_findings, "nextToken", nextToken="x", **describe)
    fails("InvalidParameterException", ecr.describe_image_scan_findings, repositoryName=repository, imageId={})
    fails("InvalidParameterException", ecr.describe_image_scan_findings, repositoryName=repository)
    missing = {"imageTag": "nope"}
    fails("ImageNotFoundException", ecr.describe_image_scan_findings, repositoryName=repository, imageId=missing)
    fails("RepositoryNotFoundException", ecr.describe_image_scan_findings, repositoryName="no-such", imageId=image)
    detail = ecr.describe_images(repositoryName=repository)["imageDetails"][0]
    assert detail["imageScanStatus"]["status"] == "COMPLETE"
    assert detail["imageScanFindingsSummary"]["findingSeverityCounts"] == {"CRITICAL": 1, "LOW": 1}


def test_describe_image_scan_findings_of_alpine_rocky_and_nothing(ecr, docker, repository, tmp_path):
    installed = "P:ssl_client\nV:1.36.1-r15\nA:x86_64\no:busybox\n\n"
    alpine = layer({"etc/os-release": ALPINE, "lib/apk/db/installed": installed})
    for tag, content, expected in [
        ("alpine", alpine, [("CVE-2024-3", "busybox")]),
        ("rocky", rocky(tmp_path), [("CVE-2024-4", "openssl")]),
        ("fixed", debian("2.36-9"), [("CVE-2024-2", "glibc")]),
    ]:
        digest = push(docker, repository, tag, content)
        ecr.start_image_scan(repositoryName=repository, imageId={"imageTag": tag})
        told = wait(ecr, repository, digest)["imageScanFindings"]["findings"]
        attributes = [{a["key"]: a["value"] for a in f["attributes"]} for f in told]
        assert [(f["name"], a["package_name"]) for f, a in zip(told, attributes)] == expected, tag


def test_describe_image_scan_findings_of_enhanced_scans(ecr, docker, repository, basic):
    rule = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": repository, "filterType": "WILDCARD"}]}
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[rule])
    digest = push(docker, repository, "v1", debian())
    told = wait(ecr, repository, digest)["imageScanFindings"]
    assert "findings" not in told
    first, second = told["enhancedFindings"]
    assert first["awsAccountId"] == ACCOUNT and first["title"] == "CVE-2024-1 - glibc"
    assert first["findingArn"].startswith(f"arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/")
    assert (first["severity"], first["score"], first["fixAvailable"]) == ("CRITICAL", 9.8, "YES")
    assert (second["severity"], second["fixAvailable"]) == ("LOW", "NO")
    details = first["packageVulnerabilityDetails"]
    assert details["vulnerabilityId"] == "CVE-2024-1"
    package = details["vulnerablePackages"][0]
    assert (package["name"], package["version"], package["release"]) == ("libc6", "2.36", "8")
    assert (package["packageManager"], package["fixedInVersion"]) == ("DPKG", "2.36-9")
    image = first["resources"][0]["details"]["awsEcrContainerImage"]
    assert image["imageHash"] == digest and image["imageTags"] == ["v1"]


def test_put_image_scanning_configuration(ecr, docker, repository):
    put = ecr.put_image_scanning_configuration(
        repositoryName=repository, imageScanningConfiguration={"scanOnPush": True}
    )
    assert put["imageScanningConfiguration"] == {"scanOnPush": True} and put["repositoryName"] == repository
    described = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]
    assert described["imageScanningConfiguration"] == {"scanOnPush": True}
    digest = push(docker, repository, "v1", debian())
    assert wait(ecr, repository, digest)["imageScanStatus"]["status"] == "COMPLETE"
    off = ecr.put_image_scanning_configuration(repositoryName=repository, imageScanningConfiguration={})
    assert off["imageScanningConfiguration"] == {"scanOnPush": False}
    configuration = {"imageScanningConfiguration": {"scanOnPush": True}}
    put = ecr.put_image_scanning_configuration
    fails("RepositoryNotFoundException", put, repositoryName="no-such", **configuration)
    fails("InvalidParameterException", put, repositoryName="UPPER", **configuration)
    fails("InvalidParameterException", put, "imageScanningConfiguration", repositoryName=repository)
    fails("InvalidParameterException", put, registryId="x", repositoryName=repository, **configuration)


def test_get_registry_scanning_configuration(ecr, basic):
    told = ecr.get_registry_scanning_configuration()
    assert told["registryId"] == ACCOUNT
    assert told["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    rule = {"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "no-*", "filterType": "WILDCARD"}]}
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[rule])
    told = ecr.get_registry_scanning_configuration()["scanningConfiguration"]
    assert told == {"scanType": "ENHANCED", "rules": [rule]}


def test_put_registry_scanning_configuration(ecr, basic):
    def rule(frequency="SCAN_ON_PUSH", text="no-such-*", kind="WILDCARD"):
        return {"scanFrequency": frequency, "repositoryFilters": [{"filter": text, "filterType": kind}]}

    put = ecr.put_registry_scanning_configuration
    told = put(scanType="BASIC", rules=[rule()])["registryScanningConfiguration"]
    assert told == {"scanType": "BASIC", "rules": [rule()]}
    two = [rule(), rule("CONTINUOUS_SCAN")]
    assert put(scanType="ENHANCED", rules=two)["registryScanningConfiguration"]["rules"] == two
    assert put()["registryScanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    for bad in [
        {"scanType": "DEEP"},
        {"rules": [rule(), rule(), rule()]},
        {"rules": [rule("SOMETIMES")]},
        {"rules": [rule("CONTINUOUS_SCAN")]},
        {"rules": [rule(text="")]},
        {"rules": [rule(text="UPPER")]},
        {"rules": [rule(text="a" * 256)]},
        {"rules": [rule(kind="PREFIX_MATCH")]},
        {"rules": [{"scanFrequency": "SCAN_ON_PUSH"}]},
        {"rules": [{"repositoryFilters": []}]},
    ]:
        fails("InvalidParameterException", put, **bad)


def test_batch_get_repository_scanning_configuration(ecr, repository, basic):
    get = ecr.batch_get_repository_scanning_configuration
    told = get(repositoryNames=[repository, "no-such"])
    assert told["scanningConfigurations"] == [
        {
            "repositoryArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}",
            "repositoryName": repository,
            "scanOnPush": False,
            "scanFrequency": "MANUAL",
            "appliedScanFilters": [],
        }
    ]
    [failure] = told["failures"]
    assert (failure["repositoryName"], failure["failureCode"]) == ("no-such", "REPOSITORY_NOT_FOUND")
    assert "does not exist" in failure["failureReason"]
    filters = [{"filter": repository[:12] + "*", "filterType": "WILDCARD"}]
    rule = {"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": filters}
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[rule])
    [one] = get(repositoryNames=[repository])["scanningConfigurations"]
    assert (one["scanOnPush"], one["scanFrequency"]) == (True, "CONTINUOUS_SCAN")
    assert one["appliedScanFilters"] == filters
    for bad in [None, [], ["UPPER"], ["aa"] * 26]:
        arguments = {} if bad is None else {"repositoryNames": bad}
        fails("InvalidParameterException", get, **arguments)


def test_the_aws_command_waits_for_a_scan(ecr, docker, repository):
    push(docker, repository, "v1", debian())
    for command in [["start-image-scan"], ["wait", "image-scan-complete"]]:
        arguments = ["--repository-name", repository, "--image-id", "imageTag=v1"]
        ran = subprocess.run(["aws", "ecr", *command, *arguments], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
