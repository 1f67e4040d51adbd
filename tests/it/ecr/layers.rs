//! Layers by the JSON API: what outlives requests, restarts and clocks, and what both doors share.
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wharf_storage::{Leases, Owner, UploadParts};
use wharf_testkit::{AwsReply, Image, TestServer};
use wharf_types::Digest;

const MIB: usize = 1024 * 1024;
const HOUR: Duration = Duration::from_hours(1);

async fn begin(s: &TestServer) -> String {
    let begun = s
        .aws("InitiateLayerUpload", json!({ "repositoryName": "app" }))
        .await
        .ok();
    begun["uploadId"].as_str().unwrap().to_owned()
}

async fn send(s: &TestServer, id: &str, first: usize, bytes: &[u8]) -> AwsReply {
    let part = json!({
        "repositoryName": "app",
        "uploadId": id,
        "partFirstByte": first,
        "partLastByte": first + bytes.len() - 1,
        "layerPartBlob": STANDARD.encode(bytes),
    });
    s.aws("UploadLayerPart", part).await
}

async fn complete(s: &TestServer, id: &str, digest: &Digest) -> AwsReply {
    let input = json!({ "repositoryName": "app", "uploadId": id, "layerDigests": [digest] });
    s.aws("CompleteLayerUpload", input).await
}

async fn upload(s: &TestServer, layer: &[u8]) -> Digest {
    let (id, digest) = (begin(s).await, Digest::sha256(layer));
    send(s, &id, 0, layer).await.ok();
    complete(s, &id, &digest).await.ok();
    digest
}

async fn available(s: &TestServer, digest: &Digest) -> Value {
    let input = json!({ "repositoryName": "app", "layerDigests": [digest] });
    let found = s.aws("BatchCheckLayerAvailability", input).await.ok();
    found["layers"][0]["layerAvailability"].clone()
}

/// What is remembered of parts, of whatever upload.
async fn remembered(s: &TestServer) -> usize {
    let all = s.store().meta().read(|tx| tx.dump()).await.unwrap();
    let parts = |line: &&String| line.starts_with("document") && line.contains("upload-parts");
    all.iter().filter(parts).count()
}

