//! Lists in pages, and tokens that are good only where they came from.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer};

/// Reads all pages of a list.
async fn all(
    s: &TestServer,
    operation: &str,
    input: &Value,
    member: &str,
    size: usize,
) -> Vec<Value> {
    let (mut found, mut token) = (Vec::new(), Value::Null);
    // More pages than any list here has.
    for _ in 0..100 {
        let mut input = input.clone();
        input["maxResults"] = json!(size);
        input["nextToken"] = token;
        let mut page = s.aws(operation, input).await.ok();
        let Value::Array(entries) = page[member].take() else {
            panic!("{page}")
        };
        assert!(entries.len() <= size, "{operation}");
        found.extend(entries);
        token = page["nextToken"].take();
        if token.is_null() {
            return found;
        }
    }
    panic!("{operation} does not end");
}

#[tokio::test]
async fn every_list_is_whole_whatever_the_size_of_its_pages() {
    let s = TestServer::new().await;
    for i in 0..6 {
        s.create(&format!("repo-{i}")).await;
    }
    for i in 0..3 {
        let image = s.push("app", &format!("v{i}")).await;
        for j in 0..i {
            image
                .put(&s, "app", &format!("also-{i}-{j}"))
                .await
                .expect(201);
        }
    }
    let bare = Image::new("bare");
    bare.push_blobs(&s, "app").await;
    bare.put(&s, "app", bare.digest.as_str()).await.expect(201);
    let app = json!({ "repositoryName": "app" });
    let tagged = json!({ "repositoryName": "app", "filter": { "tagStatus": "TAGGED" } });
    for (operation, input, member, count) in [
        ("DescribeRepositories", &json!({}), "repositories", 7),
        ("ListImages", &app, "imageIds", 7),
        ("ListImages", &tagged, "imageIds", 6),
        ("DescribeImages", &app, "imageDetails", 4),
        ("DescribeImages", &tagged, "imageDetails", 3),
    ] {
        let whole = all(&s, operation, input, member, 1000).await;
        assert_eq!(whole.len(), count, "{operation}");
        for size in 1..=count + 1 {
            let paged = all(&s, operation, input, member, size).await;
            assert_eq!(paged, whole, "{operation} by {size}");
        }
    }
}

#[tokio::test]
async fn what_comes_between_two_pages_neither_hides_nor_repeats_the_rest() {
    let s = TestServer::new().await;
    for name in ["b1", "b2", "b3"] {
        s.create(name).await;
    }
    let page = async |token: Value| {
        let input = json!({ "maxResults": 2, "nextToken": token });
        s.aws("DescribeRepositories", input).await.ok()
    };
    let names = |page: &Value| {
        let all = page["repositories"].as_array().unwrap().iter();
        all.map(|r| r["repositoryName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = page(Value::Null).await;
    assert_eq!(names(&first), ["app", "b1"]);
    s.create("aaa").await;
    s.aws("DeleteRepository", json!({ "repositoryName": "b1" }))
        .await
        .ok();
    let second = page(first["nextToken"].clone()).await;
    assert_eq!(names(&second), ["b2", "b3"]);
    assert_eq!(second["nextToken"], Value::Null);
}

#[tokio::test]
async fn e9_max_results_is_1_to_1000_and_not_for_named_things() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    for operation in ["DescribeRepositories", "ListImages", "DescribeImages"] {
        for max in [0, -1, 1001, i64::MAX, i64::MIN] {
            let input = json!({ "repositoryName": "app", "maxResults": max });
            s.aws(operation, input)
                .await
                .fails("InvalidParameterException");
        }
        for max in [1, 1000] {
            s.aws(
                operation,
                json!({ "repositoryName": "app", "maxResults": max }),
            )
            .await
            .ok();
        }
    }
    let names = json!({ "repositoryNames": ["app"], "maxResults": 5 });
    s.aws("DescribeRepositories", names)
        .await
        .fails("InvalidParameterException");
    let ids =
        json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }], "maxResults": 5 });
    s.aws("DescribeImages", ids)
        .await
        .fails("InvalidParameterException");
}

#[tokio::test]
async fn e9_tokens_that_are_forged_or_of_another_list_are_refused() {
    let s = TestServer::new().await;
    s.create("other").await;
    for repo in ["app", "other"] {
        s.push(repo, "v1").await;
        s.push(repo, "v2").await;
    }
    let first = async |operation: &str, repo: &str| {
        let input = json!({ "repositoryName": repo, "maxResults": 1 });
        let mut page = s.aws(operation, input).await.ok();
        page["nextToken"].take().as_str().unwrap().to_owned()
    };
    let (listed, described, foreign, repositories) = (
        first("ListImages", "app").await,
        first("DescribeImages", "app").await,
        first("ListImages", "other").await,
        first("DescribeRepositories", "app").await,
    );
    let mut flipped = URL_SAFE_NO_PAD.decode(&listed).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    let ask = async |token: &str| {
        let input = json!({ "repositoryName": "app", "nextToken": token });
        s.aws("ListImages", input).await
    };
    ask(&listed).await.ok();
    let long = "A".repeat(5000);
    let multibyte = URL_SAFE_NO_PAD.encode("ü".repeat(40));
    for bad in [
        "",
        "x",
        "AAAA",
        "not base64!",
        &described,
        &foreign,
        &repositories,
        &flipped,
        &long,
        &multibyte,
        &format!("{listed}A"),
        &listed[1..],
    ] {
        let failed = ask(bad).await.fails("InvalidParameterException");
        assert_eq!(
            failed["message"],
            "Invalid parameter at 'nextToken' failed to satisfy constraint: 'The specified token is not valid'"
        );
    }
    // Another account's token is as foreign as another list's.
    let make = json!({ "repositoryName": "app" });
    s.aws_as("111122223333", "us-east-1", "CreateRepository", make)
        .await
        .ok();
    let input = json!({ "repositoryName": "app", "nextToken": listed });
    let stolen = s
        .aws_as("111122223333", "us-east-1", "ListImages", input)
        .await;
    stolen.fails("InvalidParameterException");
}

// A page that was cut between two tags of an image goes on rightly when the image is gone.
#[tokio::test]
async fn a_page_after_an_image_that_was_deleted_shows_the_next_one_whole() {
    let s = TestServer::new().await;
    let first = s.push("app", "v8").await;
    first.put(&s, "app", "v9").await.expect(201);
    let second = s.push("app", "a1").await;
    let page = json!({ "repositoryName": "app", "maxResults": 1 });
    let page = s.aws("ListImages", page).await.ok();
    let ids = json!([{ "imageDigest": first.digest }]);
    s.aws(
        "BatchDeleteImage",
        json!({ "repositoryName": "app", "imageIds": ids }),
    )
    .await
    .ok();
    let rest = json!({ "repositoryName": "app", "nextToken": page["nextToken"] });
    let rest = s.aws("ListImages", rest).await.ok();
    assert_eq!(
        rest["imageIds"],
        json!([{ "imageDigest": second.digest, "imageTag": "a1" }])
    );
}
