//! How containerd's resolver for ECR pushes and pulls: by the JSON API alone.
//!
//! `WHARF_LAYER_MIB` says how large the layer is.
#![expect(
    clippy::disallowed_methods,
    reason = "the size is asked of the environment"
)]
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wharf_testkit::{Process, TestServer};
use wharf_types::{Algorithm, Digest, Hasher, media};

const MIB: usize = 1024 * 1024;

/// What the server may need for a layer of any size: a part as it came, a part, and itself.
const MOST_KIB: usize = 200 * 1024;

fn layer_mib() -> usize {
    std::env::var("WHARF_LAYER_MIB").map_or(64, |mib| mib.parse().unwrap())
}

/// A piece of a layer in which every place can be told.
fn piece(mib: usize) -> Vec<u8> {
    (0..MIB / 8)
        .flat_map(|i| {
            ((mib * MIB + i * 8) as u64)
                .wrapping_mul(0x9e37_79b9)
                .to_le_bytes()
        })
        .collect()
}

fn part(from: usize, to: usize) -> Vec<u8> {
    (from..to).flat_map(piece).collect()
}

async fn availability(s: &TestServer, digest: &Digest) -> Value {
    let input = json!({ "repositoryName": "app", "layerDigests": [digest] });
    let found = s.aws("BatchCheckLayerAvailability", input).await.ok();
    assert_eq!(found["failures"], json!([]));
    found["layers"][0]["layerAvailability"].clone()
}

/// Uploads a layer of so many MiB, or other bytes.
async fn upload(s: &TestServer, parts: impl Iterator<Item = Vec<u8>>, digest: &Digest) {
    assert_eq!(availability(s, digest).await, "UNAVAILABLE");
    let begun = s
        .aws("InitiateLayerUpload", json!({ "repositoryName": "app" }))
        .await
        .ok();
    let mut first = 0;
    for bytes in parts {
        let last = first + bytes.len() - 1;
        let input = json!({
            "repositoryName": "app",
            "uploadId": begun["uploadId"],
            "partFirstByte": first,
            "partLastByte": last,
            "layerPartBlob": STANDARD.encode(&bytes),
        });
        let sent = s.aws("UploadLayerPart", input).await.ok();
        assert_eq!(sent["lastByteReceived"], last);
        first = last + 1;
    }
    let input =
        json!({ "repositoryName": "app", "uploadId": begun["uploadId"], "layerDigests": [digest] });
    let done = s.aws("CompleteLayerUpload", input).await.ok();
    assert_eq!(done["layerDigest"], digest.as_str());
    assert_eq!(availability(s, digest).await, "AVAILABLE");
}

/// Downloads a layer by its URL, piece by piece; its digest.
async fn download(s: &TestServer, digest: &str) -> Digest {
    let input = json!({ "repositoryName": "app", "layerDigest": digest });
    let found = s.aws("GetDownloadUrlForLayer", input).await.ok();
    let url = found["downloadUrl"].as_str().unwrap();
    let mut got = reqwest::get(url).await.unwrap();
    assert_eq!(got.status(), 200);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    while let Some(chunk) = got.chunk().await.unwrap() {
        hasher.update(&chunk);
    }
    hasher.finish()
}

/// The most memory that the process had, in KiB.
fn most_memory(s: &Process) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", s.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn containerds_resolver_pushes_and_pulls_in_constant_memory() {
    let dir = tempfile::tempdir().unwrap();
    let s = Process::serve(&dir.path().join("data"), &[]).await;
    let mib = layer_mib();
    let before = most_memory(&s);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    (0..mib).for_each(|at| hasher.update(&piece(at)));
    let layer = hasher.finish();
    let config = br#"{"architecture":"amd64","os":"linux"}"#.to_vec();
    let config_digest = Digest::sha256(&config);
    let parts = (0..mib).step_by(10).map(|at| part(at, mib.min(at + 10)));
    upload(&s, parts, &layer).await;
    upload(&s, std::iter::once(config.clone()), &config_digest).await;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "config": { "mediaType": media::OCI_CONFIG, "digest": config_digest, "size": config.len() },
        "layers": [{ "mediaType": media::OCI_LAYER_GZIP, "digest": layer, "size": mib * MIB }],
    });
    let input = json!({
        "repositoryName": "app",
        "imageManifest": manifest.to_string(),
        "imageTag": "v1",
    });
    s.aws("PutImage", input).await.ok();
    let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    let got = s.aws("BatchGetImage", input).await.ok();
    let text = got["images"][0]["imageManifest"].as_str().unwrap();
    assert_eq!(text, manifest.to_string());
    assert_eq!(download(&s, config_digest.as_str()).await, config_digest);
    assert_eq!(download(&s, layer.as_str()).await, layer);
    let most = most_memory(&s);
    println!("a layer of {mib} MiB: {before} KiB at first, {most} KiB at most");
    assert!(most < MOST_KIB, "{most} KiB");
    s.stop().await;
}
