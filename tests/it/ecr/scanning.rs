//! Scans: what is found, what is not, and what is said when nothing can be known.
use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_testkit::{
    Image, TestServer, eventually,
    layer::{gzip, tar, zstd},
};
use wharf_types::Digest;

const DEBIAN: (&str, &[u8]) = ("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n");

const HIGH: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";

/// A day and an hour: the quota of an image is over.
const A_DAY: Duration = Duration::from_hours(25);

fn status(packages: &[(&str, &str)]) -> Vec<u8> {
    let one = |(name, version): &(&str, &str)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        )
    };
    packages
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join("\n")
        .into_bytes()
}

/// A layer with Debian and these packages.
fn debian(packages: &[(&str, &str)]) -> Vec<u8> {
    tar(&[DEBIAN, ("var/lib/dpkg/status", &status(packages))])
}

/// Writes an advisory: versions of a package before `fixed` have it.
fn advise(folder: &Path, id: &str, ecosystem: &str, package: &str, fixed: &str) {
    let document = json!({
        "id": id,
        "modified": "2024-01-02T03:04:05Z",
        "published": "2024-01-01T00:00:00Z",
        "details": format!("About {id}."),
        "severity": [{ "type": "CVSS_V3", "score": HIGH }],
        "references": [{ "type": "WEB", "url": format!("https://example.com/{id}") }],
        "affected": [{
            "package": { "ecosystem": ecosystem, "name": package },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
        }],
    });
    std::fs::write(folder.join(format!("{id}.json")), document.to_string()).unwrap();
}

/// A server with a database of one advisory, `CVE-2024-1` of `bash`.
async fn server() -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    advise(folder.path(), "CVE-2024-1", "Debian:12", "bash", "5.2-2");
    let path = folder.path().to_owned();
    let s = TestServer::with(|config| config.vulnerability_db = Some(path)).await;
    (s, folder)
}

async fn scan_on_push(s: &TestServer) {
    let input =
        json!({ "repositoryName": "app", "imageScanningConfiguration": { "scanOnPush": true } });
    s.aws("PutImageScanningConfiguration", input).await.ok();
}

fn image_id(digest: &Digest) -> Value {
    json!({ "repositoryName": "app", "imageId": { "imageDigest": digest } })
}

async fn start(s: &TestServer, digest: &Digest) {
    s.aws("StartImageScan", image_id(digest)).await.ok();
}

