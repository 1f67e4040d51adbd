//! P11: an immutable tag holds on every path of both doors (reliability: A22).
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer};

/// Every way to make a tag name an image.
const WAYS: [&str; 4] = [
    "tag PUT",
    "digest PUT with ?tag=",
    "PutImage",
    "PutImage by digest",
];

/// What became of an attempt, in the words of the door that was used.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Moved,
    Refused,
    Same,
}

async fn try_to_tag(s: &TestServer, way: &str, image: &Image, tag: &str) -> Outcome {
    let text = format!(
        "The image tag '{tag}' already exists in the 'app' repository and cannot be overwritten because the repository is immutable."
    );
    let reference = match way {
        "tag PUT" => tag.to_owned(),
        "digest PUT with ?tag=" => format!("{}?tag={tag}", image.digest),
        _ => {
            let mut input = json!({ "repositoryName": "app", "imageManifest": image.manifest, "imageTag": tag });
            if way == "PutImage by digest" {
                input["imageDigest"] = json!(image.digest);
            }
            let reply = s.aws("PutImage", input).await;
            if reply.status == 200 {
                return Outcome::Moved;
            }
            if reply.body["__type"] == "ImageAlreadyExistsException" {
                return Outcome::Same;
            }
            assert_eq!(
                reply.fails("ImageTagAlreadyExistsException")["message"],
                text
            );
            return Outcome::Refused;
        }
    };
    let reply = image.put(s, "app", &reference).await;
    if reply.status == 201 {
        return Outcome::Moved;
    }
    assert_eq!(reply.fails(400, "TAG_INVALID").message(), text);
    Outcome::Refused
}

async fn set(s: &TestServer, mode: &str, filters: &[&str]) {
    let filters: Vec<Value> = filters
        .iter()
        .map(|f| json!({ "filterType": "WILDCARD", "filter": f }))
        .collect();
    let mut input = json!({ "repositoryName": "app", "imageTagMutability": mode });
    if !filters.is_empty() {
        input["imageTagMutabilityExclusionFilters"] = json!(filters);
    }
    let mut expected = input.clone();
    expected["registryId"] = json!("000000000000");
    assert_eq!(s.aws("PutImageTagMutability", input).await.ok(), expected);
}

async fn tagged(s: &TestServer, tag: &str) -> String {
    let head = s
        .call("HEAD", &format!("/v2/app/manifests/{tag}"))
        .send()
        .await
        .expect(200);
    head.header("docker-content-digest").to_owned()
}

/// Moves `tag` to another image in every way under a mode, and back under `MUTABLE`.
async fn expect(mode: &str, filters: &[&str], tag: &str, expected: Outcome) {
    let s = TestServer::new().await;
    let (first, second) = (Image::new("first"), Image::new("second"));
    first.push_blobs(&s, "app").await;
    second.push_blobs(&s, "app").await;
    for way in WAYS {
        set(&s, "MUTABLE", &[]).await;
        first.put(&s, "app", tag).await.expect(201);
        set(&s, mode, filters).await;
        let outcome = try_to_tag(&s, way, &second, tag).await;
        assert_eq!(outcome, expected, "{way}, {mode} {filters:?}, {tag}");
        let named = if outcome == Outcome::Moved {
            &second
        } else {
            &first
        };
        assert_eq!(tagged(&s, tag).await, named.digest.as_str(), "{way}");
    }
}

#[tokio::test]
async fn a22_immutable_tags_do_not_move() {
    expect("MUTABLE", &[], "v1", Outcome::Moved).await;
    expect("IMMUTABLE", &[], "v1", Outcome::Refused).await;
}

#[tokio::test]
async fn a22_exclusions_turn_the_mode_round() {
    let dev = ["dev-*", "*-rc*", "latest"];
    for tag in ["dev-1", "dev-", "1.0-rc2", "latest"] {
        expect("IMMUTABLE_WITH_EXCLUSION", &dev, tag, Outcome::Moved).await;
        expect("MUTABLE_WITH_EXCLUSION", &dev, tag, Outcome::Refused).await;
    }
    for tag in ["v1", "xdev-1", "latest2"] {
        expect("IMMUTABLE_WITH_EXCLUSION", &dev, tag, Outcome::Refused).await;
        expect("MUTABLE_WITH_EXCLUSION", &dev, tag, Outcome::Moved).await;
    }
}

#[tokio::test]
async fn a22_the_same_digest_again_is_refused_too_and_changes_nothing() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    set(&s, "IMMUTABLE", &[]).await;
    let before = s.state().await;
    for way in WAYS {
        let outcome = try_to_tag(&s, way, &image, "v1").await;
        assert_eq!(outcome, Outcome::Refused, "{way}");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn a22_one_immutable_tag_of_many_refuses_the_whole_push() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let other = Image::new("other");
    other.push_blobs(&s, "app").await;
    set(&s, "IMMUTABLE", &[]).await;
    let before = s.state().await;
    let reference = format!("{}?tag=new1&tag=v1&tag=new2", other.digest);
    other
        .put(&s, "app", &reference)
        .await
        .fails(400, "TAG_INVALID");
    assert_eq!(s.state().await, before);
    // A tag that is not there yet can be set, and an image can be pushed without one.
    other.put(&s, "app", "v2").await.expect(201);
    other
        .put(&s, "app", other.digest.as_str())
        .await
        .expect(201);
}

/// Tags four images at once, each in another way.
async fn race(s: &TestServer, images: &[Image]) -> Vec<Outcome> {
    let one = |i: usize| try_to_tag(s, WAYS[i], &images[i], "v1");
    let all = tokio::join!(one(0), one(1), one(2), one(3));
    vec![all.0, all.1, all.2, all.3]
}

#[tokio::test]
async fn a22_of_pushes_at_once_to_an_immutable_tag_one_wins() {
    let s = TestServer::new().await;
    set(&s, "IMMUTABLE", &[]).await;
    let images: Vec<Image> = (0..8).map(|i| Image::new(&format!("racer {i}"))).collect();
    for image in &images {
        image.push_blobs(&s, "app").await;
    }
    let (first, second) = tokio::join!(race(&s, &images[..4]), race(&s, &images[4..]));
    let racers = [first, second].concat();
    assert_eq!(
        racers.iter().filter(|o| **o == Outcome::Moved).count(),
        1,
        "{racers:?}"
    );
    let winner = racers.iter().position(|o| *o == Outcome::Moved).unwrap();
    assert_eq!(tagged(&s, "v1").await, images[winner].digest.as_str());
}

#[tokio::test]
async fn deleting_is_not_overwriting() {
    // ECR lets an immutable tag be deleted, and then set anew.
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    set(&s, "IMMUTABLE", &[]).await;
    let ids = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    let deleted = s.aws("BatchDeleteImage", ids).await.ok();
    assert_eq!(deleted["failures"], json!([]));
    let other = Image::new("other");
    other.push(&s, "app", "v1").await;
    assert_eq!(tagged(&s, "v1").await, other.digest.as_str());
}
