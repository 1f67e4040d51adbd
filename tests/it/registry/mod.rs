//! The OCI distribution API: every row of the matrix of bad input (`r1_` to `r44_`), every trap that
//! other registries fell into, and what each client needs.
use wharf_testkit::{Reply, TestServer};
use wharf_types::Digest;

mod blobs;
mod clients;
mod conditions;
mod conformance;
mod descriptors;
mod documents;
mod http;
mod islands;
mod lists;
mod manifests;
mod moving;
mod names;
mod ranges;
mod referrers;
mod sessions;
mod tools;
mod traps;
mod uploads;

/// The digest of nothing that any test pushes.
const ABSENT: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// `size` bytes of text that differ from place to place.
fn bytes(size: usize) -> Vec<u8> {
    (0..size.div_ceil(8))
        .flat_map(|i| format!("{i:07}\n").into_bytes())
        .take(size)
        .collect()
}

/// Pushes a document of any type.
async fn put(s: &TestServer, reference: &str, media_type: &str, document: &str) -> Reply {
    s.call("PUT", &format!("/v2/app/manifests/{reference}"))
        .header("content-type", media_type)
        .body(document.to_owned())
        .send()
        .await
}

/// What a tag names.
async fn digest_of_tag(s: &TestServer, tag: &str) -> String {
    let head = s.call("HEAD", &format!("/v2/app/manifests/{tag}"));
    head.send()
        .await
        .expect(200)
        .header("docker-content-digest")
        .to_owned()
}

/// Demands that a repository has a blob, byte for byte.
async fn assert_blob(s: &TestServer, repo: &str, content: &[u8]) {
    let digest = Digest::sha256(content);
    let got = s.call("GET", &format!("/v2/{repo}/blobs/{digest}"));
    assert_eq!(got.send().await.expect(200).body, content);
}

/// How far the server says that an upload has come.
async fn range(s: &TestServer, location: &str) -> String {
    let status = s.call("GET", location).send().await.expect(204);
    status.header("range").to_owned()
}
