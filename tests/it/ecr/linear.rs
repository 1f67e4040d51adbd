//! E13: both doors at the same tag at once have one history, as if one request came after the other.
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;
use wharf_testkit::{Image, TestServer};

const WRITERS: usize = 4;
const READERS: usize = 4;
const WRITES: usize = 25;

/// Something that was done to the tag, and when it began and ended.
#[derive(Clone, Debug)]
struct Done {
    begun: Instant,
    ended: Instant,
    digest: String,
}

impl Done {
    fn before(&self, other: &Self) -> bool {
        self.ended < other.begun
    }
}

/// Moves the tag to an image, by one of the doors.
async fn write(s: &TestServer, image: &Image, door: usize) {
    if door.is_multiple_of(2) {
        image.put(s, "app", "moving").await.expect(201);
    } else {
        let input = json!({ "repositoryName": "app", "imageManifest": image.manifest, "imageTag": "moving" });
        s.aws("PutImage", input).await.ok();
    }
}

/// What the tag names, by one of four ways to ask.
async fn read(s: &TestServer, way: usize) -> String {
    let ids = json!([{ "imageTag": "moving" }]);
    let input = json!({ "repositoryName": "app", "imageIds": ids });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match way % 4 {
        0 => {
            let got = s.call("HEAD", "/v2/app/manifests/moving").send().await;
            got.expect(200).header("docker-content-digest").to_owned()
        }
        1 => {
            let got = s.call("GET", "/v2/app/manifests/moving").send().await;
            wharf_types::Digest::sha256(&got.expect(200).body).to_string()
        }
        2 => text(&s.aws("DescribeImages", input).await.ok()["imageDetails"][0]["imageDigest"]),
        _ => text(&s.aws("BatchGetImage", input).await.ok()["images"][0]["imageId"]["imageDigest"]),
    }
}

async fn timed(work: impl Future<Output = String>) -> Done {
    let begun = Instant::now();
    let digest = work.await;
    Done {
        begun,
        ended: Instant::now(),
        digest,
    }
}

/// Every image is written once, so a history is one of a register if and only if no read returns
/// what was not yet written, or what another write had surely replaced, and no two reads see two
/// writes in the wrong order.
fn check(writes: &[Done], reads: &[Done]) {
    let write_of = |read: &Done| writes.iter().find(|w| w.digest == read.digest).unwrap();
    for read in reads {
        let written = write_of(read);
        assert!(
            !read.before(written),
            "{read:?} was read before it was written"
        );
        let replaced = writes.iter().find(|w| written.before(w) && w.before(read));
        assert!(replaced.is_none(), "{read:?} is older than {replaced:?}");
        let later = reads.iter().filter(|later| read.before(later));
        for later in later.filter(|later| later.digest != read.digest) {
            let newer = write_of(later);
            assert!(!newer.before(written), "{later:?} after {read:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e13_both_doors_at_one_tag_have_a_single_history() {
    let s = Arc::new(TestServer::new().await);
    let first = s.push("app", "moving").await;
    let mut tasks = tokio::task::JoinSet::new();
    let start = Instant::now();
    for writer in 0..WRITERS {
        let s = Arc::clone(&s);
        tasks.spawn(async move {
            let mut done = Vec::new();
            for n in 0..WRITES {
                let mark = json!({ "annotations": { "n": format!("{writer}/{n}") } });
                let image = Image::with("app:moving", mark);
                done.push(
                    timed(async {
                        write(&s, &image, writer).await;
                        image.digest.to_string()
                    })
                    .await,
                );
            }
            (done, Vec::new())
        });
    }
    for reader in 0..READERS {
        let s = Arc::clone(&s);
        tasks.spawn(async move {
            let mut done = Vec::new();
            for n in 0..2 * WRITES {
                done.push(timed(read(&s, reader + n)).await);
            }
            (Vec::new(), done)
        });
    }
    let mut writes = vec![Done {
        begun: start,
        ended: start,
        digest: first.digest.to_string(),
    }];
    let mut reads = Vec::new();
    for (written, read) in tasks.join_all().await {
        writes.extend(written);
        reads.extend(read);
    }
    for way in 0..4 {
        reads.push(timed(read(&s, way)).await);
    }
    assert_eq!(writes.len(), 1 + WRITERS * WRITES);
    check(&writes, &reads);
    let listed = s
        .aws(
            "ListImages",
            json!({ "repositoryName": "app", "maxResults": 1000 }),
        )
        .await
        .ok();
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), writes.len());
}

#[tokio::test]
async fn e14_passwords_are_made_without_a_trace() {
    let s = TestServer::new().await;
    let wal = || std::fs::metadata(s.data_dir().join("wharf.db-wal")).unwrap();
    let before = (s.state().await, wal().len(), wal().modified().unwrap());
    for _ in 0..2000 {
        s.password_of("test", "us-east-1").await;
    }
    assert_eq!(
        before,
        (s.state().await, wal().len(), wal().modified().unwrap())
    );
}
