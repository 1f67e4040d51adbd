//! Replication between registries of one server.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, eventually};
use wharf_types::{Digest, media};

mod backfills;

/// Where an account is in a region, as a key of that account sees it.
pub(super) struct At(pub(super) &'static str, pub(super) &'static str);

pub(super) const HOME: At = At("000000000000", "us-east-1");

pub(super) const EU: At = At("000000000000", "eu-west-1");

const OTHER: At = At("111111111111", "us-east-1");

impl At {
    pub(super) fn destination(&self) -> Value {
        json!({ "registryId": self.0, "region": self.1 })
    }

    pub(super) async fn aws(&self, s: &TestServer, operation: &str, input: Value) -> Value {
        s.aws_as(self.0, self.1, operation, input).await.ok()
    }

    /// Replicates to these places what begins with one of the prefixes.
    pub(super) async fn replicates(&self, s: &TestServer, to: &[&Self], prefixes: &[&str]) {
        let filter = |p: &&str| json!({ "filter": p, "filterType": "PREFIX_MATCH" });
        let mut rule =
            json!({ "destinations": to.iter().map(|at| at.destination()).collect::<Vec<_>>() });
        if !prefixes.is_empty() {
            rule["repositoryFilters"] = prefixes.iter().map(filter).collect();
        }
        let configuration = json!({ "replicationConfiguration": { "rules": [rule] } });
        self.aws(s, "PutReplicationConfiguration", configuration)
            .await;
    }

    /// What a tag or digest names here.
    pub(super) async fn names(
        &self,
        s: &TestServer,
        repo: &str,
        reference: &str,
    ) -> Option<String> {
        let password = s.password_of(self.0, self.1).await;
        let reply = s
            .call("GET", &format!("/v2/{repo}/manifests/{reference}"))
            .password(&password)
            .send()
            .await;
        (reply.status == 200).then(|| reply.header("docker-content-digest").to_owned())
    }

    /// The statuses of an image's replicas: `region status code`.
    pub(super) async fn statuses(
        &self,
        s: &TestServer,
        repo: &str,
        digest: &Digest,
    ) -> Vec<String> {
        let input = json!({ "repositoryName": repo, "imageId": { "imageDigest": digest } });
        let reply = self.aws(s, "DescribeImageReplicationStatus", input).await;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let list = reply["replicationStatuses"].as_array().unwrap();
        list.iter()
            .map(|r| {
                let line = format!(
                    "{}/{} {} {}",
                    text(&r["registryId"]),
                    text(&r["region"]),
                    text(&r["status"]),
                    text(&r["failureCode"])
                );
                line.trim_end().to_owned()
            })
            .collect()
    }

    /// Waits until no replication of an image is in progress.
    pub(super) async fn settled(&self, s: &TestServer, repo: &str, digest: &Digest) -> Vec<String> {
        eventually("the replications have an outcome", async || {
            let found = self.statuses(s, repo, digest).await;
            let done = !found.iter().any(|line| line.contains("IN_PROGRESS"));
            done.then_some(found)
        })
        .await
    }
}

const TO_EU: &str = "000000000000/eu-west-1 COMPLETE";

async fn put_image(s: &TestServer, repo: &str, tag: &str, image: &Image) {
    image.push_blobs(s, repo).await;
    let input = json!({ "repositoryName": repo, "imageManifest": image.manifest, "imageTag": tag });
    s.aws("PutImage", input).await.ok();
}

