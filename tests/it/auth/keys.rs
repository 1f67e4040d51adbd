//! The key that passwords are signed with, and the keys of those who call.
use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use wharf::{StartError, config::Auth};
use wharf_storage::Leases;
use wharf_testkit::{Process, TestServer};
use wharf_types::Digest;

use super::signatures::{KEY, SECRET, credentials, password};

#[tokio::test]
async fn a10_a_restart_keeps_passwords_and_a_new_key_ends_them() {
    let mut s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    s.restart().await;
    image.assert_pulls(&s, "app", "v1").await;
    let old = s.password().to_owned();
    s.stop().await;
    std::fs::remove_file(s.data_dir().join("keys/registry.key")).unwrap();
    s.start().await.unwrap();
    // There is no overlap: who takes the key away wants old passwords to end.
    s.call("GET", "/v2/")
        .password(&old)
        .send()
        .await
        .expect(401);
    s.login().await;
    image.assert_pulls(&s, "app", "v1").await;
    s.call("GET", "/v2/")
        .password(&old)
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn a18_other_machines_are_let_in_only_on_purpose() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let refused = Process::refused(&dir, &["--listen", listen]).await;
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("listen"), "{said}");
    }
    assert!(!dir.join("wharf.db").exists(), "nothing was begun");
    let file = scratch.path().join("credentials");
    std::fs::write(&file, credentials()).unwrap();
    let strict = [
        "--listen",
        "0.0.0.0:0",
        "--auth",
        "strict",
        "--credentials",
        file.to_str().unwrap(),
    ];
    Process::serve(&dir, &strict).await.stop().await;
    Process::serve(&dir, &["--listen", "0.0.0.0:0", "--allow-insecure-listen"])
        .await
        .stop()
        .await;
}

#[tokio::test]
async fn a20_a_signing_key_that_is_exposed_or_broken_stops_the_start() {
    let mut s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    s.stop().await;
    let path = s.data_dir().join("keys/registry.key");
    let key = std::fs::read(&path).unwrap();
    let mode = |mode: u32| std::fs::Permissions::from_mode(mode);
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    for bytes in [
        &b""[..],
        &key[..31],
        &[0; 32],
        &[key.as_slice(), b"\n"].concat(),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let failed = s.start().await.unwrap_err();
        assert!(matches!(failed, StartError::Config(_)), "{failed}");
        assert_eq!(
            std::fs::read(&path).unwrap(),
            bytes,
            "it is not replaced silently"
        );
    }
    std::fs::write(&path, &key).unwrap();
    for exposed in [0o644, 0o660, 0o604] {
        std::fs::set_permissions(&path, mode(exposed)).unwrap();
        let refused = Process::refused(s.data_dir(), &[]).await;
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(
            said.contains("registry.key") && said.contains("chmod 600"),
            "{said}"
        );
    }
    std::fs::set_permissions(&path, mode(0o600)).unwrap();
    s.start().await.unwrap();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn a23_a_principal_that_is_removed_is_refused_from_the_next_request_on() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("credentials");
    std::fs::write(&file, credentials()).unwrap();
    let at = file.clone();
    let mut s = TestServer::with(|c| c.auth = Auth::Strict { credentials: at }).await;
    let password = password(&s, KEY, SECRET).await;
    let call = async |s: &TestServer, method: &str, path: &str, body: &str| {
        let call = s.call(method, path).password(&password);
        call.body(body.to_owned()).send().await
    };
    super::signatures::ecr(
        &s,
        KEY,
        SECRET,
        "CreateRepository",
        "{\"repositoryName\":\"app\"}",
    )
    .await
    .expect(200);
    let begun = call(&s, "POST", "/v2/app/blobs/uploads/", "")
        .await
        .expect(202);
    let location = begun.header("location").to_owned();
    call(&s, "PATCH", &location, "hello").await.expect(202);
    // Another key of the file stays; this one goes.
    std::fs::write(&file, credentials().replace(KEY, "AKIDREPLACED")).unwrap();
    s.restart().await;
    let finish = format!("{location}?digest={}", Digest::sha256(b"hello"));
    for (method, path) in [
        ("GET", "/v2/"),
        ("GET", location.as_str()),
        ("PUT", &finish),
        ("GET", "/v2/app/tags/list"),
    ] {
        let refused = call(&s, method, path, "").await.fails(403, "DENIED");
        assert!(
            refused.message().contains("is not authorized"),
            "{}",
            refused.message()
        );
    }
    // What it began ends with the day.
    s.advance(Duration::from_hours(25));
    let done = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(done.uploads, 1);
    s.assert_tidy().await;
}
