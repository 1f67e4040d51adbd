use wharf_storage::{Meta, Mutability, NewManifest};
use wharf_types::{Digest, Manifest};

use super::*;
use crate::replication::{Configuration, Rule};

fn repository(registry: &Registry, name: &str) -> Repository {
    Repository {
        id: 0,
        registry: registry.clone(),
        name: name.parse().unwrap(),
        created: Timestamp::from_secs(0),
        mutability: Mutability::Mutable,
        exclusions: Vec::new(),
        scan_on_push: false,
        encryption: serde_json::json!({}),
    }
}

fn push(tx: &Write<'_>, repository: i64, i: u64) {
    let text = format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"i":"{i}"}}}}"#);
    let manifest = Manifest::parse(Some(media::OCI_INDEX), text.into_bytes()).unwrap();
    let new = NewManifest {
        repository,
        digest: &Digest::sha256(&manifest.bytes),
        manifest: &manifest,
        now: Timestamp::from_secs(0),
    };
    assert!(tx.put_manifest(&new).unwrap());
}

// The images of the next one may be older than the last that was listed.
#[tokio::test]
async fn a_repository_deleted_while_it_is_listed_hides_no_image_of_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
    let now = Timestamp::from_secs(1);
    let source = Registry {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    };
    let destination: Destination = "000000000000/eu-west-1".parse().unwrap();
    let piece = Piece {
        owner: Owner::Registry(source.clone()),
        source: source.clone(),
        id: "id".into(),
        now,
    };
    let listed = meta.write(move |tx| {
        let configuration = Configuration {
            rules: vec![Rule {
                destinations: vec![destination.clone()],
                prefixes: Vec::new(),
                deletions: None,
            }],
        };
        tx.put_document(&piece.owner, "", &configuration, now)?;
        let next = tx.create_repository(&repository(&source, "next"))?;
        push(tx, next, 0);
        let first = tx.create_repository(&repository(&source, "first"))?;
        (1..=LISTED + 100).for_each(|i| push(tx, first, i));
        let mut backfill = Backfill::new(destination.clone(), now);
        assert_eq!(piece.list(tx, &mut backfill)?, None);
        tx.delete_repository(first)?;
        let before = backfill.total;
        assert_eq!(piece.list(tx, &mut backfill)?, Some(Event::Prepared));
        Ok::<_, Error>(backfill.total - before)
    });
    assert_eq!(listed.await.unwrap(), 1);
}