/// What is told of an image once its scan has ended.
async fn scanned(s: &TestServer, digest: &Digest) -> Value {
    for _ in 0..1500 {
        let told = s
            .aws("DescribeImageScanFindings", image_id(digest))
            .await
            .ok();
        let status = told["imageScanStatus"]["status"].as_str().unwrap();
        if !["IN_PROGRESS", "PENDING"].contains(&status) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the scan does not end");
}

fn names(told: &Value) -> Vec<&str> {
    let findings = told["imageScanFindings"]["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["name"].as_str().unwrap())
        .collect()
}

#[track_caller]
fn ended(told: &Value, status: &str, text: &str) {
    assert_eq!(told["imageScanStatus"]["status"], status, "{told}");
    let description = told["imageScanStatus"]["description"].as_str().unwrap();
    assert!(description.contains(text), "{description}");
    if status != "COMPLETE" {
        assert!(told.get("imageScanFindings").is_none(), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_by_either_door_is_scanned_where_the_repository_says_so() {
    let (s, _folder) = server().await;
    let quiet = Image::of("quiet", vec![gzip(&debian(&[("bash", "5.2-1")]))]);
    quiet.push(&s, "app", "quiet").await;
    s.aws("DescribeImageScanFindings", image_id(&quiet.digest))
        .await
        .fails("ScanNotFoundException");
    scan_on_push(&s).await;
    let docker = Image::of(
        "docker",
        vec![gzip(&debian(&[("bash", "5.2-1"), ("zlib", "1")]))],
    );
    docker.push(&s, "app", "docker").await;
    let json = Image::of("json", vec![zstd(&debian(&[("bash", "5.2-2")]))]);
    json.push_blobs(&s, "app").await;
    let put =
        json!({ "repositoryName": "app", "imageManifest": json.manifest, "imageTag": "json" });
    s.aws("PutImage", put).await.ok();
    let told = scanned(&s, &docker.digest).await;
    ended(&told, "COMPLETE", "The scan was completed successfully.");
    let mut findings = told["imageScanFindings"].clone();
    assert!(findings["vulnerabilitySourceUpdatedAt"].take().is_number());
    assert_eq!(
        findings,
        json!({
            "imageScanCompletedAt": s.now().as_secs_f64(),
            "vulnerabilitySourceUpdatedAt": null,
            "findingSeverityCounts": { "HIGH": 1 },
            "findings": [{
                "name": "CVE-2024-1",
                "description": "About CVE-2024-1.",
                "uri": "https://example.com/CVE-2024-1",
                "severity": "HIGH",
                "attributes": [
                    { "key": "package_version", "value": "5.2-1" },
                    { "key": "package_name", "value": "bash" },
                    { "key": "CVSS3_SCORE", "value": "7.5" },
                    { "key": "CVSS3_VECTOR", "value": HIGH },
                ],
            }],
        })
    );
    let told = scanned(&s, &json.digest).await;
    ended(&told, "COMPLETE", "");
    assert_eq!(names(&told), [""; 0]);
    let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "docker" }] });
    let described = s.aws("DescribeImages", input).await.ok();
    let detail = &described["imageDetails"][0];
    assert_eq!(detail["imageScanStatus"]["status"], "COMPLETE");
    assert_eq!(
        detail["imageScanFindingsSummary"]["findingSeverityCounts"],
        json!({ "HIGH": 1 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upper_layer_removes_is_not_found() {
    let (s, _folder) = server().await;
    scan_on_push(&s).await;
    let lower = debian(&[("bash", "5.2-1")]);
    let replaced = tar(&[("var/lib/dpkg/status", &status(&[("dash", "1")]))]);
    let hidden = tar(&[("var/lib/.wh.dpkg", b"")]);
    let found = Image::of("1", vec![gzip(&lower)]);
    let gone = Image::of("2", vec![gzip(&lower), gzip(&replaced)]);
    let opaque = Image::of("3", vec![gzip(&lower), hidden, zstd(&debian(&[]))]);
    let nothing = Image::of("4", vec![lower, tar(&[("var/lib/dpkg/.wh..wh..opq", b"")])]);
    for (i, image) in [&found, &gone, &opaque, &nothing].into_iter().enumerate() {
        image.push(&s, "app", &format!("v{i}")).await;
    }
    assert_eq!(names(&scanned(&s, &found.digest).await), ["CVE-2024-1"]);
    assert_eq!(names(&scanned(&s, &gone.digest).await), [""; 0]);
    assert_eq!(names(&scanned(&s, &opaque.digest).await), [""; 0]);
    let told = scanned(&s, &nothing.digest).await;
    ended(&told, "UNSUPPORTED_IMAGE", "no package database");
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_broken_layers_end_with_what_is_wrong_and_harm_nobody() {
    let (s, _folder) = server().await;
    scan_on_push(&s).await;
    let zeros = tar(&[DEBIAN, ("zeros", &vec![0; 192 << 20])]);
    let good = debian(&[("bash", "5.2-1")]);
    let cut = gzip(&good);
    let cases = [
        (
            gzip(&zeros),
            "IMAGE_SIZE_EXCEEDED",
            "grows more when unpacked than the limit",
        ),
        (
            zstd(&zeros),
            "IMAGE_SIZE_EXCEEDED",
            "grows more when unpacked than the limit",
        ),
        (
            cut[..cut.len() / 2].to_vec(),
            "FAILED",
            "not a valid archive",
        ),
        (
            b"no archive at all".to_vec(),
            "FAILED",
            "not a valid archive",
        ),
        (
            good[..good.len() - 1500].to_vec(),
            "FAILED",
            "it ends early",
        ),
        (
            tar(&[("hello", b"from scratch")]),
            "UNSUPPORTED_IMAGE",
            "no /etc/os-release",
        ),
        (
            tar(&[("etc/os-release", b"ID=slackware")]),
            "UNSUPPORTED_IMAGE",
            "slackware",
        ),
        (
            tar(&[
                ("etc/os-release", b"ID=debian\nVERSION_ID=11"),
                ("var/lib/dpkg/status", &status(&[("bash", "1")])),
            ]),
            "FAILED",
            "no advisories for Debian:11",
        ),
    ];
    for (i, (layer, status, text)) in cases.into_iter().enumerate() {
        let image = Image::of(&format!("{i}"), vec![layer]);
        image.push(&s, "app", &format!("v{i}")).await;
        ended(&scanned(&s, &image.digest).await, status, text);
    }
    let image = Image::of("good", vec![good]);
    image.push(&s, "app", "good").await;
    assert_eq!(names(&scanned(&s, &image.digest).await), ["CVE-2024-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_a_restart_interrupts_is_done_after_it() {
    let (mut s, _folder) = server().await;
    let mut images = Vec::new();
    for i in 0..3 {
        // Large enough that the first is still being read when the server stops.
        let ballast = vec![i; 24 << 20];
        let status = status(&[("bash", "5.2-1")]);
        let layer = tar(&[
            ("ballast", &ballast),
            DEBIAN,
            ("var/lib/dpkg/status", &status),
        ]);
        let image = Image::of(&format!("{i}"), vec![layer]);
        image.push(&s, "app", &format!("v{i}")).await;
        images.push(image);
    }
    for image in &images {
        start(&s, &image.digest).await;
    }
    s.restart().await;
    for image in &images {
        assert_eq!(names(&scanned(&s, &image.digest).await), ["CVE-2024-1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_nothing_is_said_to_be_clean() {
    let mut s = TestServer::new().await;
    let image = Image::of("x", vec![debian(&[("bash", "5.2-1")])]);
    image.push(&s, "app", "v1").await;
    start(&s, &image.digest).await;
    let text = "no vulnerability database is configured: start wharf with --vulnerability-db DIR";
    ended(&scanned(&s, &image.digest).await, "FAILED", text);
    // A failed scan may be tried again at once.
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    s.stop().await;
    s.start_with(|config| config.vulnerability_db = Some(missing.clone()))
        .await
        .unwrap();
    start(&s, &image.digest).await;
    ended(
        &scanned(&s, &image.digest).await,
        "FAILED",
        "cannot be read",
    );
    std::fs::create_dir(&missing).unwrap();
    start(&s, &image.digest).await;
    ended(
        &scanned(&s, &image.digest).await,
        "FAILED",
        "no advisories for Debian:12",
    );
    advise(&missing, "CVE-2024-1", "Debian:12", "bash", "5.2-2");
    std::fs::write(missing.join("broken.json"), "{").unwrap();
    start(&s, &image.digest).await;
    let told = scanned(&s, &image.digest).await;
    assert_eq!(names(&told), ["CVE-2024-1"]);
    ended(&told, "COMPLETE", "broken.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_database_is_read_again_and_an_image_is_scanned_once_a_day() {
    let (s, folder) = server().await;
    let image = Image::of("x", vec![debian(&[("bash", "5.2-2"), ("zlib", "1.2")])]);
    image.push(&s, "app", "v1").await;
    start(&s, &image.digest).await;
    assert_eq!(names(&scanned(&s, &image.digest).await), [""; 0]);
    for id in ["CVE-2024-3", "CVE-2024-2"] {
        advise(folder.path(), id, "Debian:12", "zlib", "1.3");
    }
    s.advance(Duration::from_hours(23));
    s.aws("StartImageScan", image_id(&image.digest))
        .await
        .fails("LimitExceededException");
    s.advance(Duration::from_hours(2));
    start(&s, &image.digest).await;
    let told = scanned(&s, &image.digest).await;
    assert_eq!(names(&told), ["CVE-2024-2", "CVE-2024-3"]);
    // In pages, whose tokens are good for this image only.
    let mut input = image_id(&image.digest);
    input["maxResults"] = json!(1);
    let first = s.aws("DescribeImageScanFindings", input.clone()).await.ok();
    assert_eq!(names(&first), ["CVE-2024-2"]);
    input["nextToken"] = first["nextToken"].clone();
    let second = s.aws("DescribeImageScanFindings", input.clone()).await.ok();
    assert_eq!(names(&second), ["CVE-2024-3"]);
    assert!(second.get("nextToken").is_none());
    input["imageId"] = json!({ "imageTag": "v1" });
    s.aws("DescribeImageScanFindings", input)
        .await
        .fails("InvalidParameterException");
}

async fn configure(s: &TestServer, scan_type: &str, frequency: &str, filter: &str) {
    let filters = json!([{ "filter": filter, "filterType": "WILDCARD" }]);
    let rules = json!([{ "scanFrequency": frequency, "repositoryFilters": filters }]);
    let input = json!({ "scanType": scan_type, "rules": rules });
    s.aws("PutRegistryScanningConfiguration", input).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn continuous_scans_follow_the_database_and_the_configuration() {
    let (s, folder) = server().await;
    let layer = debian(&[("bash", "5.2-1"), ("zlib", "1.2")]);
    let before = Image::of("before", vec![layer.clone()]);
    before.push(&s, "app", "before").await;
    configure(&s, "ENHANCED", "CONTINUOUS_SCAN", "ap*").await;
    s.aws("StartImageScan", image_id(&before.digest))
        .await
        .fails("ValidationException");
    let after = Image::of("after", vec![layer]);
    after.push(&s, "app", "after").await;
    let (began, titles) = (s.now().as_secs_f64(), |told: &Value| {
        let findings = told["imageScanFindings"]["enhancedFindings"].as_array();
        let titles = findings
            .unwrap()
            .iter()
            .map(|f| f["title"].as_str().unwrap().to_owned());
        titles.collect::<Vec<_>>()
    });
    for image in [&before, &after] {
        let told = until(&s, &image.digest, 1).await;
        assert_eq!(told["imageScanStatus"]["status"], "ACTIVE");
        assert_eq!(titles(&told), ["CVE-2024-1 - bash"]);
    }
    advise(folder.path(), "CVE-2024-2", "Debian:12", "zlib", "1.3");
    s.advance(A_DAY);
    // Setting it again wakes the worker, as its own clock would within a minute.
    configure(&s, "ENHANCED", "CONTINUOUS_SCAN", "ap*").await;
    for image in [&before, &after] {
        let told = until(&s, &image.digest, 2).await;
        assert_eq!(titles(&told), ["CVE-2024-1 - bash", "CVE-2024-2 - zlib"]);
        let findings = &told["imageScanFindings"]["enhancedFindings"];
        assert_eq!(findings[0]["firstObservedAt"], began);
        assert_eq!(findings[1]["firstObservedAt"], s.now().as_secs_f64());
        assert_eq!(findings[0]["lastObservedAt"], s.now().as_secs_f64());
    }
}

/// Waits for so many findings of enhanced scanning.
async fn until(s: &TestServer, digest: &Digest, count: usize) -> Value {
    for _ in 0..1500 {
        let told = s.aws("DescribeImageScanFindings", image_id(digest)).await;
        let findings = &told.body["imageScanFindings"]["enhancedFindings"];
        if findings.as_array().is_some_and(|all| all.len() == count) {
            return told.body;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the image is not scanned");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_decide_which_repositories_are_scanned_on_push() {
    let (s, _folder) = server().await;
    s.create("team/production").await;
    s.create("team/dev").await;
    configure(&s, "BASIC", "SCAN_ON_PUSH", "prod").await;
    let image = Image::of("x", vec![debian(&[("bash", "5.2-1")])]);
    for repository in ["team/production", "team/dev"] {
        image.push(&s, repository, "v1").await;
    }
    let id =
        |repository: &str| json!({ "repositoryName": repository, "imageId": { "imageTag": "v1" } });
    s.aws("DescribeImageScanFindings", id("team/dev"))
        .await
        .fails("ScanNotFoundException");
    s.aws("DescribeImageScanFindings", id("team/production"))
        .await
        .ok();
    // The scan on push counts for the quota, and goes with its image.
    s.aws("StartImageScan", id("team/production"))
        .await
        .fails("LimitExceededException");
    let index = Image::index(&[&image]);
    index.put(&s, "team/production", "all").await.expect(201);
    let all = json!({ "repositoryName": "team/production", "imageId": { "imageTag": "all" } });
    s.aws("StartImageScan", all)
        .await
        .fails("UnsupportedImageTypeException");
    for repository in ["team/production", "team/dev"] {
        let input = json!({ "repositoryName": repository, "force": true });
        s.aws("DeleteRepository", input).await.ok();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let left = s.state().await;
    assert!(
        !left.iter().any(|row| row.contains("CVE-2024-1")),
        "{left:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_scanned_on_push_as_its_own_registry_says() {
    let (s, _folder) = server().await;
    let (eu, repository) = ("eu-west-1", json!({ "repositoryName": "app" }));
    let scanned_there = async |digest: &Digest| {
        eventually("the replica's scan ends", async || {
            let reply = s.aws_as("test", eu, "DescribeImageScanFindings", image_id(digest));
            let told = reply.await.body;
            (told["imageScanStatus"]["status"] == "COMPLETE").then_some(told)
        })
        .await
    };
    let settled = async |digest: &Digest| {
        eventually("the image is replicated", async || {
            let told = s.aws("DescribeImageReplicationStatus", image_id(digest));
            let told = told.await.ok();
            (told["replicationStatuses"][0]["status"] == "COMPLETE").then_some(())
        })
        .await;
    };
    let to_eu = json!([{ "destinations": [{ "region": eu, "registryId": "000000000000" }] }]);
    let input = json!({ "replicationConfiguration": { "rules": to_eu } });
    s.aws("PutReplicationConfiguration", input).await.ok();
    // Here it is scanned on push, there it is not.
    scan_on_push(&s).await;
    let first = Image::of("first", vec![gzip(&debian(&[("bash", "5.2-1")]))]);
    first.push(&s, "app", "v1").await;
    assert_eq!(names(&scanned(&s, &first.digest).await), ["CVE-2024-1"]);
    settled(&first.digest).await;
    s.aws_as(
        "test",
        eu,
        "DescribeImageScanFindings",
        image_id(&first.digest),
    )
    .await
    .fails("ScanNotFoundException");
    // And the other way round.
    for (region, on) in [("us-east-1", false), (eu, true)] {
        let mut input = repository.clone();
        input["imageScanningConfiguration"] = json!({ "scanOnPush": on });
        s.aws_as("test", region, "PutImageScanningConfiguration", input)
            .await
            .ok();
    }
    let second = Image::of("second", vec![gzip(&debian(&[("bash", "5.2-0")]))]);
    second.push(&s, "app", "v2").await;
    let told = scanned_there(&second.digest).await;
    assert_eq!(names(&told), ["CVE-2024-1"]);
    settled(&second.digest).await;
    s.aws("DescribeImageScanFindings", image_id(&second.digest))
        .await
        .fails("ScanNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_image_fails_until_its_layers_are_here() {
    let upstream = TestServer::new().await;
    let folder = tempfile::tempdir().unwrap();
    advise(folder.path(), "CVE-2024-1", "Debian:12", "bash", "5.2-2");
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ecr-pullthroughcache/up";
    let s = TestServer::with(|config| {
        config.vulnerability_db = Some(folder.path().to_owned());
        config.upstream_allow = vec![upstream.url().parse().unwrap()];
        let path = config.data_dir.parent().unwrap().join("secrets.toml");
        let password = upstream.password();
        let text =
            format!("[\"ecr-pullthroughcache/up\"]\nusername='AWS'\naccessToken='{password}'\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.secrets = Some(path);
    })
    .await;
    let rule = json!({ "ecrRepositoryPrefix": "ROOT", "upstreamRegistryUrl": upstream.url(),
        "credentialArn": secret });
    s.aws("CreatePullThroughCacheRule", rule).await.ok();
    let image = Image::of("up", vec![gzip(&debian(&[("bash", "5.2-1")]))]);
    image.push(&upstream, "app", "v1").await;
    let head = s.call("HEAD", "/v2/app/manifests/v1").send().await;
    head.expect(200);
    // It says so, and asks the upstream for nothing.
    start(&s, &image.digest).await;
    let told = scanned(&s, &image.digest).await;
    ended(&told, "FAILED", "not in the cache yet: pull the image");
    image.assert_pulls(&s, "app", "v1").await;
    start(&s, &image.digest).await;
    let told = scanned(&s, &image.digest).await;
    assert_eq!(names(&told), ["CVE-2024-1"]);
}
