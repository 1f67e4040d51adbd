//! Tags and repositories, page by page.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use wharf_testkit::{Image, Reply, TestServer};

/// The path of the next page, if there is one.
pub(super) fn next(reply: &Reply) -> Option<String> {
    let link = reply.headers.get("link")?.to_str().ok()?;
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    assert!(target.starts_with("/v2/"), "a relative Link: {link}");
    Some(target.to_owned())
}

/// Follows `Link` to the end.
pub(super) async fn walk(s: &TestServer, first: &str, member: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), Some(first.to_owned()));
    while let Some(at) = path {
        let page = s.call("GET", &at).send().await.expect(200);
        let entries = page.json()[member].clone();
        let entries = entries.as_array().into_iter().flatten();
        pages.push(
            entries
                .filter_map(|e| e.as_str().map(str::to_owned))
                .collect(),
        );
        path = next(&page);
        assert!(pages.len() < 1000, "pages without end");
    }
    pages
}

async fn tag(s: &TestServer, names: &[String]) -> Image {
    let image = Image::new("tagged");
    image.push_blobs(s, "app").await;
    for names in names.chunks(20) {
        let query: Vec<_> = names.iter().map(|name| format!("tag={name}")).collect();
        let target = format!("{}?{}", image.digest, query.join("&"));
        image.put(s, "app", &target).await.expect(201);
    }
    image
}

async fn tags(s: &TestServer, query: &str) -> Reply {
    s.call("GET", &format!("/v2/app/tags/list{query}"))
        .send()
        .await
}

#[tokio::test]
async fn r34_a_number_that_is_none_is_400_and_a_huge_one_is_clamped() {
    let s = TestServer::new().await;
    let names: Vec<_> = (0..1005).map(|i| format!("t{i:04}")).collect();
    // An image has at most a thousand tags.
    tag(&s, &names[..900]).await;
    let other = Image::new("other");
    other.push_blobs(&s, "app").await;
    for names in names[900..].chunks(20) {
        let query: Vec<_> = names.iter().map(|name| format!("tag={name}")).collect();
        let target = format!("{}?{}", other.digest, query.join("&"));
        other.put(&s, "app", &target).await.expect(201);
    }
    let before = s.state().await;
    for path in ["/v2/app/tags/list", "/v2/_catalog"] {
        for n in [
            "-1", "abc", "1.5", "%2B1", "9e99", "0x10", "1%00", "%D9%A1", "", "1,2",
        ] {
            let refused = s.call("GET", &format!("{path}?n={n}")).send().await;
            refused.fails(400, "PAGINATION_NUMBER_INVALID");
        }
    }
    for n in ["1000000000", "18446744073709551616", "1001"] {
        let page = tags(&s, &format!("?n={n}")).await.expect(200);
        let listed = page.json()["tags"].as_array().map_or(0, Vec::len);
        assert_eq!(listed, 1000, "{n}");
        assert!(next(&page).is_some(), "{n}");
    }
    assert_eq!(walk(&s, "/v2/app/tags/list", "tags").await.concat(), names);
    assert_eq!(s.state().await, before);
}

// "If n is 0, the registry MUST return an empty list and MUST NOT include a Link".
#[tokio::test]
async fn r34_n_0_is_an_empty_list_without_a_link() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let page = tags(&s, "?n=0").await.expect(200);
    assert_eq!(page.json(), json!({ "name": "app", "tags": [] }));
    assert!(page.headers.get("link").is_none(), "{page:?}");
    let page = s.call("GET", "/v2/_catalog?n=0").send().await.expect(200);
    assert_eq!(page.json(), json!({ "repositories": [] }));
    assert!(page.headers.get("link").is_none(), "{page:?}");
    let page = tags(&s, "?n=0&last=a").await.expect(200);
    assert_eq!(page.json()["tags"], json!([]));
}

