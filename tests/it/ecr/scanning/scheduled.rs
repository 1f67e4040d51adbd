//! When an image is scanned: quotas, continuous scans, filters and replicas.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, eventually, layer::gzip};
use wharf_types::Digest;

use super::{advise, debian, image_id, names, scan_on_push, scanned, server, start};

/// A day and an hour: the quota of an image is over.
const A_DAY: Duration = Duration::from_hours(25);

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
    eventually("the image is scanned", async || {
        let told = s.aws("DescribeImageScanFindings", image_id(digest)).await;
        let findings = &told.body["imageScanFindings"]["enhancedFindings"];
        let all = findings.as_array().is_some_and(|all| all.len() == count);
        all.then_some(told.body)
    })
    .await
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
    // Once a later scan has ended, the one that was under way has.
    scan_on_push(&s).await;
    let later = Image::of("later", vec![debian(&[("bash", "5.2-2")])]);
    later.push(&s, "app", "v1").await;
    scanned(&s, &later.digest).await;
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
