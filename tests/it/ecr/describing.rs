//! What docker pushed is what the JSON API shows.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, start_time};
use wharf_types::media;

async fn described(s: &TestServer, id: Value) -> Value {
    let input = json!({ "repositoryName": "app", "imageIds": [id] });
    let mut answer = s.aws("DescribeImages", input).await.ok();
    answer["imageDetails"][0].take()
}

fn size_of(image: &Image) -> usize {
    image.config.len() + image.layers.iter().map(Vec::len).sum::<usize>()
}

#[tokio::test]
async fn a_pushed_image_is_described_with_its_sizes_types_and_times() {
    let s = TestServer::new().await;
    s.advance(Duration::from_millis(3_600_500));
    let image = Image::of("big", vec![vec![1; 100_000], vec![2; 10]]);
    image.push(&s, "app", "v1").await;
    image.put(&s, "app", "latest").await.expect(201);
    let pushed_at = start_time().as_secs_f64() + 3_600.5;
    let expected = json!({
        "registryId": "000000000000",
        "repositoryName": "app",
        "imageDigest": image.digest,
        "imageTags": ["latest", "v1"],
        "imageSizeInBytes": size_of(&image),
        "imagePushedAt": pushed_at,
        "imageManifestMediaType": media::OCI_MANIFEST,
        "artifactMediaType": media::OCI_CONFIG,
        "imageStatus": "ACTIVE",
    });
    for id in [
        json!({ "imageTag": "v1" }),
        json!({ "imageTag": "latest", "imageDigest": image.digest }),
        json!({ "imageDigest": image.digest }),
    ] {
        assert_eq!(described(&s, id).await, expected);
    }
    let all = s
        .aws("DescribeImages", json!({ "repositoryName": "app" }))
        .await
        .ok();
    assert_eq!(all, json!({ "imageDetails": [expected] }));
    // Several ids of one image describe it once.
    let ids = json!([{ "imageTag": "v1" }, { "imageTag": "latest" }]);
    let once = s
        .aws(
            "DescribeImages",
            json!({ "repositoryName": "app", "imageIds": ids }),
        )
        .await
        .ok();
    assert_eq!(once, json!({ "imageDetails": [expected] }));
}

#[tokio::test]
async fn a_pull_is_recorded_once_a_day() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let pulled =
        async || described(&s, json!({ "imageTag": "v1" })).await["lastRecordedPullTime"].clone();
    s.call("HEAD", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(200);
    assert_eq!(pulled().await, Value::Null, "HEAD is no pull");
    let day = Duration::from_hours(24);
    let mut expected = start_time().as_secs_f64();
    for door in ["/v2/", "BatchGetImage"] {
        if door == "/v2/" {
            image.assert_pulls(&s, "app", "v1").await;
        } else {
            let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
            s.aws("BatchGetImage", input).await.ok();
        }
        // The note is written beside the answer; another write waits behind it.
        s.create(&format!("after-{}", door.len())).await;
        assert_eq!(pulled().await, json!(expected), "{door}");
        s.advance(day);
        expected += day.as_secs_f64();
    }
}

#[tokio::test]
async fn indexes_artifacts_and_subjects_are_told_apart() {
    let s = TestServer::new().await;
    let child = s.push("app", "child").await;
    let index = Image::index(&[&child]);
    index.push(&s, "app", "multi").await;
    let shown = described(&s, json!({ "imageTag": "multi" })).await;
    assert_eq!(shown["imageManifestMediaType"], media::OCI_INDEX);
    assert!(shown["imageSizeInBytes"].as_u64().unwrap() > 0);
    let subject = json!({ "mediaType": child.media_type, "digest": child.digest, "size": child.manifest.len() });
    let signature = Image::with(
        "sig",
        json!({ "artifactType": "application/x-sig", "subject": subject }),
    );
    signature.push_blobs(&s, "app").await;
    signature
        .put(&s, "app", signature.digest.as_str())
        .await
        .expect(201);
    let shown = described(&s, json!({ "imageDigest": signature.digest })).await;
    assert_eq!(shown["subjectManifestDigest"], json!(child.digest));
    assert_eq!(shown["artifactMediaType"], "application/x-sig");
    assert!(shown.get("imageTags").is_none());
}

#[tokio::test]
async fn docker_schema_2_keeps_its_media_types() {
    let s = TestServer::new().await;
    let plain = Image::new("docker");
    let config = json!({
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "digest": wharf_types::Digest::sha256(&plain.config),
        "size": plain.config.len(),
    });
    let docker = Image::with(
        "docker",
        json!({ "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": config }),
    );
    docker.push(&s, "app", "v1").await;
    docker.assert_pulls(&s, "app", "v1").await;
    let shown = described(&s, json!({ "imageTag": "v1" })).await;
    assert_eq!(shown["imageManifestMediaType"], docker.media_type);
    assert_eq!(
        shown["artifactMediaType"],
        "application/vnd.docker.container.image.v1+json"
    );
    assert_eq!(shown["imageSizeInBytes"], json!(size_of(&docker)));
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named_as_ecr_names_it() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let other = s.push("app", "other").await;
    let unknown = Image::new("unknown").digest;
    for (id, shown) in [
        (
            json!({ "imageTag": "none" }),
            "{imageDigest:'null', imageTag:'none'}".to_owned(),
        ),
        (
            json!({ "imageDigest": unknown }),
            format!("{{imageDigest:'{unknown}', imageTag:'null'}}"),
        ),
        (
            json!({ "imageDigest": other.digest, "imageTag": "v1" }),
            format!("{{imageDigest:'{}', imageTag:'v1'}}", other.digest),
        ),
    ] {
        let input =
            json!({ "repositoryName": "app", "imageIds": [{ "imageDigest": image.digest }, id] });
        let failed = s
            .aws("DescribeImages", input)
            .await
            .fails("ImageNotFoundException");
        let expected = format!(
            "The image with imageId {shown} does not exist within the repository with name 'app' in the registry with id '000000000000'"
        );
        assert_eq!(failed["message"], expected);
    }
}

#[tokio::test]
async fn lists_can_be_of_tagged_or_untagged_images() {
    let s = TestServer::new().await;
    let tagged = s.push("app", "v1").await;
    let bare = Image::new("bare");
    bare.push_blobs(&s, "app").await;
    bare.put(&s, "app", bare.digest.as_str()).await.expect(201);
    let v1 = json!({ "imageDigest": tagged.digest, "imageTag": "v1" });
    let none = json!({ "imageDigest": bare.digest });
    for (status, expected) in [
        ("TAGGED", vec![&v1]),
        ("UNTAGGED", vec![&none]),
        ("ANY", vec![&v1, &none]),
    ] {
        let input = json!({ "repositoryName": "app", "filter": { "tagStatus": status } });
        let listed = s.aws("ListImages", input.clone()).await.ok();
        assert_eq!(listed["imageIds"], json!(expected), "{status}");
        let described = s.aws("DescribeImages", input).await.ok();
        assert_eq!(
            described["imageDetails"].as_array().unwrap().len(),
            expected.len()
        );
    }
    for operation in ["ListImages", "DescribeImages"] {
        let input = json!({ "repositoryName": "app", "filter": { "tagStatus": "SOME" } });
        s.aws(operation, input)
            .await
            .fails("InvalidParameterException");
    }
}
