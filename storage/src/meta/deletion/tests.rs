use serde_json::json;
use wharf_types::{Registry, RepoName, Timestamp};

use super::*;
use crate::{Meta, Mutability, Repository};

fn registry() -> Registry {
    Registry {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    }
}

fn name() -> RepoName {
    "app".parse().unwrap()
}

/// A repository with so many images, each with a tag, a layer and a document.
fn fill(tx: &Write<'_>, images: usize) -> i64 {
    let repository = Repository {
        id: 0,
        registry: registry(),
        name: name(),
        created: Timestamp::from_secs(1),
        mutability: Mutability::Mutable,
        exclusions: Vec::new(),
        scan_on_push: false,
        encryption: json!({}),
    };
    let id = tx.create_repository(&repository).unwrap();
    let numbers = format!(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {images})"
    );
    for insert in [
        "INSERT INTO tag SELECT ?1, n, 'sha256:' || n FROM number",
        "INSERT INTO reference SELECT ?1, 'layer ' || n, 'sha256:' || n, 'layer' FROM number",
        "INSERT INTO manifest (repository, digest, media_type, annotations, size, image_size, pushed_ms, bytes)
         SELECT ?1, 'sha256:' || n, '', '', 0, 0, 0, x'' FROM number",
        "INSERT INTO repository_blob SELECT ?1, 'layer ' || n, 0 FROM number",
        "INSERT INTO document SELECT 'image/' || ?1 || '/sha256:' || n, 'note', '', '{}', 0, 0, 0 FROM number",
        "INSERT INTO document SELECT 'repository/' || ?1, 'note', n, '{}', 0, 0, 0 FROM number",
    ] {
        let mut stmt = tx.0.0.prepare(&format!("{numbers} {insert}")).unwrap();
        assert_eq!(stmt.execute([id]).unwrap(), images);
    }
    id
}

/// How many rows there are in all of a repository's tables.
fn rows(tx: &Write<'_>) -> usize {
    let tables = [
        "repository",
        "tag",
        "reference",
        "manifest",
        "repository_blob",
        "document",
    ];
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table}");
        tx.0.0
            .query_row(&sql, [], |row| row.get::<_, usize>(0))
            .unwrap()
    };
    tables.into_iter().map(count).sum()
}

#[tokio::test]
async fn a_small_repository_goes_in_one_transaction_and_leaves_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
    meta.write(|tx| {
        let id = fill(tx, 10);
        // 1 is the beginning of 10, which must not go with it.
        tx.0.0.execute(
            "UPDATE repository SET name = 'neighbour' WHERE id = ?1",
            [id],
        )?;
        (2..10).for_each(|_| {
            let gap = fill(tx, 1);
            tx.delete_repository(gap).unwrap();
        });
        assert_eq!((id, fill(tx, 10)), (1, 10));
        let before = rows(tx);
        assert!(!tx.delete_repository(1)?.is_partial);
        assert_eq!(rows(tx), before / 2);
        assert!(tx.repository_by_id(1)?.is_none() && tx.repository_by_id(10)?.is_some());
        assert!(!tx.delete_hidden()?);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_large_repository_is_gone_for_everyone_at_once_and_goes_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
    meta.write(|tx| {
        let id = fill(tx, CHUNK);
        let full = rows(tx);
        assert!(tx.delete_repository(id)?.is_partial);
        assert_eq!(rows(tx), full - CHUNK);
        assert!(tx.repository_by_id(id)?.is_none());
        assert!(tx.repository(&registry(), &name())?.is_none());
        assert!(tx.repositories(&registry(), "", 10)?.is_empty());
        assert!(
            tx.dangling(10)?.is_empty(),
            "nothing is said to be missing from it"
        );
        // Its name is free, and what is new is not touched.
        let new = fill(tx, 1);
        let kept = rows(tx) - (full - CHUNK);
        let mut left = rows(tx);
        while tx.delete_hidden()? {
            let now = rows(tx);
            assert!(now < left && left - now <= CHUNK + 1, "{left} {now}");
            left = now;
        }
        assert_eq!(left, kept);
        assert!(tx.repository_by_id(new)?.is_some());
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_is_written_to_a_deleted_repository_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
    meta.write(|tx| {
        let id = fill(tx, CHUNK);
        assert!(tx.delete_repository(id)?.is_partial);
        while rows(tx) > CHUNK {
            tx.delete_hidden()?;
        }
        tx.put_tag(
            id,
            &"late".parse().unwrap(),
            &wharf_types::Digest::sha256(b""),
        )?;
        while tx.delete_hidden()? {}
        assert_eq!(rows(tx), 0);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
}
