//! What has to arrive so that an image is there.
use std::collections::HashSet;

use bytes::Bytes;
use wharf_storage::{ImageStatus, Read, Repository};
use wharf_types::{Digest, Manifest, Role, Tag};

use super::{Failure, Job};
use crate::Error;

/// The most manifests that an index is followed to.
const MAX_MANIFESTS: usize = 10_000;

/// An image and all that its index names.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) source: Repository,
    /// What the index names, each after what it names itself.
    pub(super) children: Vec<Digest>,
}

/// Looks up what a job is about.
pub(super) fn parcel(tx: &Read<'_>, job: &Job) -> Result<Result<Parcel, Failure>, Error> {
    let Some(source) = tx.repository_by_id(job.repository)? else {
        return Ok(Err(Failure::Gone));
    };
    Ok(descendants(tx, source.id, &job.digest)?.map(|children| Parcel { source, children }))
}

/// The images under an index, deepest first.
fn descendants(
    tx: &Read<'_>,
    repository: i64,
    root: &Digest,
) -> Result<Result<Vec<Digest>, Failure>, Error> {
    enum Step {
        Enter(Digest),
        Leave(Digest),
    }
    let (mut order, mut seen) = (Vec::new(), HashSet::new());
    let mut steps = vec![Step::Enter(root.clone())];
    while let Some(step) = steps.pop() {
        let digest = match step {
            Step::Enter(digest) => digest,
            Step::Leave(digest) => {
                order.push(digest);
                continue;
            }
        };
        if !seen.insert(digest.clone()) {
            continue;
        }
        if seen.len() > MAX_MANIFESTS {
            return Ok(Err(Failure::Limit));
        }
        let manifest = match manifest(tx, repository, &digest)? {
            Ok(manifest) => manifest,
            Err(failure) if digest == *root => return Ok(Err(failure)),
            // It fails when its turn comes.
            Err(_) => {
                order.push(digest);
                continue;
            }
        };
        if digest != *root {
            steps.push(Step::Leave(digest));
        }
        for reference in manifest.references {
            // Build caches name blobs, and a sparse index what is not there.
            if reference.role == Role::Child
                && tx.manifest_size(repository, &reference.digest)?.is_some()
            {
                steps.push(Step::Enter(reference.digest));
            }
        }
    }
    Ok(Ok(order))
}

/// A manifest that can be replicated.
pub(super) fn manifest(
    tx: &Read<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Result<Manifest<Bytes>, Failure>, Error> {
    let Some(row) = tx.manifest(repository, digest)? else {
        return Ok(Err(Failure::Gone));
    };
    if row.status != ImageStatus::Active {
        return Ok(Err(Failure::Archived));
    }
    Ok(Ok(Manifest::parse(
        Some(&row.media_type),
        Bytes::from(row.bytes),
    )?))
}

/// Those of a job's tags that still name its image.
pub(super) fn tags(tx: &Read<'_>, job: &Job) -> Result<Vec<Tag>, Error> {
    let mut tags = Vec::new();
    for tag in &job.tags {
        if tx.tag(job.repository, tag)?.as_ref() == Some(&job.digest) {
            tags.push(tag.clone());
        }
    }
    Ok(tags)
}