#[tokio::test]
async fn r34_last_need_not_exist_and_is_only_compared() {
    let s = TestServer::new().await;
    let names = ["A", "B.1", "a", "a-b", "a.b", "a_b", "b", "b0"].map(str::to_owned);
    tag(&s, &names).await;
    let listed = walk(&s, "/v2/app/tags/list?n=3", "tags").await;
    assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
    assert_eq!(listed.concat(), names, "ASCII order");
    let before = s.state().await;
    for last in [
        "",
        "0",
        "A",
        "AA",
        "a",
        "a.a",
        "b0",
        "zzz",
        "~",
        "%00",
        "%27%20OR%201=1%20--",
        "%25",
        "%22;DROP%20TABLE%20tag;",
        "..%2f..%2f",
        "%ff%fe",
        "%F0%9F%90%B3",
    ] {
        let text = last
            .replace("%00", "\0")
            .replace("%27", "'")
            .replace("%25", "%");
        let text = text
            .replace("%22", "\"")
            .replace("%ff", "\u{fffd}")
            .replace("%F0", "\u{1f433}");
        let after: Vec<_> = names.iter().filter(|name| **name > text).collect();
        let page = tags(&s, &format!("?last={last}")).await.expect(200);
        assert_eq!(page.json()["tags"], json!(after), "{last}");
        assert!(page.headers.get("link").is_none(), "{page:?}");
        let page = s.call("GET", &format!("/v2/_catalog?last={last}"));
        page.send().await.expect(200);
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn a_page_that_ends_with_the_list_has_no_link() {
    let s = TestServer::new().await;
    let names: Vec<_> = (0..6).map(|i| format!("t{i}")).collect();
    tag(&s, &names).await;
    for (n, sizes) in [
        (1, &[1, 1, 1, 1, 1, 1][..]),
        (4, &[4, 2]),
        (3, &[3, 3]),
        (6, &[6]),
        (7, &[6]),
    ] {
        let pages = walk(&s, &format!("/v2/app/tags/list?n={n}"), "tags").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pages.concat(), names);
    }
    let empty = Image::new("empty");
    s.create("empty").await;
    empty.push_blobs(&s, "empty").await;
    let page = s.call("GET", "/v2/empty/tags/list").send().await;
    assert_eq!(
        page.expect(200).json(),
        json!({ "name": "empty", "tags": [] })
    );
    let page = s.call("GET", "/v2/absent/tags/list").send().await;
    page.fails(404, "NAME_UNKNOWN");
}

/// Tags and untags again and again until it is told to stop.
async fn churn(s: &TestServer, image: &Image, stop: &AtomicBool) {
    for round in 0..10_000 {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let tag = format!("s{:03}-churn", (round * 37) % 120);
        image.put(s, "app", &tag).await.expect(201);
        let tag = format!("s{:03}-churn", (round * 53) % 120);
        let deleted = s.call("DELETE", &format!("/v2/app/manifests/{tag}"));
        let status = deleted.send().await.status.as_u16();
        assert!([202, 404].contains(&status), "{status}");
    }
}

#[tokio::test]
async fn r35_a_walk_while_tags_come_and_go_has_each_lasting_tag_once() {
    let s = Arc::new(TestServer::new().await);
    let names: Vec<_> = (0..120).map(|i| format!("s{i:03}")).collect();
    let image = tag(&s, &names).await;
    let stop = Arc::new(AtomicBool::new(false));
    let churning = {
        let (s, stop) = (Arc::clone(&s), Arc::clone(&stop));
        tokio::spawn(async move { churn(&s, &image, &stop).await })
    };
    for n in [1, 2, 7, 50] {
        let path = format!("/v2/app/tags/list?n={n}");
        let listed = walk(&s, &path, "tags").await.concat();
        assert!(listed.is_sorted_by(|a, b| a < b), "a tag twice: {listed:?}");
        let lasting: Vec<_> = listed
            .into_iter()
            .filter(|t| !t.ends_with("churn"))
            .collect();
        assert_eq!(lasting, names);
    }
    stop.store(true, Ordering::Relaxed);
    churning.await.unwrap();
}

#[tokio::test]
async fn the_catalog_is_walked_page_by_page_and_is_ones_own() {
    let s = TestServer::new().await;
    let mut names: Vec<_> = (0..24)
        .map(|i| format!("team-{}/app{i:02}", i % 3))
        .collect();
    for name in &names {
        s.create(name).await;
    }
    names.push("app".into());
    names.sort();
    let (key, region) = ("111122223333", "us-east-1");
    let theirs = json!({ "repositoryName": "theirs" });
    s.aws_as(key, region, "CreateRepository", theirs).await.ok();
    for n in [1, 10, 25, 1000] {
        let pages = walk(&s, &format!("/v2/_catalog?n={n}"), "repositories").await;
        assert_eq!(pages.len(), 25_usize.div_ceil(n));
        assert_eq!(pages.concat(), names);
    }
    let after = s.call("GET", "/v2/_catalog?last=team-0/zzz").send().await;
    let after = after.expect(200).json();
    assert_eq!(after["repositories"], json!(names[9..]));
    let password = s.password_of(key, region).await;
    let theirs = s
        .call("GET", "/v2/_catalog")
        .password(&password)
        .send()
        .await;
    assert_eq!(
        theirs.expect(200).json(),
        json!({ "repositories": ["theirs"] })
    );
}
