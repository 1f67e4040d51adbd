//! What is found in an image, and what is said when nothing can be.
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use wharf_testkit::{
    Image, TestServer,
    layer::{gzip, tar, zstd},
};

use super::{
    DEBIAN, HIGH, advise, debian, ended, image_id, names, scan_on_push, scanned, server, start,
    status,
};

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
