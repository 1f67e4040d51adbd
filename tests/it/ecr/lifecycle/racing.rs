//! Policies applied at scale, while others write.
use serde_json::json;
use wharf_storage::Error;
use wharf_testkit::TestServer;

use super::{DAY, any, fill, images, lifecycle, more_than, put, rule, since, untagged};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_images_expire_while_others_write() {
    let s = TestServer::new().await;
    fill(&s, "app", 10_000).await;
    s.advance(DAY * 2);
    put(&s, "app", &[rule(1, &any(), &since("Pushed", 1), "expire")]).await;
    let mut writes = 0;
    let command = lifecycle(&s, &[], 0);
    tokio::pin!(command);
    let said = loop {
        let tag = json!({ "resourceArn": "arn:aws:ecr:us-east-1:000000000000:repository/app",
                          "tags": [{ "Key": "k", "Value": writes.to_string() }] });
        tokio::select! {
            said = &mut command => break said,
            answer = s.aws("TagResource", tag) => answer.ok(),
        };
        writes += 1;
    };
    assert!(
        said.ends_with("Expired 10000 and archived 0 images by the policies of 1 repositories.\n")
    );
    assert_eq!(images(&s, "app").await.len(), 0);
    // They came in between the chunks.
    assert!(writes >= 10, "{writes}");
}

// X13: whoever tags an image while policies are applied keeps it, or is told that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn x13_an_image_that_is_tagged_meanwhile_is_not_taken() {
    let s = TestServer::new().await;
    let digests = fill(&s, "app", 3000).await;
    s.advance(DAY * 2);
    put(
        &s,
        "app",
        &[rule(1, &untagged(), &since("Pushed", 1), "expire")],
    )
    .await;
    let tagging = async {
        let mut kept = Vec::new();
        // From the end: these are planned to go last.
        for (n, digest) in digests.iter().rev().enumerate().take(200) {
            let (digest, tag) = (digest.clone(), format!("t{n}").parse().unwrap());
            let there = s.store().meta().write(move |tx| {
                let there = tx.manifest_size(1, &digest)?.is_some();
                if there {
                    tx.put_tag(1, &tag, &digest)?;
                }
                Ok::<_, Error>(there.then(|| digest.to_string()))
            });
            kept.extend(there.await.unwrap());
        }
        kept
    };
    let (said, kept) = tokio::join!(lifecycle(&s, &[], 0), tagging);
    let left = images(&s, "app").await;
    assert!(kept.iter().all(|digest| left.contains(digest)), "{said}");
    assert_eq!(left.len(), kept.len());
}

#[tokio::test]
async fn a_policy_that_is_replaced_meanwhile_takes_nothing_more() {
    let s = TestServer::new().await;
    fill(&s, "app", 5000).await;
    s.advance(DAY * 2);
    put(&s, "app", &[rule(1, &any(), &since("Pushed", 1), "expire")]).await;
    let replacing = async {
        while images(&s, "app").await.len() == 5000 {
            tokio::task::yield_now().await;
        }
        s.aws("DeleteLifecyclePolicy", json!({ "repositoryName": "app" }))
            .await
            .ok();
        images(&s, "app").await.len()
    };
    let (said, then) = tokio::join!(lifecycle(&s, &[], 0), replacing);
    assert_eq!(images(&s, "app").await.len(), then, "{said}");
}

#[tokio::test]
async fn e10_catastrophic_patterns_come_to_an_end() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    for n in 0..200 {
        let tag = format!("{}{n}", "a".repeat(120));
        image.put(&s, "app", &tag).await.expect(201);
    }
    let nasty: Vec<String> = (0..250)
        .map(|n| format!("*{}*{}*a*b{n}", "a".repeat(40), "a".repeat(40)))
        .collect();
    let many = json!({ "tagStatus": "tagged", "tagPatternList": nasty });
    let long = json!({ "tagStatus": "tagged", "tagPatternList": ["a".repeat(4000)] });
    put(
        &s,
        "app",
        &[
            rule(1, &many, &more_than(1), "expire"),
            rule(2, &long, &more_than(1), "expire"),
        ],
    )
    .await;
    // It ends at all.
    let said = lifecycle(&s, &[], 0).await;
    assert!(said.starts_with("Expired 0 and archived 0 "), "{said}");
}