#[tokio::test]
async fn pushes_by_both_doors_come_to_another_region_and_another_account() {
    let s = TestServer::new().await;
    let old = s.push("app", "old").await;
    HOME.replicates(&s, &[&EU, &OTHER], &[]).await;
    s.advance(Duration::from_mins(1));
    let one = s.push("app", "one").await;
    let two = Image::of("two", vec![vec![7; 100_000], b"small".to_vec()]);
    put_image(&s, "app", "two", &two).await;
    for (image, tag) in [(&one, "one"), (&two, "two")] {
        let complete = [TO_EU, "111111111111/us-east-1 COMPLETE"];
        assert_eq!(HOME.settled(&s, "app", &image.digest).await, complete);
        for at in [EU, OTHER] {
            let digest = at.names(&s, "app", tag).await.unwrap();
            assert_eq!(digest, image.digest.as_str());
            let password = s.password_of(at.0, at.1).await;
            for layer in image.layers.iter().chain([&image.config]) {
                let path = format!("/v2/app/blobs/{}", Digest::sha256(layer));
                let got = s.call("GET", &path).password(&password).send().await;
                assert_eq!(got.expect(200).body, *layer);
            }
        }
    }
    // Only what is pushed under the rules is replicated.
    assert_eq!(EU.names(&s, "app", "old").await, None);
    assert!(HOME.statuses(&s, "app", &old.digest).await.is_empty());
    // A replica is as old as itself, and its repository has the settings of a new one.
    let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "one" }] });
    let there = EU.aws(&s, "DescribeImages", input).await;
    let pushed = there["imageDetails"][0]["imagePushedAt"].as_f64().unwrap();
    assert!((pushed - s.now().as_secs_f64()).abs() < 1.0);
    s.assert_tidy().await;
    assert!(s.store().check(true).await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_published_by_replicating_it_to_where_public_repositories_are() {
    let s = TestServer::new().await;
    let rule = json!({ "destinations": [{ "registryId": HOME.0, "region": "us-east-1/public" }] });
    let configuration = json!({ "replicationConfiguration": { "rules": [rule] } });
    s.aws("PutReplicationConfiguration", configuration)
        .await
        .fails("InvalidParameterException");
    s.create("secret").await;
    s.push("secret", "v1").await;
    let path = format!("/v2/public.ecr.aws/w{}/secret/manifests/v1", HOME.0);
    let stranger = s.call("GET", &path).anonymous().send().await;
    stranger.fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_moved_tag_moves_there_too_and_filters_are_prefixes() {
    let s = TestServer::new().await;
    for repo in ["prod/web", "dev/prod"] {
        s.create(repo).await;
    }
    HOME.replicates(&s, &[&EU], &["prod", "shop"]).await;
    let first = s.push("prod/web", "latest").await;
    let other = s.push("dev/prod", "latest").await;
    assert_eq!(HOME.settled(&s, "prod/web", &first.digest).await, [TO_EU]);
    assert!(
        HOME.statuses(&s, "dev/prod", &other.digest)
            .await
            .is_empty()
    );
    assert_eq!(EU.names(&s, "dev/prod", "latest").await, None);
    let second = Image::new("second");
    second.push(&s, "prod/web", "latest").await;
    assert_eq!(HOME.settled(&s, "prod/web", &second.digest).await, [TO_EU]);
    let latest = EU.names(&s, "prod/web", "latest").await.unwrap();
    assert_eq!(latest, second.digest.as_str());
    // A new tag of an old image is a push too.
    second.put(&s, "prod/web", "v2").await.expect(201);
    HOME.settled(&s, "prod/web", &second.digest).await;
    assert!(EU.names(&s, "prod/web", "v2").await.is_some());
}

#[tokio::test]
async fn an_index_arrives_after_its_children_even_those_pushed_before_the_rule() {
    let s = TestServer::new().await;
    let (a, b) = (Image::new("amd64"), Image::new("arm64"));
    for child in [&a, &b] {
        child.push(&s, "app", child.digest.as_str()).await;
    }
    let inner = Image::index(&[&a]);
    inner.push(&s, "app", inner.digest.as_str()).await;
    HOME.replicates(&s, &[&EU], &[]).await;
    let index = Image::index(&[&inner, &b, &a]);
    index.push(&s, "app", "multi").await;
    assert_eq!(HOME.settled(&s, "app", &index.digest).await, [TO_EU]);
    for reference in [
        "multi",
        inner.digest.as_str(),
        a.digest.as_str(),
        b.digest.as_str(),
    ] {
        assert!(
            EU.names(&s, "app", reference).await.is_some(),
            "{reference}"
        );
    }
    assert_eq!(index.media_type, media::OCI_INDEX);
    assert!(s.store().check(true).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_immutable_tag_at_the_destination_stays_and_the_replication_fails() {
    let s = TestServer::new().await;
    HOME.replicates(&s, &[&EU], &[]).await;
    let first = s.push("app", "v1").await;
    assert_eq!(HOME.settled(&s, "app", &first.digest).await, [TO_EU]);
    let input = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    EU.aws(&s, "PutImageTagMutability", input).await;
    let second = Image::new("second");
    second.push(&s, "app", "v1").await;
    let failed = "000000000000/eu-west-1 FAILED ImageTagAlreadyExists";
    assert_eq!(HOME.settled(&s, "app", &second.digest).await, [failed]);
    assert_eq!(
        EU.names(&s, "app", "v1").await.unwrap(),
        first.digest.as_str()
    );
    assert_eq!(EU.names(&s, "app", second.digest.as_str()).await, None);
    // What else the image is called arrives; the status still tells of the tag that did not.
    second.put(&s, "app", "v2").await.expect(201);
    assert_eq!(HOME.settled(&s, "app", &second.digest).await, [failed]);
    assert_eq!(
        EU.names(&s, "app", "v2").await.unwrap(),
        second.digest.as_str()
    );
}

#[tokio::test]
async fn rules_of_two_registries_for_each_other_do_not_loop_and_do_not_chain() {
    let s = TestServer::new().await;
    HOME.replicates(&s, &[&EU], &[]).await;
    EU.replicates(&s, &[&HOME, &OTHER], &[]).await;
    let there = s.push("app", "there").await;
    assert_eq!(HOME.settled(&s, "app", &there.digest).await, [TO_EU]);
    assert!(EU.statuses(&s, "app", &there.digest).await.is_empty());
    assert_eq!(OTHER.names(&s, "app", "there").await, None);
    // An image that is pushed to the second one comes back to the first, and stays there.
    let input =
        json!({ "repositoryName": "app", "imageManifest": there.manifest, "imageTag": "back" });
    EU.aws(&s, "PutImage", input).await;
    let complete = [
        "000000000000/us-east-1 COMPLETE",
        "111111111111/us-east-1 COMPLETE",
    ];
    assert_eq!(EU.settled(&s, "app", &there.digest).await, complete);
    assert!(HOME.names(&s, "app", "back").await.is_some());
    assert_eq!(HOME.settled(&s, "app", &there.digest).await, [TO_EU]);
}

#[tokio::test]
async fn deletions_are_not_replicated() {
    let s = TestServer::new().await;
    HOME.replicates(&s, &[&EU], &[]).await;
    let image = s.push("app", "v1").await;
    HOME.settled(&s, "app", &image.digest).await;
    let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    s.aws("BatchDeleteImage", input).await.ok();
    let input = json!({ "repositoryName": "app", "force": true });
    s.aws("DeleteRepository", input).await.ok();
    s.push_after_all().await;
    assert_eq!(
        EU.names(&s, "app", "v1").await.unwrap(),
        image.digest.as_str()
    );
    s.collect_garbage().await;
    assert!(s.store().check(true).await.unwrap().is_empty());
}

trait After {
    /// Pushes something else and waits until it is replicated: what was due before is done.
    async fn push_after_all(&self);
}

impl After for TestServer {
    async fn push_after_all(&self) {
        self.create("after").await;
        let image = self.push("after", "all").await;
        HOME.settled(self, "after", &image.digest).await;
    }
}

#[tokio::test]
async fn jobs_survive_a_restart_between_the_push_and_the_worker() {
    let mut s = TestServer::new().await;
    HOME.replicates(&s, &[&EU], &[]).await;
    let mut images = Vec::new();
    for tag in ["a", "b", "c", "d"] {
        images.push(s.push("app", tag).await);
    }
    s.restart().await;
    for image in &images {
        assert_eq!(HOME.settled(&s, "app", &image.digest).await, [TO_EU]);
    }
    for tag in ["a", "b", "c", "d"] {
        assert!(EU.names(&s, "app", tag).await.is_some());
    }
}

/// Waits until a backfill is at its end, and describes it.
pub(super) async fn backfilled(s: &TestServer, id: &str, input: Value) -> Value {
    let mut input = input;
    input["replicationBackfillId"] = json!(id);
    eventually("the backfill ends", async || {
        let found = HOME
            .aws(s, "DescribeReplicationBackfillResults", input.clone())
            .await;
        found["endedAt"].is_number().then_some(found)
    })
    .await
}

pub(super) async fn start(s: &TestServer, to: &At) -> String {
    let input = json!({ "destination": to.destination() });
    let started = HOME.aws(s, "StartReplicationBackfill", input).await;
    assert_eq!(started["status"], "PREPARING");
    assert_eq!(started["destination"], to.destination());
    started["replicationBackfillId"]
        .as_str()
        .unwrap()
        .to_owned()
}
