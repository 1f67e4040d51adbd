//! Replication to another running server.
use std::time::Duration;

use serde_json::{Value, json};
use wharf::config::{Endpoint, Secret};
use wharf_testkit::{Image, Process, TestServer, eventually};
use wharf_upstream::push::Origin;

use super::replicating::{At, EU, HOME, backfilled, start};

fn endpoint(url: &str, account: &str) -> Endpoint {
    Endpoint {
        account: None,
        region: EU.1.parse().unwrap(),
        origin: Origin::secure(url).unwrap(),
        ca_pem: None,
        access_key_id: account.into(),
        secret_access_key: Secret::new("secret".into()),
    }
}

/// A server and, for the region EU, another one.
async fn two() -> (TestServer, TestServer) {
    let there = TestServer::new().await;
    let url = there.url();
    let here = TestServer::with(|config| config.replication = vec![endpoint(&url, EU.0)]).await;
    HOME.replicates(&here, &[&EU], &[]).await;
    (here, there)
}

/// Moves the clock until nothing of an image is in progress.
async fn settled(s: &TestServer, image: &Image) -> Vec<String> {
    eventually("the replication has an outcome", async || {
        s.advance(Duration::from_mins(1));
        let found = HOME.statuses(s, "app", &image.digest).await;
        let open = found.iter().any(|line| line.contains("IN_PROGRESS"));
        (!open).then_some(found)
    })
    .await
}

const COMPLETE: &str = "000000000000/eu-west-1 COMPLETE";

#[tokio::test]
async fn images_and_indexes_come_to_another_server_and_stay_there() {
    let (s, there) = two().await;
    // The other one has a rule of its own, which is not for replicas.
    EU.replicates(&there, &[&HOME, &At("111111111111", "eu-west-1")], &[])
        .await;
    let large = Image::of(
        "large",
        vec![vec![1; 3_000_000], b"small".to_vec(), Vec::new()],
    );
    large.push(&s, "app", "large").await;
    assert_eq!(settled(&s, &large).await, [COMPLETE]);
    let child = Image::new("child");
    child.push(&s, "app", child.digest.as_str()).await;
    let index = Image::index(&[&child, &large]);
    index.push(&s, "app", "multi").await;
    index.put(&s, "app", "again").await.expect(201);
    assert_eq!(settled(&s, &index).await, [COMPLETE]);
    for (reference, image) in [("large", &large), ("multi", &index), ("again", &index)] {
        let digest = EU.names(&there, "app", reference).await;
        assert_eq!(digest.unwrap(), image.digest.as_str());
        assert!(EU.statuses(&there, "app", &image.digest).await.is_empty());
        assert_eq!(HOME.names(&there, "app", reference).await, None);
        assert_eq!(EU.names(&s, "app", reference).await, None);
    }
    assert!(
        EU.names(&there, "app", child.digest.as_str())
            .await
            .is_some()
    );
    assert!(there.store().check(true).await.unwrap().is_empty());
    there.assert_tidy().await;
}

#[tokio::test]
async fn a_tag_that_is_immutable_there_fails_and_is_no_trouble_twice() {
    let (s, there) = two().await;
    let input = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    EU.aws(&there, "CreateRepository", input).await;
    let first = s.push("app", "v1").await;
    assert_eq!(settled(&s, &first).await, [COMPLETE]);
    first.put(&s, "app", "v2").await.expect(201);
    assert_eq!(settled(&s, &first).await, [COMPLETE]);
    let second = Image::new("second");
    second.push(&s, "app", "v1").await;
    let failed = "000000000000/eu-west-1 FAILED ImageTagAlreadyExists";
    assert_eq!(settled(&s, &second).await, [failed]);
    assert_eq!(
        EU.names(&there, "app", "v1").await.unwrap(),
        first.digest.as_str()
    );
}

#[tokio::test]
async fn credentials_of_another_account_are_refused_as_such() {
    let there = TestServer::new().await;
    let url = there.url();
    let s = TestServer::with(|c| c.replication = vec![endpoint(&url, "111111111111")]).await;
    HOME.replicates(&s, &[&EU], &[]).await;
    let image = s.push("app", "v1").await;
    let failed = "000000000000/eu-west-1 FAILED DestinationRegistryMismatch";
    assert_eq!(settled(&s, &image).await, [failed]);
}

