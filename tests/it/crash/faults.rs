//! S5 to S7: an fsync that fails, once, in a running server.
use std::path::PathBuf;

use reqwest::{Method, Response};
use wharf_testkit::{Image, Process, tool};
use wharf_types::Digest;

use super::durable::follow;

/// A request whose answer may be a 500, which other tests never want to see.
async fn ask(s: &Process, method: Method, path: &str, media_type: &str, body: Vec<u8>) -> Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.request(method, format!("{}{path}", s.url()));
    let request = request.basic_auth("AWS", Some(s.password()));
    request
        .header("content-type", media_type)
        .body(body)
        .send()
        .await
        .unwrap()
}

/// Makes the next fsync of a file or directory fail while `work` is done.
async fn failing<T>(s: &Process, path: PathBuf, work: impl Future<Output = T>) -> Option<T> {
    let injection = "inject=fsync:error=EIO:when=1";
    let trace = s.data_dir().with_extension("trace");
    let args = [
        "-P",
        path.to_str().unwrap(),
        "-e",
        "trace=fsync",
        "-e",
        injection,
    ];
    let mut strace = follow(s.pid(), &trace, &args)?;
    let done = work.await;
    strace.kill().unwrap();
    strace.wait().unwrap();
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(
        trace.contains("(INJECTED)"),
        "the fault was never met: {trace}"
    );
    Some(done)
}

#[tokio::test]
async fn s5_s6_a_blob_whose_file_or_directory_cannot_be_synced_is_not_acknowledged() {
    let Some(_strace) = tool("strace") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let bytes = vec![5; 200_000];
    let digest = Digest::sha256(&bytes);
    let blob = format!("/v2/app/blobs/{digest}");
    for staged in [true, false] {
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(bytes.clone())
            .send()
            .await
            .expect(202);
        let id = location.rsplit('/').next().unwrap();
        let fan: String = id.chars().take(2).collect();
        let folder = if staged {
            dir.join("staging").join(id)
        } else {
            dir.join("blobs").join(fan)
        };
        let finish = format!("{location}?digest={digest}");
        let put = ask(
            &s,
            Method::PUT,
            &finish,
            "application/octet-stream",
            Vec::new(),
        );
        let Some(reply) = failing(&s, folder, put).await else {
            return;
        };
        assert!(reply.status().is_server_error(), "{reply:?}");
        s.call("HEAD", &blob).send().await.expect(404);
        // The kernel may have dropped what it could not write: the same file is never tried again.
        s.call("PUT", &finish)
            .send()
            .await
            .fails(404, "BLOB_UPLOAD_UNKNOWN");
        assert_eq!(std::fs::read_dir(dir.join("staging")).unwrap().count(), 0);
        s.call("GET", "/readyz")
            .anonymous()
            .send()
            .await
            .expect(200);
    }
    s.push_blob("app", &bytes).await;
    let got = s.call("GET", &blob).send().await.expect(200);
    assert!(got.body == bytes);
    s.stop().await;
}

#[tokio::test]
async fn s7_after_a_log_that_cannot_be_synced_nothing_is_acknowledged_until_a_restart() {
    let Some(_strace) = tool("strace") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let old = s.push("app", "v1").await;
    let new = Image::new("new");
    new.push_blobs(&s, "app").await;
    let put = ask(
        &s,
        Method::PUT,
        "/v2/app/manifests/v1",
        &new.media_type,
        new.manifest.clone().into_bytes(),
    );
    let Some(reply) = failing(&s, dir.join("wharf.db-wal"), put).await else {
        return;
    };
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.headers()["retry-after"], "5");
    s.call("GET", "/readyz")
        .anonymous()
        .send()
        .await
        .expect(503);
    s.call("POST", "/v2/app/blobs/uploads/")
        .send()
        .await
        .expect(503);
    new.put(&s, "app", "v2").await.expect(503);
    old.assert_pulls(&s, "app", old.digest.as_str()).await;
    s.kill().await;
    let s = Process::serve(&dir, &[]).await;
    old.assert_pulls(&s, "app", old.digest.as_str()).await;
    new.put(&s, "app", "v2").await.expect(201);
    new.assert_pulls(&s, "app", "v2").await;
    s.stop().await;
    let check = Process::run(&["check", "--data-dir", dir.to_str().unwrap()]).await;
    assert!(check.status.success(), "{check:?}");
}
