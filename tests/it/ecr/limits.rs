//! The limits in ECR's model, at and beyond them.
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer};
use wharf_types::Tag;

#[tokio::test]
async fn names_have_2_to_256_characters_of_ecrs_alphabet() {
    let s = TestServer::new().await;
    let longest = format!("{}/{}", "a".repeat(200), "b".repeat(55));
    for good in ["ab", "a-b", "a--b", "a__b", "a.b/c_d/0", longest.as_str()] {
        s.aws("CreateRepository", json!({ "repositoryName": good }))
            .await
            .ok();
    }
    let before = s.state().await;
    let message = |text: &str| {
        format!("Invalid parameter at 'repositoryName' failed to satisfy constraint: '{text}'")
    };
    for (bad, text) in [
        (json!(null), "Member must not be null".to_owned()),
        (
            json!(""),
            "Member must have length greater than or equal to 2".into(),
        ),
        (
            json!("a"),
            "Member must have length greater than or equal to 2".into(),
        ),
        (
            json!(format!("{longest}x")),
            "Member must have length less than or equal to 256".into(),
        ),
    ] {
        let made = s
            .aws("CreateRepository", json!({ "repositoryName": bad }))
            .await;
        assert_eq!(
            made.fails("InvalidParameterException")["message"],
            message(&text)
        );
    }
    for bad in [
        "App", "a b", "a/", "/a", "a//b", "-a", "a-", "a..b", "a___b", "ä1", "a:b", "a@b", "../x",
        "a\0b",
    ] {
        for operation in ["CreateRepository", "DeleteRepository", "ListImages"] {
            let failed = s.aws(operation, json!({ "repositoryName": bad })).await;
            let text = failed.fails("InvalidParameterException")["message"].clone();
            assert!(
                text.as_str()
                    .unwrap()
                    .contains("must satisfy regular expression"),
                "{bad}: {text}"
            );
        }
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn an_answer_of_more_manifests_than_the_limit_is_refused_as_one() {
    let s = TestServer::new().await;
    let mut ids = Vec::new();
    for i in 0..17 {
        let filled = json!({ "annotations": { "filled": "x".repeat(4 * 1024 * 1024 - 1000) } });
        let image = Image::with(&i.to_string(), filled);
        image.push(&s, "app", &format!("v{i}")).await;
        ids.push(json!({ "imageTag": format!("v{i}") }));
    }
    let get = |ids: &[Value]| {
        let input = json!({ "repositoryName": "app", "imageIds": ids });
        s.aws("BatchGetImage", input)
    };
    get(&ids).await.fails("LimitExceededException");
    let got = get(&ids[..15]).await.ok();
    assert_eq!(got["images"].as_array().unwrap().len(), 15);
}

#[tokio::test]
async fn e7_lists_of_ids_have_1_to_100_members() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let ids = |n: usize| vec![json!({ "imageTag": "v1" }); n];
    for operation in ["BatchGetImage", "DescribeImages", "BatchDeleteImage"] {
        for n in [0, 101] {
            let input = json!({ "repositoryName": "app", "imageIds": ids(n) });
            let failed = s
                .aws(operation, input)
                .await
                .fails("InvalidParameterException");
            let text = failed["message"].as_str().unwrap().to_owned();
            assert!(
                text.starts_with("Invalid parameter at 'imageIds'"),
                "{text}"
            );
        }
        let full = json!({ "repositoryName": "app", "imageIds": ids(100) });
        s.aws(operation, full).await.ok();
    }
    let missing = json!({ "repositoryName": "app" });
    for operation in ["BatchGetImage", "BatchDeleteImage"] {
        s.aws(operation, missing.clone())
            .await
            .fails("InvalidParameterException");
    }
    let types = json!({ "repositoryName": "app", "imageIds": ids(1), "acceptedMediaTypes": [] });
    s.aws("BatchGetImage", types)
        .await
        .fails("InvalidParameterException");
    for n in [0, 101] {
        let names = vec!["app"; n];
        let described = s
            .aws("DescribeRepositories", json!({ "repositoryNames": names }))
            .await;
        described.fails("InvalidParameterException");
    }
}

#[tokio::test]
async fn registry_ids_are_accounts_and_ten_at_most() {
    let s = TestServer::new().await;
    let ask = async |ids: Value| {
        s.aws("GetAuthorizationToken", json!({ "registryIds": ids }))
            .await
    };
    let two = ask(json!(["000000000000", "111122223333"])).await.ok();
    assert_eq!(two["authorizationData"].as_array().unwrap().len(), 2);
    for bad in [
        json!([]),
        json!(vec!["000000000000"; 11]),
        json!(["mine"]),
        json!(["1"]),
    ] {
        ask(bad).await.fails("InvalidParameterException");
    }
    let token = ask(Value::Null).await.ok();
    let data = &token["authorizationData"][0];
    let twelve_hours = 12.0 * 3600.0;
    assert_eq!(
        data["expiresAt"],
        json!(s.now().as_secs_f64() + twelve_hours)
    );
    assert_eq!(token["authorizationData"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_image_has_a_thousand_tags_at_most() {
    let s = TestServer::new().await;
    let image = s.push("app", "t0000").await;
    let (digest, registry) = (
        image.digest.clone(),
        wharf_types::Registry {
            account: "000000000000".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        },
    );
    let tagged = s.store().meta().write(move |tx| {
        let app = tx.repository(&registry, &"app".parse()?)?.unwrap();
        for i in 1..999 {
            tx.put_tag(app.id, &format!("t{i:04}").parse::<Tag>()?, &digest)?;
        }
        Ok::<_, wharf_storage::Error>(())
    });
    tagged.await.unwrap();
    image.put(&s, "app", "the-1000th").await.expect(201);
    let before = s.state().await;
    let text = format!(
        "The image with digest '{}' has reached the limit of 1000 tags",
        image.digest
    );
    let refused = image.put(&s, "app", "one-more").await.fails(403, "DENIED");
    assert_eq!(refused.message(), text);
    let by_digest = format!("{}?tag=one-more", image.digest);
    image.put(&s, "app", &by_digest).await.fails(403, "DENIED");
    let input =
        json!({ "repositoryName": "app", "imageManifest": image.manifest, "imageTag": "one-more" });
    let refused = s
        .aws("PutImage", input)
        .await
        .fails("LimitExceededException");
    assert_eq!(refused["message"], text);
    assert_eq!(s.state().await, before);
    // A tag that it has already is none too many, and neither is another image's.
    image.put(&s, "app", "t0000").await.expect(201);
    Image::new("other").push(&s, "app", "one-more").await;
}

#[tokio::test]
async fn a_manifest_has_4_mib_at_most() {
    let s = TestServer::new().await;
    let image = |padding: usize| {
        Image::with(
            "padded",
            json!({ "annotations": { "padding": "x".repeat(padding) } }),
        )
    };
    let largest = image(4 * 1024 * 1024 - image(0).manifest.len());
    assert_eq!(largest.manifest.len(), 4 * 1024 * 1024);
    largest.push_blobs(&s, "app").await;
    let put = async |image: &Image| {
        let input = json!({ "repositoryName": "app", "imageManifest": image.manifest });
        s.aws("PutImage", input).await
    };
    put(&largest).await.ok();
    largest
        .assert_pulls(&s, "app", largest.digest.as_str())
        .await;
    let larger = image(4 * 1024 * 1024 - image(0).manifest.len() + 1);
    put(&larger).await.fails("InvalidParameterException");
    larger.put(&s, "app", "v1").await.fails(413, "SIZE_INVALID");
}
