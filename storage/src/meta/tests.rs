use super::*;

fn open() -> (tempfile::TempDir, Meta) {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
    (dir, meta)
}

#[tokio::test]
async fn a_write_is_visible_once_it_returns() {
    let (_dir, meta) = open();
    meta.write(|tx| tx.set("a", "1")).await.unwrap();
    assert_eq!(
        meta.read(|tx| tx.setting("a")).await.unwrap().as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn a_failed_or_panicking_write_leaves_its_neighbours_alone() {
    let (_dir, meta) = open();
    let good = meta.write(|tx| tx.set("good", "1"));
    let bad = meta.write(|tx| {
        tx.set("bad", "1")?;
        Err::<(), _>(Error::Damaged)
    });
    let boom = meta.write(|tx| {
        tx.set("boom", "1")?;
        assert_eq!(tx.setting("boom")?, None, "boom");
        Ok::<(), Error>(())
    });
    let (good, bad, boom) = tokio::join!(good, bad, boom);
    good.unwrap();
    assert!(matches!(bad, Err(Error::Damaged)));
    assert!(matches!(boom, Err(Error::Unavailable)));
    let left = meta
        .read(|tx| Ok::<_, Error>((tx.setting("good")?, tx.setting("bad")?, tx.setting("boom")?)));
    assert_eq!(left.await.unwrap(), (Some("1".into()), None, None));
}

// SQLITE_FULL rolls back the whole transaction, neighbours and all (a savepoint does not
// contain it): they must be done again.
#[tokio::test]
async fn a_full_database_fails_only_the_job_that_did_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.db");
    let meta = Meta::open(&path, false).unwrap();
    meta.write(|tx| Ok::<_, Error>(tx.limit_pages(80)?))
        .await
        .unwrap();
    let small = meta.write(|tx| tx.set("small", "1"));
    let large = meta.write(|tx| tx.set("large", &"x".repeat(4 << 20)));
    let other = meta.write(|tx| tx.set("other", "1"));
    let (small, large, other) = tokio::join!(small, large, other);
    small.unwrap();
    assert!(matches!(large, Err(Error::Full)), "{large:?}");
    other.unwrap();
    meta.write(|tx| tx.set("after", "1")).await.unwrap();
    assert!(meta.is_healthy());
    let kept = meta.read(|tx| {
        Ok::<_, Error>((
            tx.setting("small")?,
            tx.setting("large")?,
            tx.setting("other")?,
        ))
    });
    assert_eq!(
        kept.await.unwrap(),
        (Some("1".into()), None, Some("1".into()))
    );
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.db");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(matches!(Meta::open(&path, false), Err(Error::Refused(_))));
    assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 8192]);
}

impl Write<'_> {
    fn limit_pages(&self, more: i64) -> Result<(), rusqlite::Error> {
        let now: i64 = self
            .0
            .0
            .pragma_query_value(None, "page_count", |row| row.get(0))?;
        self.0
            .0
            .pragma_update_and_check(None, "max_page_count", now + more, |_| Ok(()))
    }
}
