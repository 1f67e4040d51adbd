//! S18: a database that is damaged or missing is told apart from a good one, and never replaced.
use std::path::Path;

use wharf_testkit::{Image, Process, TestServer};

/// A stopped server with some content.
async fn stopped() -> (TestServer, Image) {
    let mut s = TestServer::new().await;
    let image = Image::of("kept", vec![vec![1; 100_000]]);
    image.push(&s, "app", "v1").await;
    for i in 0..20 {
        s.push("app", &format!("t{i}")).await;
    }
    s.stop().await;
    (s, image)
}

async fn refuses(dir: &Path, text: &str) {
    let refused = Process::refused(dir, &[]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains(text), "{said}");
}

#[tokio::test]
async fn s18_a_damaged_database_is_refused_and_left_as_it_is() {
    let (mut s, image) = stopped().await;
    let path = s.data_dir().join("wharf.db");
    let good = std::fs::read(&path).unwrap();
    let page = usize::from(u16::from_be_bytes([good[16], good[17]]));
    let pages = good.len() / page;
    let mut cases = vec![
        ("no database", vec![b'x'; 8192]),
        ("cut to half", good[..good.len() / 2].to_vec()),
        ("cut within a page", good[..good.len() - page / 2].to_vec()),
    ];
    let change = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    cases.push(("header", change(0, &[0; 16])));
    cases.push(("page size", change(16, &[0xff, 0xff])));
    cases.push(("schema", change(100, &[0xff; 100])));
    for n in [pages / 4, pages / 2, pages - 2] {
        cases.push(("a page", change(n * page, &vec![0xff; page])));
    }
    for (what, bytes) in cases {
        std::fs::write(&path, &bytes).unwrap();
        refuses(s.data_dir(), "damaged").await;
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "{what}: the file was changed"
        );
    }
    std::fs::write(&path, &good).unwrap();
    s.start().await.unwrap();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn s19_a_database_of_a_newer_server_is_refused_and_left_as_it_is() {
    let (s, _image) = stopped().await;
    let path = s.data_dir().join("wharf.db");
    let mut newer = std::fs::read(&path).unwrap();
    // `user_version`, the schema's number, at offset 60.
    newer[60..64].copy_from_slice(&1_000_000_u32.to_be_bytes());
    std::fs::write(&path, &newer).unwrap();
    refuses(s.data_dir(), "newer").await;
    assert!(
        std::fs::read(&path).unwrap() == newer,
        "the file was changed"
    );
}

#[tokio::test]
async fn s18_a_missing_database_is_not_silently_made_anew() {
    let (mut s, image) = stopped().await;
    let path = s.data_dir().join("wharf.db");
    let good = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    refuses(s.data_dir(), "restore a backup").await;
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    refuses(s.data_dir(), "restore a backup").await;
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    std::fs::write(&path, &good).unwrap();
    s.start().await.unwrap();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn a_database_and_a_store_that_do_not_belong_together_are_refused() {
    let ((mut s, image), (other, _)) = (stopped().await, stopped().await);
    let (ours, theirs) = (s.data_dir().join("blobs"), other.data_dir().join("blobs"));
    let aside = s.scratch().join("aside");
    std::fs::rename(&ours, &aside).unwrap();
    // The directory was not mounted.
    refuses(s.data_dir(), "the store is empty").await;
    std::fs::remove_dir_all(&ours).unwrap();
    std::fs::rename(&theirs, &ours).unwrap();
    refuses(s.data_dir(), "belongs to another database").await;
    std::fs::remove_dir_all(&ours).unwrap();
    std::fs::rename(&aside, &ours).unwrap();
    s.start().await.unwrap();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn s16_a_link_in_place_of_a_directory_is_refused() {
    let (s, _image) = stopped().await;
    let (blobs, aside) = (s.data_dir().join("blobs"), s.scratch().join("aside"));
    std::fs::rename(&blobs, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &blobs).unwrap();
    refuses(s.data_dir(), "symbolic link").await;
}

#[tokio::test]
async fn a_new_store_is_not_begun_over_what_someone_else_keeps_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("blobs/mine")).unwrap();
    std::fs::write(dir.path().join("blobs/mine/notes.txt"), "mine").unwrap();
    refuses(dir.path(), "not empty").await;
    assert!(dir.path().join("blobs/mine/notes.txt").exists());
}
