//! Upload sessions: whose they are, how long they live, and what two requests do to one.
use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use wharf_testkit::{Call, TestServer};
use wharf_types::Digest;

use super::{assert_blob, bytes, range};

/// Every request that goes on with a session.
fn all<'s>(s: &'s TestServer, location: &str, digest: &Digest) -> [Call<'s>; 4] {
    [
        s.call("GET", location),
        s.call("PATCH", location).body("more"),
        s.call("PUT", &format!("{location}?digest={digest}")),
        s.call("DELETE", location),
    ]
}

async fn assert_unknown(s: &TestServer, location: &str) {
    for call in all(s, location, &Digest::sha256(b"")) {
        call.send().await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn r29_an_unknown_session_is_404() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for id in [
        "01234567-89ab-4cde-8f01-23456789abcd",
        "00000000-0000-0000-0000-000000000000",
        "garbage",
        "1",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "'%20OR%201=1--",
        &"a".repeat(1000),
    ] {
        assert_unknown(&s, &format!("/v2/app/blobs/uploads/{id}")).await;
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r29_a_completed_or_cancelled_session_is_404() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    let end = format!("{location}?digest={}", Digest::sha256(b"done"));
    s.call("PUT", &end).body("done").send().await.expect(201);
    assert_unknown(&s, &location).await;
    s.call("PUT", &end)
        .body("done")
        .send()
        .await
        .fails(404, "BLOB_UPLOAD_UNKNOWN");
    assert_blob(&s, "app", b"done").await;
    for size in [0, 1000, 3_000_000] {
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(bytes(size))
            .send()
            .await
            .expect(202);
        s.call("DELETE", &location).send().await.expect(204);
        assert_unknown(&s, &location).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn r29_an_expired_session_is_404_and_its_bytes_are_gone() {
    let mut s = TestServer::new().await;
    let old = s.begin("app").await;
    s.call("PATCH", &old)
        .body(bytes(200_000))
        .send()
        .await
        .expect(202);
    s.advance(Duration::from_hours(23));
    s.login().await;
    s.collect_garbage().await;
    assert_eq!(range(&s, &old).await, "0-199999", "a day is not over");
    // Going on with a session keeps it.
    let kept = s.begin("app").await;
    s.call("PATCH", &kept).body("kept").send().await.expect(202);
    s.advance(Duration::from_hours(2));
    s.collect_garbage().await;
    assert_unknown(&s, &old).await;
    assert_eq!(range(&s, &kept).await, "0-3");
    s.call("DELETE", &kept).send().await.expect(204);
    s.assert_tidy().await;
}

#[tokio::test]
async fn r29_the_sessions_of_a_deleted_repository_end_with_it() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(bytes(200_000))
        .send()
        .await
        .expect(202);
    let app = serde_json::json!({ "repositoryName": "app" });
    s.aws("DeleteRepository", app).await.ok();
    for call in all(&s, &location, &Digest::sha256(b"")) {
        call.send().await.fails(404, "NAME_UNKNOWN");
    }
    s.create("app").await;
    assert_unknown(&s, &location).await;
    s.assert_tidy().await;
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let mut s = TestServer::new().await;
    for size in [1000, 200_000, 3_000_000] {
        let content = bytes(size);
        let (first, rest) = content.split_at(size / 2 + 1);
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(first.to_vec())
            .send()
            .await
            .expect(202);
        s.restart().await;
        assert_eq!(range(&s, &location).await, format!("0-{}", first.len() - 1));
        let patch = s.call("PATCH", &location).body(rest.to_vec());
        let header = format!("{}-{}", first.len(), size - 1);
        patch
            .header("content-range", &header)
            .send()
            .await
            .expect(202);
        s.restart().await;
        let end = format!("{location}?digest={}", Digest::sha256(&content));
        s.call("PUT", &end).send().await.expect(201);
        assert_blob(&s, "app", &content).await;
    }
    s.assert_tidy().await;
}

// Quay CVE-2026-32589 and three more: a session was everybody's who knew its name.
#[tokio::test]
async fn a_session_is_unknown_to_other_repositories_and_principals() {
    let s = TestServer::new().await;
    s.create("other").await;
    let region = "us-east-1";
    let account = s.aws_as(
        "111122223333",
        region,
        "CreateRepository",
        serde_json::json!({ "repositoryName": "app" }),
    );
    account.await.ok();
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body("mine ")
        .send()
        .await
        .expect(202);
    let before = s.state().await;
    let elsewhere = location.replace("/app/", "/other/");
    assert_unknown(&s, &elsewhere).await;
    for key in ["AKIAIOSFODNN7EXAMPLE", "111122223333"] {
        let password = s.password_of(key, region).await;
        for call in all(&s, &location, &Digest::sha256(b"mine ")) {
            let refused = call.password(&password).send().await;
            refused.fails(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
    assert_eq!(s.state().await, before);
    s.call("PATCH", &location)
        .body("alone")
        .send()
        .await
        .expect(202);
    let end = format!("{location}?digest={}", Digest::sha256(b"mine alone"));
    s.call("PUT", &end).send().await.expect(201);
    assert_blob(&s, "app", b"mine alone").await;
}

// A principal is who it is with every password that it gets.
#[tokio::test]
async fn a_session_goes_on_with_a_new_password_of_the_same_principal() {
    let mut s = TestServer::new().await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body("one ")
        .send()
        .await
        .expect(202);
    s.advance(Duration::from_hours(13));
    s.call("GET", &location).send().await.fails(403, "DENIED");
    s.login().await;
    s.call("PATCH", &location)
        .body("two")
        .send()
        .await
        .expect(202);
    let end = format!("{location}?digest={}", Digest::sha256(b"one two"));
    s.call("PUT", &end).send().await.expect(201);
}

#[tokio::test]
async fn r30_of_two_requests_to_a_session_one_is_416_and_nothing_is_mixed() {
    let s = TestServer::new().await;
    for size in [1000, 3_000_000] {
        let content = bytes(size);
        let (first, rest) = content.split_at(size / 2);
        let location = s.begin("app").await;
        let length = format!("Content-Length: {size}");
        let mut slow = s.hold("PATCH", &location, &[&length]).await;
        slow.write(first).await;
        let end = format!("{location}?digest={}", Digest::sha256(b"x"));
        let range = format!("0-{}", size - 1);
        for call in [
            s.call("PATCH", &location).body("intruder"),
            s.call("PATCH", &location)
                .header("content-range", &range)
                .body(content.clone()),
            s.call("PUT", &end).body("x"),
            s.call("DELETE", &location),
        ] {
            let refused = call.send().await;
            assert!([409, 416].contains(&refused.status.as_u16()), "{refused:?}");
        }
        slow.write(rest).await;
        slow.answer().await.expect(202);
        assert_eq!(super::range(&s, &location).await, range);
        let end = format!("{location}?digest={}", Digest::sha256(&content));
        s.call("PUT", &end).send().await.expect(201);
        assert_blob(&s, "app", &content).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn r30_equal_chunks_sent_at_once_are_taken_once() {
    let s = TestServer::new().await;
    let content = bytes(500_000);
    for _ in 0..10 {
        let location = s.begin("app").await;
        let send = || {
            let patch = s
                .call("PATCH", &location)
                .header("content-range", "0-499999");
            patch.body(content.clone()).send()
        };
        let (one, two, three, four) = tokio::join!(send(), send(), send(), send());
        let mut statuses = [one, two, three, four].map(|reply| reply.status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 416, 416, 416]);
        let end = format!("{location}?digest={}", Digest::sha256(&content));
        s.call("PUT", &end).send().await.expect(201);
    }
    assert_blob(&s, "app", &content).await;
    s.assert_tidy().await;
}

// Without a Content-Range each chunk goes to the end, and its answer says where that was then.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r30_chunks_that_were_taken_at_once_are_all_there() {
    const SIZE: usize = 1000;
    let s = Arc::new(TestServer::new().await);
    for _ in 0..20 {
        let location = s.begin("app").await;
        let mut clients = JoinSet::new();
        for letter in b'a'..b'i' {
            let (s, location) = (Arc::clone(&s), location.clone());
            clients.spawn(async move {
                let chunk = vec![letter; SIZE];
                let patch = s.call("PATCH", &location).body(chunk.clone());
                let reply = patch.send().await;
                (
                    reply.status.as_u16(),
                    reply.header("range").to_owned(),
                    chunk,
                )
            });
        }
        let replies = clients.join_all().await;
        assert!(
            replies
                .iter()
                .all(|(status, ..)| [202, 416].contains(status))
        );
        let taken = replies.into_iter().filter(|(status, ..)| *status == 202);
        let mut taken: Vec<_> = taken.map(|(_, range, chunk)| (range, chunk)).collect();
        taken.sort_by_key(|(range, _)| (range.len(), range.clone()));
        for (i, (range, _)) in taken.iter().enumerate() {
            assert_eq!(*range, format!("0-{}", (i + 1) * SIZE - 1));
        }
        let content: Vec<u8> = taken.into_iter().flat_map(|(_, chunk)| chunk).collect();
        let end = format!("{location}?digest={}", Digest::sha256(&content));
        s.call("PUT", &end).send().await.expect(201);
        assert_blob(&s, "app", &content).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn q7_a_thousand_sessions_are_the_most_and_idle_ones_make_room() {
    let s = TestServer::new().await;
    let first = s.begin("app").await;
    for _ in 1..1000 {
        s.begin("app").await;
    }
    let refused = s.call("POST", "/v2/app/blobs/uploads/").send().await;
    let refused = refused.fails(429, "TOOMANYREQUESTS");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=600).contains(&seconds), "{seconds}");
    let whole = format!("/v2/app/blobs/uploads/?digest={}", Digest::sha256(b"x"));
    s.call("POST", &whole)
        .body("x")
        .send()
        .await
        .fails(429, "TOOMANYREQUESTS");
    // Those that are under way go on, and one that ends makes room.
    let end = format!("{first}?digest={}", Digest::sha256(b"first"));
    s.call("PUT", &end).body("first").send().await.expect(201);
    let last = s.begin("app").await;
    s.call("POST", "/v2/app/blobs/uploads/")
        .send()
        .await
        .expect(429);
    // So does one that nobody touches.
    s.advance(Duration::from_mins(61));
    s.call("PATCH", &last).body("busy").send().await.expect(202);
    let new = s.begin("app").await;
    assert_eq!(range(&s, &last).await, "0-3");
    assert_eq!(range(&s, &new).await, "0-0");
}

// A layer may take longer than the hour after which a session counts as idle.
#[tokio::test]
async fn q7_a_session_that_is_being_sent_to_is_not_evicted() {
    let s = TestServer::new().await;
    let content = bytes(200_000);
    let location = s.begin("app").await;
    let mut slow = s
        .hold("PATCH", &location, &["Content-Length: 200000"])
        .await;
    slow.write(&content[..150_000]).await;
    for _ in 1..1000 {
        s.begin("app").await;
    }
    s.advance(Duration::from_mins(61));
    s.begin("app").await;
    slow.write(&content[150_000..]).await;
    slow.answer().await.expect(202);
    let end = format!("{location}?digest={}", Digest::sha256(&content));
    s.call("PUT", &end).send().await.expect(201);
    assert_blob(&s, "app", &content).await;
}
