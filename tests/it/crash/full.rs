//! S1, S2 and S4: a disk that is full, on a small tmpfs.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

const MIB: usize = 1024 * 1024;

/// A file system of 32 MiB.
struct Small(PathBuf);

impl Small {
    /// `None` where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs"])
            .arg(at)
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(e) => {
                println!("skipped: mount: {e}");
                None
            }
        }
    }

    /// Takes all space that is left, and gives the file whose removal frees it.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [MIB, 4096, 1] {
            while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// A server on a small disk.
async fn small() -> Option<(TestServer, Small, tempfile::TempDir)> {
    let scratch = tempfile::tempdir().unwrap();
    let disk = Small::mount(&scratch.path().join("disk"))?;
    let data = disk.0.join("data");
    let s = TestServer::with(|c| c.data_dir = data).await;
    Some((s, disk, scratch))
}

#[tokio::test]
async fn s1_s4_an_upload_that_does_not_fit_is_507_and_can_go_on_once_there_is_room() {
    let Some((mut s, disk, _scratch)) = small().await else {
        return;
    };
    let image = Image::of("there", vec![vec![1; MIB]]);
    image.push(&s, "app", "v1").await;
    let bytes: Vec<u8> = (0..8 * MIB).map(|i| i.to_le_bytes()[1]).collect();
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(bytes[..MIB].to_vec())
        .send()
        .await
        .expect(202);
    let filler = disk.fill();
    let full = s
        .call("PATCH", &location)
        .body(bytes[MIB..].to_vec())
        .send()
        .await
        .expect(507);
    assert_eq!(full.code(), "UNKNOWN");
    let status = s.call("GET", &location).send().await.expect(204);
    assert_eq!(status.header("range"), format!("0-{}", MIB - 1));
    image.assert_pulls(&s, "app", "v1").await;
    std::fs::remove_file(&filler).unwrap();
    s.call("GET", "/readyz").send().await.expect(200);
    s.call("PATCH", &location)
        .body(bytes[MIB..].to_vec())
        .send()
        .await
        .expect(202);
    let finish = format!("{location}?digest={}", Digest::sha256(&bytes));
    s.call("PUT", &finish).send().await.expect(201);
    s.assert_tidy().await;
    assert!(s.store().check(false).await.unwrap().is_empty());
    s.stop().await;
}

#[tokio::test]
async fn s2_a_manifest_that_does_not_fit_moves_no_tag() {
    let Some((mut s, disk, _scratch)) = small().await else {
        return;
    };
    let old = s.push("app", "v1").await;
    // Large, so that no free page of the database and no end of its log has room for it.
    let padding = serde_json::json!({ "annotations": { "padding": "x".repeat(3 * MIB) } });
    let new = Image::with("new", padding);
    new.push_blobs(&s, "app").await;
    let filler = disk.fill();
    let refused = new.put(&s, "app", "v1").await;
    assert_eq!(refused.status, 507, "{:?}", refused.status);
    old.assert_pulls(&s, "app", "v1").await;
    s.call("GET", &format!("/v2/app/manifests/{}", new.digest))
        .send()
        .await
        .expect(404);
    std::fs::remove_file(&filler).unwrap();
    new.put(&s, "app", "v1").await.expect(201);
    new.assert_pulls(&s, "app", "v1").await;
    s.call("GET", "/readyz").send().await.expect(200);
    s.restart().await;
    new.assert_pulls(&s, "app", "v1").await;
    s.stop().await;
}

#[tokio::test]
async fn s4_small_blobs_that_do_not_fit_are_refused_and_taken_later() {
    let Some((mut s, disk, _scratch)) = small().await else {
        return;
    };
    let filler = disk.fill();
    let digest = |i: usize| Digest::sha256(&vec![i.to_le_bytes()[0]; 60_000]);
    let mut refused = None;
    // The log has some room left at its end.
    for i in 0..200 {
        let path = format!("/v2/app/blobs/uploads/?digest={}", digest(i));
        let reply = s
            .call("POST", &path)
            .body(vec![i.to_le_bytes()[0]; 60_000])
            .send()
            .await;
        if reply.status != 201 {
            assert_eq!(reply.status, 507, "{reply:?}");
            refused = Some(i);
            break;
        }
    }
    let refused = refused.unwrap();
    std::fs::remove_file(&filler).unwrap();
    for i in 0..=refused {
        let path = format!("/v2/app/blobs/{}", digest(i));
        let there = s.call("GET", &path).send().await;
        assert_eq!(there.status.as_u16(), if i == refused { 404 } else { 200 });
        s.push_blob("app", &vec![i.to_le_bytes()[0]; 60_000]).await;
    }
    s.assert_tidy().await;
    s.stop().await;
}

#[tokio::test]
async fn s2_a_blob_that_cannot_be_noted_ends_its_upload_and_is_taken_later() {
    let Some((mut s, disk, _scratch)) = small().await else {
        return;
    };
    let bytes = |i: u8| vec![i; 70_000];
    let mut begun = Vec::new();
    for i in 0..10 {
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(bytes(i))
            .send()
            .await
            .expect(202);
        begun.push((
            i,
            format!("{location}?digest={}", Digest::sha256(&bytes(i))),
        ));
    }
    let filler = disk.fill();
    let mut refused = Vec::new();
    for (i, finish) in begun {
        let reply = s.call("PUT", &finish).send().await;
        if reply.status != 201 {
            assert_eq!(reply.status, 507, "{reply:?}");
            refused.push((i, finish));
        }
    }
    assert!(!refused.is_empty());
    std::fs::remove_file(&filler).unwrap();
    for (i, finish) in refused {
        let digest = Digest::sha256(&bytes(i));
        s.call("HEAD", &format!("/v2/app/blobs/{digest}"))
            .send()
            .await
            .expect(404);
        // The bytes have left the upload already: it is whole now, or has ended.
        let again = s.call("PUT", &finish).send().await;
        if again.status != 201 {
            again.fails(404, "BLOB_UPLOAD_UNKNOWN");
        }
        s.push_blob("app", &bytes(i)).await;
    }
    s.assert_tidy().await;
    assert!(s.store().check(false).await.unwrap().is_empty());
    s.stop().await;
}