/// Lets time pass; passwords live half a day only.
async fn pass(s: &mut TestServer, hours: u32) {
    s.advance(HOUR * hours);
    s.login().await;
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_and_its_parts_are_remembered() {
    let mut s = TestServer::new().await;
    let layer = b"seven b".repeat(6 * MIB / 7);
    let good = begin(&s).await;
    let small = begin(&s).await;
    send(&s, &good, 0, &layer[..5 * MIB]).await.ok();
    send(&s, &small, 0, &layer[..5 * MIB - 1]).await.ok();
    s.restart().await;
    send(&s, &good, 5 * MIB, &layer[5 * MIB..]).await.ok();
    send(&s, &small, 5 * MIB - 1, &layer[5 * MIB - 1..])
        .await
        .ok();
    s.restart().await;
    let digest = Digest::sha256(&layer);
    let refused = complete(&s, &small, &digest).await;
    refused.fails("LayerPartTooSmallException");
    complete(&s, &good, &digest).await.ok();
    let path = format!("/v2/app/blobs/{digest}");
    let got = s.call("GET", &path).send().await.expect(200);
    assert!(got.body == layer);
    assert_eq!(remembered(&s).await, 0);
    s.assert_tidy().await;
}

#[tokio::test]
async fn the_4201st_part_exceeds_the_limit() {
    let s = TestServer::new().await;
    let id = begin(&s).await;
    send(&s, &id, 0, b"first").await.ok();
    let (name, now) = (id.clone(), s.now());
    let counted = s.store().meta().write(move |tx| {
        let all = tx.all_documents::<UploadParts>(None, 1)?;
        let parts = UploadParts {
            count: 4199,
            ..all[0].body.clone()
        };
        tx.put_document(&all[0].owner, &name, &parts, now)
    });
    counted.await.unwrap();
    send(&s, &id, 5, b"4200th").await.ok();
    let refused = send(&s, &id, 11, b"4201st").await;
    refused.fails("LimitExceededException");
    // It is still what it was.
    let refused = complete(&s, &id, &Digest::sha256(b"first4200th")).await;
    refused.fails("LayerPartTooSmallException");
    s.assert_tidy().await;
}

#[tokio::test]
async fn what_is_remembered_of_parts_goes_with_the_upload_however_it_ends() {
    let mut s = TestServer::new().await;
    for end in ["complete", "mismatch", "cancel", "stale", "repository"] {
        let id = begin(&s).await;
        send(&s, &id, 0, b"bytes").await.ok();
        assert_eq!(remembered(&s).await, 1, "{end}");
        match end {
            "complete" => drop(complete(&s, &id, &Digest::sha256(b"bytes")).await.ok()),
            "mismatch" => {
                let refused = complete(&s, &id, &Digest::sha256(b"other")).await;
                refused.fails("InvalidLayerException");
            }
            "cancel" => {
                let path = format!("/v2/app/blobs/uploads/{id}");
                s.call("DELETE", &path).send().await.expect(204);
            }
            "stale" => {
                pass(&mut s, 25).await;
                let collected = s.store().collect(Leases::Respect).await.unwrap();
                assert_eq!(collected.uploads, 1);
                send(&s, &id, 5, b"late")
                    .await
                    .fails("UploadNotFoundException");
            }
            _ => {
                let input = json!({ "repositoryName": "app", "force": true });
                s.aws("DeleteRepository", input).await.ok();
            }
        }
        assert_eq!(remembered(&s).await, 0, "{end}");
        s.assert_tidy().await;
    }
}

#[tokio::test]
async fn of_the_same_part_sent_twice_at_once_one_is_taken() {
    let s = TestServer::new().await;
    let (id, layer) = (begin(&s).await, vec![7; 3 * MIB]);
    let (one, two) = tokio::join!(send(&s, &id, 0, &layer), send(&s, &id, 0, &layer));
    let (taken, refused) = if one.status == 200 {
        (one, two)
    } else {
        (two, one)
    };
    assert_eq!(taken.ok()["lastByteReceived"], 3 * MIB - 1);
    refused.fails("InvalidLayerPartException");
    // Who did not get the answer learns from the refusal where to go on.
    let again = send(&s, &id, 0, &layer).await;
    let told = again.fails("InvalidLayerPartException");
    assert_eq!(told["lastValidByteReceived"], 3 * MIB - 1);
    complete(&s, &id, &Digest::sha256(&layer)).await.ok();
    s.assert_tidy().await;
}

#[tokio::test]
async fn a_layer_that_was_said_to_be_available_is_kept_for_the_manifest() {
    let mut s = TestServer::new().await;
    let (asked, unasked) = (upload(&s, b"asked").await, upload(&s, b"unasked").await);
    let again = upload(&s, b"again").await;
    pass(&mut s, 13).await;
    assert_eq!(available(&s, &asked).await, "AVAILABLE");
    let id = begin(&s).await;
    send(&s, &id, 0, b"again").await.ok();
    let refused = complete(&s, &id, &again).await;
    refused.fails("LayerAlreadyExistsException");
    pass(&mut s, 13).await;
    s.store().collect(Leases::Respect).await.unwrap();
    for (digest, expected) in [
        (&asked, "AVAILABLE"),
        (&unasked, "UNAVAILABLE"),
        (&again, "AVAILABLE"),
    ] {
        assert_eq!(available(&s, digest).await, expected, "{digest}");
    }
}

#[tokio::test]
async fn an_upload_never_makes_a_repository() {
    let s = TestServer::with(|config| config.create_on_push = true).await;
    let input = json!({ "repositoryName": "new" });
    let refused = s.aws("InitiateLayerUpload", input).await;
    refused.fails("RepositoryNotFoundException");
}

async fn download_url(s: &TestServer, digest: &Digest) -> String {
    let input = json!({ "repositoryName": "app", "layerDigest": digest });
    let found = s.aws("GetDownloadUrlForLayer", input).await.ok();
    found["downloadUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_download_url_works_for_an_hour() {
    let mut s = TestServer::new().await;
    let image = Image::of("linked", vec![vec![3; 100_000]]);
    image.push(&s, "app", "v1").await;
    let digest = Digest::sha256(&image.layers[0]);
    let url = download_url(&s, &digest).await;
    assert!(url.starts_with(&s.url()), "{url}");
    s.advance(HOUR);
    let got = s.call("GET", &url).anonymous().send().await.expect(200);
    assert_eq!(got.body, image.layers[0]);
    s.advance(Duration::from_secs(1));
    let expired = s.call("GET", &url).anonymous().send().await;
    let expired = expired.fails(403, "DENIED");
    assert_eq!(expired.message(), "the link has expired");
    // A restart does not end links, only the port is another here.
    let url = download_url(&s, &digest).await;
    let path = url.strip_prefix(&s.url()).unwrap().to_owned();
    s.restart().await;
    let got = s.call("GET", &path).anonymous().send().await.expect(200);
    assert_eq!(got.body, image.layers[0]);
}

#[tokio::test]
async fn a_link_says_nothing_about_other_requests() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let digest = Digest::sha256(&image.layers[0]);
    let url = download_url(&s, &digest).await;
    let query = url.split_once('?').unwrap().1;
    for (method, path) in [
        ("GET", format!("/v2/app/manifests/v1?{query}")),
        ("GET", format!("/v2/app/tags/list?{query}")),
        ("GET", format!("/v2/?{query}")),
        ("POST", format!("/v2/app/blobs/uploads/?{query}")),
    ] {
        let refused = s.call(method, &path).anonymous().send().await;
        assert_eq!(refused.status, 401, "{method} {path}");
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let refused = s.call(method, &url).anonymous().send().await;
        refused.fails(403, "DENIED");
    }
    // With a wrong one a password does not help: nobody has both.
    let path = format!("/v2/app/blobs/{digest}?signature=00");
    s.call("GET", &path).send().await.fails(403, "DENIED");
}

#[tokio::test]
async fn a_damaged_layer_is_inaccessible_until_it_is_pushed_again() {
    let s = TestServer::new().await;
    let image = Image::of("damaged", vec![vec![1; 100_000]]);
    image.push(&s, "app", "v1").await;
    let digest = Digest::sha256(&image.layers[0]);
    let folders = std::fs::read_dir(s.data_dir().join("blobs")).unwrap();
    let folders = folders.map(|f| f.unwrap().path()).filter(|f| f.is_dir());
    let mut files = folders.flat_map(|f| std::fs::read_dir(f).unwrap());
    let file = files.next().unwrap().unwrap().path();
    std::fs::write(file, b"short").unwrap();
    let input = json!({ "repositoryName": "app", "layerDigest": digest });
    for _ in 0..2 {
        let refused = s.aws("GetDownloadUrlForLayer", input.clone()).await;
        let told = refused.fails("LayerInaccessibleException");
        assert!(told["message"].as_str().unwrap().contains("damaged"));
        assert_eq!(available(&s, &digest).await, "UNAVAILABLE");
    }
    upload(&s, &image.layers[0]).await;
    assert_eq!(available(&s, &digest).await, "AVAILABLE");
    let url = download_url(&s, &digest).await;
    let got = s.call("GET", &url).anonymous().send().await.expect(200);
    assert_eq!(got.body, image.layers[0]);
}

#[tokio::test]
async fn parts_belong_to_a_repository() {
    // The documents are those of the repository, so that they go with it.
    let s = TestServer::new().await;
    let id = begin(&s).await;
    send(&s, &id, 0, b"x").await.ok();
    let found = s
        .store()
        .meta()
        .read(|tx| tx.all_documents::<UploadParts>(None, 2));
    let found = found.await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].owner, Owner::Repository(_)));
    assert_eq!(found[0].name, id);
    complete(&s, &id, &Digest::sha256(b"x")).await.ok();
}
