//! Accounts and regions: repositories of two registries never see each other.
use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

/// Two registries beside the default one: another account, another region.
const OTHERS: [(&str, &str); 2] = [("111122223333", "us-east-1"), ("test", "eu-central-1")];

#[tokio::test]
async fn repositories_of_two_registries_never_see_each_other() {
    let s = TestServer::new().await;
    let ours = s.push("app", "v1").await;
    for (key, region) in OTHERS {
        let password = s.password_of(key, region).await;
        let call = |method: &str, path: &str| s.call(method, path).password(&password);
        let listed = s
            .aws_as(key, region, "DescribeRepositories", json!({}))
            .await
            .ok();
        assert_eq!(listed, json!({ "repositories": [] }));
        call("GET", "/v2/app/manifests/v1")
            .send()
            .await
            .fails(404, "NAME_UNKNOWN");
        let catalog = call("GET", "/v2/_catalog").send().await.expect(200);
        assert_eq!(catalog.json(), json!({ "repositories": [] }));
        let make = json!({ "repositoryName": "app" });
        s.aws_as(key, region, "CreateRepository", make).await.ok();
        call("GET", "/v2/app/manifests/v1")
            .send()
            .await
            .fails(404, "MANIFEST_UNKNOWN");
        let layer = Digest::sha256(&ours.layers[0]);
        call("HEAD", &format!("/v2/app/blobs/{layer}"))
            .send()
            .await
            .expect(404);
        // What another registry has cannot be mounted, and nothing says that it is there.
        let mount = format!("/v2/app/blobs/uploads/?mount={layer}&from=app");
        let begun = call("POST", &mount).send().await.expect(202);
        call("HEAD", &format!("/v2/app/blobs/{layer}"))
            .send()
            .await
            .expect(404);
        call("DELETE", begun.header("location"))
            .send()
            .await
            .expect(204);
        let taken = s.aws_as(
            key,
            region,
            "DeleteRepository",
            json!({ "repositoryName": "app", "force": true }),
        );
        taken.await.ok();
        ours.assert_pulls(&s, "app", "v1").await;
    }
}

#[tokio::test]
async fn the_same_bytes_in_two_registries_are_deleted_apart() {
    let s = TestServer::new().await;
    let image = Image::of("shared", vec![vec![9; 100_000]]);
    image.push(&s, "app", "v1").await;
    let (key, region) = OTHERS[0];
    s.aws_as(
        key,
        region,
        "CreateRepository",
        json!({ "repositoryName": "app" }),
    )
    .await
    .ok();
    let password = s.password_of(key, region).await;
    let layer = Digest::sha256(&image.layers[0]);
    let begun = s
        .call("POST", "/v2/app/blobs/uploads/")
        .password(&password)
        .send()
        .await
        .expect(202);
    let finish = format!("{}?digest={layer}", begun.header("location"));
    let call = s.call("PUT", &finish).password(&password);
    call.body(image.layers[0].clone()).send().await.expect(201);
    let delete = s
        .call("DELETE", &format!("/v2/app/blobs/{layer}"))
        .password(&password);
    delete.send().await.expect(202);
    s.store()
        .collect(wharf_storage::Leases::Ignore)
        .await
        .unwrap();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn a3_a_host_that_names_a_registry_decides_and_wants_a_password_of_its_account() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let (key, region) = ("111122223333", "eu-west-1");
    s.aws_as(
        key,
        region,
        "CreateRepository",
        json!({ "repositoryName": "theirs" }),
    )
    .await
    .ok();
    let theirs = s.password_of(key, region).await;
    let catalog = async |host: &str, password: &str| {
        let call = s
            .call("GET", "/v2/_catalog")
            .password(password)
            .header("host", host);
        call.send().await
    };
    let app = json!({ "repositories": ["app"] });
    let their_repos = json!({ "repositories": ["theirs"] });
    for suffix in [
        "amazonaws.com",
        "localhost:4566",
        "amazonaws.com.localhost:4566",
    ] {
        let our_host = format!("000000000000.dkr.ecr.us-east-1.{suffix}");
        let their_host = format!("{key}.dkr.ecr.{region}.{suffix}");
        assert_eq!(
            catalog(&our_host, s.password()).await.expect(200).json(),
            app
        );
        assert_eq!(
            catalog(&their_host, &theirs).await.expect(200).json(),
            their_repos
        );
        for (host, password) in [(&our_host, theirs.as_str()), (&their_host, s.password())] {
            let refused = catalog(host, password).await.fails(403, "DENIED");
            assert!(
                refused.message().starts_with("User: arn:aws:iam::"),
                "{}",
                refused.message()
            );
        }
    }
    // A principal may use its account in any region: the host decides which.
    let elsewhere = catalog("000000000000.dkr.ecr.eu-west-1.amazonaws.com", s.password()).await;
    assert_eq!(elsewhere.expect(200).json(), json!({ "repositories": [] }));
    // At a bare host it is the password that does.
    for host in ["localhost:4566", "127.0.0.1", "[::1]:4566"] {
        assert_eq!(catalog(host, &theirs).await.expect(200).json(), their_repos);
        assert_eq!(catalog(host, s.password()).await.expect(200).json(), app);
    }
}

#[tokio::test]
async fn a11_a_password_for_the_registry_of_another_account_opens_nothing() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let ask = json!({ "registryIds": ["000000000000"] });
    let asked = s
        .aws_as("111122223333", "us-east-1", "GetAuthorizationToken", ask)
        .await;
    let password = asked.password();
    for (method, path) in [
        ("GET", "/v2/"),
        ("GET", "/v2/app/manifests/v1"),
        ("DELETE", "/v2/app/manifests/v1"),
        ("POST", "/v2/app/blobs/uploads/"),
    ] {
        let call = s.call(method, path).password(&password);
        call.send().await.fails(403, "DENIED");
    }
}

#[tokio::test]
async fn users_of_one_account_share_its_repositories() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let colleague = s.password_of("AKIDCOLLEAGUE", "us-east-1").await;
    let call = s.call("GET", "/v2/app/manifests/v1").password(&colleague);
    assert_eq!(call.send().await.expect(200).body, image.manifest);
}
