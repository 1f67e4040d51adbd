//! Lifecycle policies: applied on command and by the clock, previewed, at scale and in races.
use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use wharf_storage::{Error, NewManifest};
use wharf_testkit::{Process, TestServer};
use wharf_types::{Digest, Manifest, media};

mod applied;
mod previews;
mod racing;

const DAY: Duration = Duration::from_hours(24);

/// `wharf lifecycle run` on the directory of a server, running or not.
async fn lifecycle(s: &TestServer, args: &[&str], status: i32) -> String {
    let mut all = vec!["lifecycle", "run"];
    all.extend(args);
    all.extend(["--data-dir", s.data_dir().to_str().unwrap()]);
    let output = Process::run(&all).await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    said
}

fn rule(priority: u32, selection: &Value, count: &Value, action: &str) -> Value {
    let mut all = selection.clone();
    let members = all.as_object_mut().unwrap();
    members.extend(count.as_object().unwrap().clone());
    let action = match action {
        "archive" => json!({ "type": "transition", "targetStorageClass": "archive" }),
        other => json!({ "type": other }),
    };
    json!({ "rulePriority": priority, "description": "why there is such a rule", "selection": all, "action": action })
}

fn tagged(pattern: &str) -> Value {
    json!({ "tagStatus": "tagged", "tagPatternList": [pattern] })
}

fn untagged() -> Value {
    json!({ "tagStatus": "untagged" })
}

fn any() -> Value {
    json!({ "tagStatus": "any" })
}

fn more_than(n: u32) -> Value {
    json!({ "countType": "imageCountMoreThan", "countNumber": n })
}

fn since(what: &str, days: u32) -> Value {
    json!({ "countType": format!("sinceImage{what}"), "countUnit": "days", "countNumber": days })
}

fn text(rules: &[Value]) -> String {
    json!({ "rules": rules }).to_string()
}

async fn put(s: &TestServer, repo: &str, rules: &[Value]) {
    let input = json!({ "repositoryName": repo, "lifecyclePolicyText": text(rules) });
    s.aws("PutLifecyclePolicy", input).await.ok();
}

/// The digests of a repository's images.
async fn images(s: &TestServer, repo: &str) -> BTreeSet<String> {
    let (mut found, mut token) = (BTreeSet::new(), Value::Null);
    loop {
        let all = json!({ "imageStatus": "ANY" });
        let input = json!({ "repositoryName": repo, "filter": all, "maxResults": 1000, "nextToken": token });
        let page = s.aws("DescribeImages", input).await.ok();
        let details = page["imageDetails"].as_array().unwrap();
        found.extend(
            details
                .iter()
                .map(|d| d["imageDigest"].as_str().unwrap().to_owned()),
        );
        token = page["nextToken"].clone();
        if token.is_null() {
            return found;
        }
    }
}

/// Puts images without tags straight into a repository: their digests.
async fn fill(s: &TestServer, repo: &str, count: usize) -> Vec<Digest> {
    let name = repo.parse().unwrap();
    let registry = wharf_types::Registry {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    };
    let repository = s
        .store()
        .meta()
        .read(move |tx| tx.repository(&registry, &name))
        .await;
    let (id, now) = (repository.unwrap().unwrap().id, s.now());
    let config =
        json!({ "mediaType": media::OCI_CONFIG, "digest": Digest::sha256(b"{}"), "size": 2 });
    let manifests: Vec<Manifest<Vec<u8>>> = (0..count)
        .map(|n| {
            let manifest = json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config,
                                   "layers": [], "annotations": { "n": n.to_string() } });
            Manifest::parse(Some(media::OCI_MANIFEST), manifest.to_string().into_bytes()).unwrap()
        })
        .collect();
    let digests: Vec<Digest> = manifests.iter().map(|m| Digest::sha256(&m.bytes)).collect();
    let all = digests.clone();
    let filled = s.store().meta().write(move |tx| {
        for (manifest, digest) in manifests.iter().zip(&all) {
            tx.put_manifest(&NewManifest {
                repository: id,
                digest,
                manifest,
                now,
            })?;
        }
        Ok::<_, Error>(())
    });
    filled.await.unwrap();
    digests
}
