//! Repositories, accounts and regions do not see each other's bytes, except where a mount says so.
use serde_json::json;
use wharf_testkit::{Reply, TestServer};
use wharf_types::Digest;

use super::{ABSENT, assert_blob, bytes};

async fn mount(s: &TestServer, into: &str, query: &str) -> Reply {
    s.call("POST", &format!("/v2/{into}/blobs/uploads/?{query}"))
        .send()
        .await
}

async fn status(s: &TestServer, method: &str, repo: &str, digest: &Digest) -> u16 {
    let call = s.call(method, &format!("/v2/{repo}/blobs/{digest}"));
    call.send().await.status.as_u16()
}

#[tokio::test]
async fn a_blob_is_only_where_it_was_pushed() {
    let s = TestServer::new().await;
    s.create("other").await;
    for size in [1000, 200_000] {
        let digest = s.push_blob("app", &bytes(size)).await;
        let before = s.state().await;
        for method in ["HEAD", "GET", "DELETE"] {
            assert_eq!(status(&s, method, "other", &digest).await, 404, "{method}");
        }
        assert_eq!(s.state().await, before, "asking leaves no trace");
    }
}

// zot #4363, CVE-2026-35172: a deleted blob came back because another repository still had it.
#[tokio::test]
async fn a_deleted_blob_stays_deleted_although_another_repository_has_it() {
    let s = TestServer::new().await;
    s.create("other").await;
    for size in [1000, 200_000] {
        let content = bytes(size);
        let digest = s.push_blob("app", &content).await;
        s.push_blob("other", &content).await;
        assert_eq!(status(&s, "DELETE", "app", &digest).await, 202);
        for _ in 0..100 {
            assert_eq!(status(&s, "HEAD", "app", &digest).await, 404);
            assert_eq!(status(&s, "HEAD", "other", &digest).await, 200);
            assert_eq!(status(&s, "GET", "app", &digest).await, 404);
        }
        s.collect_garbage().await;
        assert_blob(&s, "other", &content).await;
        assert_eq!(status(&s, "DELETE", "app", &digest).await, 404);
    }
}

// A mount is for any blob that is readable in the same account and region, as ECR has it.
#[tokio::test]
async fn a_mount_is_201_with_the_source_without_it_and_with_a_wrong_one() {
    let s = TestServer::new().await;
    for size in [1000, 200_000] {
        let content = bytes(size);
        let digest = s.push_blob("app", &content).await;
        for (i, from) in [
            "&from=app",
            "",
            "&from=absent",
            "&from=",
            "&from=..%2f..",
            "&from=App",
        ]
        .iter()
        .enumerate()
        {
            let into = format!("into{i}-{size}");
            s.create(&into).await;
            let mounted = mount(&s, &into, &format!("mount={digest}{from}"))
                .await
                .expect(201);
            assert_eq!(mounted.header("docker-content-digest"), digest.as_str());
            let location = format!("/v2/{into}/blobs/{digest}");
            assert_eq!(mounted.header("location"), location);
            assert_blob(&s, &into, &content).await;
        }
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn a_mount_outlives_its_source() {
    let s = TestServer::new().await;
    s.create("other").await;
    let content = bytes(200_000);
    let digest = s.push_blob("app", &content).await;
    mount(&s, "other", &format!("mount={digest}&from=app"))
        .await
        .expect(201);
    let app = json!({ "repositoryName": "app", "force": true });
    s.aws("DeleteRepository", app).await.ok();
    s.collect_garbage().await;
    assert_blob(&s, "other", &content).await;
}

#[tokio::test]
async fn a_mount_of_what_is_not_there_begins_an_upload() {
    let s = TestServer::new().await;
    let content = bytes(1000);
    let digest = Digest::sha256(&content);
    for query in [
        format!("mount={digest}&from=app"),
        format!("mount={digest}"),
    ] {
        let begun = mount(&s, "app", &query).await.expect(202);
        assert!(begun.headers.get("docker-content-digest").is_none());
        let end = format!("{}?digest={digest}", begun.header("location"));
        s.call("PUT", &end)
            .body(content.clone())
            .send()
            .await
            .expect(201);
        assert_blob(&s, "app", &content).await;
        assert_eq!(status(&s, "DELETE", "app", &digest).await, 202);
    }
    s.assert_tidy().await;
}

// zot CVE-2024-39897: a mount copied bytes that its caller could not read.
#[tokio::test]
async fn another_account_or_region_is_not_mounted_from() {
    let s = TestServer::new().await;
    let content = bytes(1000);
    let digest = s.push_blob("app", &content).await;
    for (key, region) in [("111122223333", "us-east-1"), ("test", "eu-west-1")] {
        let theirs = json!({ "repositoryName": "theirs" });
        s.aws_as(key, region, "CreateRepository", theirs).await.ok();
        let password = s.password_of(key, region).await;
        let mut answers = Vec::new();
        for (mount, from) in [
            (digest.as_str(), "&from=app"),
            (digest.as_str(), ""),
            (ABSENT, "&from=app"),
        ] {
            let path = format!("/v2/theirs/blobs/uploads/?mount={mount}{from}");
            let begun = s.call("POST", &path).password(&password).send().await;
            let begun = begun.expect(202);
            let names: Vec<_> = begun.headers.keys().map(ToString::to_string).collect();
            answers.push((names, begun.header("range").to_owned(), begun.body));
        }
        assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
        for path in [
            format!("/v2/theirs/blobs/{digest}"),
            format!("/v2/app/blobs/{digest}"),
        ] {
            let head = s.call("HEAD", &path).password(&password).send().await;
            head.expect(404);
        }
    }
}
