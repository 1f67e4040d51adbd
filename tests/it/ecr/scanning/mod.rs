//! Scans: what is found, what is not, and what is said when nothing can be known.
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_testkit::{TestServer, eventually, layer::tar};
use wharf_types::Digest;

mod found;
mod scheduled;

const DEBIAN: (&str, &[u8]) = ("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n");

const HIGH: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";

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
    eventually("the scan ends", async || {
        let told = s.aws("DescribeImageScanFindings", image_id(digest));
        let told = told.await.ok();
        let status = told["imageScanStatus"]["status"].as_str().unwrap();
        (!["IN_PROGRESS", "PENDING"].contains(&status)).then_some(told)
    })
    .await
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