#[tokio::test]
async fn what_is_pushed_while_the_other_server_is_away_arrives_when_it_is_back() {
    let (mut s, mut there) = two().await;
    let address = there.address();
    there.stop().await;
    let image = s.push("app", "v1").await;
    // A destination on this server does not wait for the one that is away.
    HOME.replicates(&s, &[&EU, &At("000000000000", "us-west-2")], &[])
        .await;
    let other = s.push("app", "v2").await;
    eventually("the replica on this server", async || {
        let found = HOME.statuses(&s, "app", &other.digest).await;
        found
            .contains(&"000000000000/us-west-2 COMPLETE".to_owned())
            .then_some(())
    })
    .await;
    s.advance(Duration::from_secs(10));
    s.restart().await;
    s.login().await;
    let open = "000000000000/eu-west-1 IN_PROGRESS";
    assert_eq!(HOME.statuses(&s, "app", &image.digest).await, [open]);
    there
        .start_with(|config| config.listen = vec![address])
        .await
        .unwrap();
    assert_eq!(settled(&s, &image).await, [COMPLETE]);
    let arrived = EU.names(&there, "app", "v1").await;
    assert_eq!(arrived.unwrap(), image.digest.as_str());
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up() {
    let (s, mut there) = two().await;
    there.stop().await;
    let image = s.push("app", "v1").await;
    let failed = "000000000000/eu-west-1 FAILED DestinationUnavailable";
    let begun = s.now();
    assert_eq!(
        eventually("it is given up", async || {
            s.advance(Duration::from_mins(10));
            let found = HOME.statuses(&s, "app", &image.digest).await;
            (!found[0].ends_with("IN_PROGRESS")).then_some(found)
        })
        .await,
        [failed]
    );
    assert!(s.now().since(begun) > Duration::from_hours(1));
}

#[tokio::test]
async fn a_stopped_backfill_ends_once_what_is_under_way_has_ended() {
    let mut s = TestServer::new().await;
    let base = Image::new("base");
    base.push_blobs(&s, "app").await;
    for i in 0..40 {
        let image = Image::with("base", json!({ "annotations": { "i": i.to_string() } }));
        image.put(&s, "app", &format!("v{i}")).await.expect(201);
    }
    let mut there = TestServer::new().await;
    let (address, url) = (there.address(), there.url());
    there.stop().await;
    s.stop().await;
    s.start_with(|c| c.replication = vec![endpoint(&url, EU.0)])
        .await
        .unwrap();
    HOME.replicates(&s, &[&EU], &[]).await;
    let id = start(&s, &EU).await;
    let describe = json!({ "replicationBackfillId": id });
    let status = async || {
        let found = HOME
            .aws(&s, "DescribeReplicationBackfillResults", describe.clone())
            .await;
        found["status"].as_str().unwrap().to_owned()
    };
    eventually("the backfill is under way", async || {
        (status().await == "IN_PROGRESS").then_some(())
    })
    .await;
    // One is under way: no other for the region.
    let again = json!({ "destination": EU.destination() });
    s.aws("StartReplicationBackfill", again)
        .await
        .fails("ReplicationBackfillInProgressException");
    // Whichever window it has begun ends.
    let stopped = HOME
        .aws(&s, "StopReplicationBackfill", describe.clone())
        .await;
    let stopping = stopped["status"].as_str().unwrap();
    assert!(["STOPPING", "STOPPED"].contains(&stopping), "{stopping}");
    if stopping == "STOPPING" {
        s.aws("StopReplicationBackfill", describe.clone())
            .await
            .fails("ReplicationBackfillInvalidStatusException");
        assert_eq!(status().await, "STOPPING");
    }
    there
        .start_with(|config| config.listen = vec![address])
        .await
        .unwrap();
    let done = eventually("the backfill stops", async || {
        s.advance(Duration::from_mins(1));
        let found = HOME
            .aws(&s, "DescribeReplicationBackfillResults", describe.clone())
            .await;
        found["endedAt"].is_number().then_some(found)
    })
    .await;
    assert_eq!(done["status"], "STOPPED");
    let count = |name: &str| done["progress"][name].as_u64().unwrap();
    assert_eq!(count("totalReplicationCount"), 40);
    assert!(count("completedReplicationCount") < 40);
    assert_eq!(
        done["results"].as_array().unwrap().len() as u64,
        count("completedReplicationCount") + count("failedReplicationCount")
    );
    // Another one brings the rest.
    let id = start(&s, &EU).await;
    let done = backfilled(&s, &id, json!({})).await;
    assert_eq!(done["progress"]["completedReplicationCount"], 40);
    assert!(EU.names(&there, "app", "v39").await.is_some());
}

#[tokio::test]
async fn ten_backfills_of_a_registry_may_be_in_progress() {
    let mut there = TestServer::new().await;
    let url = there.url();
    there.stop().await;
    let regions: Vec<String> = (0..11).map(|i| format!("eu-west-{i}")).collect();
    let s = TestServer::with(|config| {
        let of = |region: &String| Endpoint {
            region: region.parse().unwrap(),
            ..endpoint(&url, EU.0)
        };
        config.replication = regions.iter().map(of).collect();
    })
    .await;
    s.push("app", "v1").await;
    let to = |region: &String| json!({ "region": region, "registryId": EU.0 });
    let rule = json!({ "destinations": regions.iter().map(to).collect::<Vec<_>>() });
    let rules = json!({ "replicationConfiguration": { "rules": [rule] } });
    HOME.aws(&s, "PutReplicationConfiguration", rules).await;
    let mut ids = Vec::new();
    for region in &regions[..10] {
        let input = json!({ "destination": to(region) });
        let started = HOME.aws(&s, "StartReplicationBackfill", input).await;
        ids.push(started["replicationBackfillId"].clone());
    }
    let eleventh = json!({ "destination": to(&regions[10]) });
    s.aws("StartReplicationBackfill", eleventh.clone())
        .await
        .fails("LimitExceededException");
    let listed = HOME.aws(&s, "ListReplicationBackfills", json!({})).await;
    let listed = listed["backfills"].as_array().unwrap();
    let mut found: Vec<&Value> = listed.iter().map(|b| &b["replicationBackfillId"]).collect();
    let mut ids: Vec<&Value> = ids.iter().collect();
    found.sort_by_key(ToString::to_string);
    ids.sort_by_key(ToString::to_string);
    assert_eq!(found, ids);
    let done = eventually("they have their outcomes", async || {
        s.advance(Duration::from_mins(10));
        let listed = HOME.aws(&s, "ListReplicationBackfills", json!({})).await;
        let all = listed["backfills"].as_array().unwrap().clone();
        all.iter()
            .all(|backfill| backfill["status"] == "COMPLETE")
            .then_some(all)
    })
    .await;
    for backfill in done {
        let codes = json!(["DestinationUnavailable"]);
        assert_eq!(backfill["progress"]["failureCodes"], codes);
        assert_eq!(backfill["progress"]["failedReplicationCount"], 1);
    }
    HOME.aws(&s, "StartReplicationBackfill", eleventh).await;
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_killed_server_goes_on_where_it_was() {
    let mut there = TestServer::new().await;
    let (address, url) = (there.address(), there.url());
    there.stop().await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    write_private(
        &data.join("wharf.toml"),
        &format!(
            "[[replication.endpoint]]\nregion = \"{}\"\nurl = \"{url}\"\naccess-key-id = \"{}\"\nsecret-access-key = \"s\"\n",
            EU.1, EU.0
        ),
    );
    let s = Process::serve(&data, &["--listen", "127.0.0.1:0"]).await;
    let base = Image::new("base");
    base.push_blobs(&s, "app").await;
    for i in 0..30 {
        let image = Image::with("base", json!({ "annotations": { "i": i.to_string() } }));
        image.put(&s, "app", &format!("v{i}")).await.expect(201);
    }
    HOME.replicates(&s, &[&EU], &[]).await;
    let pushed = s.push("app", "pushed").await;
    let id = start(&s, &EU).await;
    // It is under way, and cannot end before there is a server to replicate to.
    let asked = json!({ "replicationBackfillId": id });
    eventually("the backfill is under way", async || {
        let found = HOME
            .aws(&s, "DescribeReplicationBackfillResults", asked.clone())
            .await;
        (found["status"] == "IN_PROGRESS").then_some(())
    })
    .await;
    s.kill().await;
    there
        .start_with(|config| config.listen = vec![address])
        .await
        .unwrap();
    let s = Process::serve(&data, &["--listen", "127.0.0.1:0"]).await;
    assert_eq!(HOME.settled(&s, "app", &pushed.digest).await, [COMPLETE]);
    let done: Value = backfilled(&s, &id, json!({})).await;
    assert_eq!(done["status"], "COMPLETE");
    assert_eq!(done["progress"]["totalReplicationCount"], 31);
    assert_eq!(done["progress"]["completedReplicationCount"], 31);
    s.stop().await;
    assert!(there.store().check(true).await.unwrap().is_empty());
}
