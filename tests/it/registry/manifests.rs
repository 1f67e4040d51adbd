//! Manifests pushed by tag and by digest.
use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::{Algorithm, Digest};

use super::{ABSENT, put};

async fn tags(s: &TestServer) -> Vec<String> {
    let list = s.call("GET", "/v2/app/tags/list").send().await;
    let list = list.expect(200).json();
    let tags = list["tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| tag.as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn r15_a_manifest_under_another_digest_is_400_digest_invalid() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let other = Image::with("other", json!({ "annotations": { "a": "b" } }));
    other.push_blobs(&s, "app").await;
    let before = s.state().await;
    let sha512 = Digest::of(Algorithm::Sha512, b"other");
    for digest in [ABSENT, image.digest.as_str(), sha512.as_str()] {
        other
            .put(&s, "app", digest)
            .await
            .fails(400, "DIGEST_INVALID");
        let tagged = format!("{digest}?tag=v1");
        other
            .put(&s, "app", &tagged)
            .await
            .fails(400, "DIGEST_INVALID");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r16_the_same_manifest_again_is_201_and_changes_nothing() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let before = s.state().await;
    for reference in ["v1", image.digest.as_str()] {
        let again = image.put(&s, "app", reference).await.expect(201);
        assert_eq!(again.header("docker-content-digest"), image.digest.as_str());
    }
    assert_eq!(s.state().await, before);
}

// ECR: the same image under an immutable tag is refused like any other.
#[tokio::test]
async fn r16_the_same_manifest_under_an_immutable_tag_is_400() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let immutable = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    s.aws("PutImageTagMutability", immutable).await.ok();
    let other = Image::new("other");
    other.push_blobs(&s, "app").await;
    let before = s.state().await;
    for image in [&image, &other] {
        image.put(&s, "app", "v1").await.fails(400, "TAG_INVALID");
        let tagged = format!("{}?tag=new&tag=v1", image.digest);
        image
            .put(&s, "app", &tagged)
            .await
            .fails(400, "TAG_INVALID");
    }
    assert_eq!(s.state().await, before, "all tags of a push or none");
    image
        .put(&s, "app", image.digest.as_str())
        .await
        .expect(201);
    other.put(&s, "app", "v2").await.expect(201);
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn r17_ten_tags_are_set_at_once_and_each_is_said() {
    let s = TestServer::new().await;
    let image = Image::new("r17");
    image.push_blobs(&s, "app").await;
    for count in [1, 10, 11] {
        let names: Vec<String> = (0..count).map(|i| format!("of{count}-{i:02}")).collect();
        let query = names.iter().map(|name| format!("tag={name}"));
        let query = query.collect::<Vec<_>>().join("&");
        let target = format!("{}?{query}", image.digest);
        let put = image.put(&s, "app", &target).await.expect(201);
        let said = put.headers.get_all("oci-tag");
        let said: Vec<_> = said.iter().filter_map(|tag| tag.to_str().ok()).collect();
        let said = said.join(",").replace(' ', "");
        assert_eq!(said.split(',').collect::<Vec<_>>(), names);
        for name in &names {
            image.assert_pulls(&s, "app", name).await;
        }
    }
}

#[tokio::test]
async fn r17_too_many_tags_are_414_or_400_and_none_is_set() {
    let s = TestServer::new().await;
    let image = Image::new("r17");
    image.push_blobs(&s, "app").await;
    let before = s.state().await;
    for count in [101, 300, 5000] {
        let query: Vec<String> = (0..count).map(|i| format!("tag=t{i}")).collect();
        let target = format!("{}?{}", image.digest, query.join("&"));
        let refused = image.put(&s, "app", &target).await;
        assert!(
            [400, 414].contains(&refused.status.as_u16()),
            "{count}: {refused:?}"
        );
    }
    for query in ["tag=ok&tag=.bad", "tag=ok&tag=", "tag=ok&tag=a/b"] {
        let target = format!("{}?{query}", image.digest);
        let refused = image.put(&s, "app", &target).await;
        refused.fails(400, "TAG_INVALID");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r18_a_subject_that_is_not_there_yet_is_201_and_said() {
    let s = TestServer::new().await;
    let image = Image::new("later");
    let subject = json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() });
    let attestation = Image::with("attestation", json!({ "subject": subject }));
    attestation.push_blobs(&s, "app").await;
    for reference in ["attestation", attestation.digest.as_str()] {
        let put = attestation.put(&s, "app", reference).await.expect(201);
        assert_eq!(put.header("oci-subject"), image.digest.as_str());
    }
    let path = format!("/v2/app/referrers/{}", image.digest);
    let listed = s.call("GET", &path).send().await.expect(200).json();
    assert_eq!(
        listed["manifests"][0]["digest"],
        attestation.digest.as_str()
    );
    image.push(&s, "app", "later").await;
    assert_eq!(s.call("GET", &path).send().await.expect(200).json(), listed);
}

#[tokio::test]
async fn a_manifest_without_a_subject_is_answered_without_oci_subject() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let put = image.put(&s, "app", "v2").await.expect(201);
    assert!(put.headers.get("oci-subject").is_none(), "{put:?}");
    assert!(put.headers.get("oci-tag").is_none(), "{put:?}");
    let location = put.header("location");
    assert!(location.starts_with('/'), "{location}");
    assert_eq!(
        s.call("GET", location).send().await.expect(200).body,
        image.manifest
    );
}

// "deleting a manifest by digest also kills tags pointing to it", and a tag alone is only untagged.
#[tokio::test]
async fn deleting_a_tag_untags_and_deleting_a_digest_deletes() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    for tag in ["v2", "v3"] {
        image.put(&s, "app", tag).await.expect(201);
    }
    s.call("DELETE", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(202);
    s.call("DELETE", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    assert_eq!(tags(&s).await, ["v2", "v3"]);
    let path = format!("/v2/app/manifests/{}", image.digest);
    s.call("DELETE", &path).send().await.expect(202);
    assert!(tags(&s).await.is_empty());
    s.call("DELETE", &path)
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    for path in [&path, "/v2/app/manifests/v2"] {
        s.call("HEAD", path).send().await.expect(404);
        s.call("GET", path)
            .send()
            .await
            .fails(404, "MANIFEST_UNKNOWN");
    }
}

#[tokio::test]
async fn a_manifest_that_nobody_knows_the_type_of_is_kept_as_it_is() {
    let s = TestServer::new().await;
    let document = "{\n\t\"unknown\": [1, 2.50, {}],  \"x\": \"\\u00e4\" }\n";
    let media_type = "application/vnd.example.thing.v3+json";
    put(&s, "odd", media_type, document).await.expect(201);
    let got = s
        .call("GET", "/v2/app/manifests/odd")
        .send()
        .await
        .expect(200);
    assert_eq!(got.body, document);
    assert_eq!(got.header("content-type"), media_type);
}

// The document does not say what it is, so the last push does.
#[tokio::test]
async fn a_manifest_pushed_under_a_wrong_type_is_put_right_by_pushing_it_again() {
    let s = TestServer::new().await;
    let body = r#"{"schemaVersion":2,"hello":"world"}"#;
    for media_type in ["application/vnd.wrong+json", "application/vnd.right+json"] {
        let put = s.call("PUT", "/v2/app/manifests/t");
        let put = put.header("content-type", media_type).body(body);
        put.send().await.expect(201);
        let got = s
            .call("GET", "/v2/app/manifests/t")
            .send()
            .await
            .expect(200);
        assert_eq!(got.header("content-type"), media_type);
        assert_eq!(
            got.header("content-security-policy"),
            "sandbox; default-src 'none'"
        );
    }
}
