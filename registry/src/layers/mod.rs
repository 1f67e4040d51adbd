//! Layers by ECR's JSON API: uploaded in numbered parts, checked, and linked to for download.
//!
//! Uploads are the sessions of `/v2/`: what is begun through one door may be finished through the
//! other, by the same principal. A session goes on after every refused part as if it had not come.
mod availability;
mod link;

use std::convert::Infallible;

use bytes::Bytes;
use wharf_storage::{AppendError, Owner, Repository, Upload, UploadParts};
use wharf_types::{Algorithm, Digest, RepoName, UploadId};

pub use availability::{Availability, Layer, check};
pub use link::{Download, Link, LinkError, VALID, download};

use crate::{
    Caller, Cx, Error,
    blobs::{self, MAX_BYTES},
    repositories,
};

/// The most parts of a layer.
pub const MAX_PARTS: u32 = 4200;

/// The least bytes of every part but the last.
pub const MIN_PART: u64 = 5 * 1024 * 1024;

/// In what pieces a part is hashed and written.
const PIECE: usize = 1024 * 1024;

/// Begins an upload. Unlike a push through `/v2/`, it never makes the repository.
pub async fn begin(cx: &Cx, caller: &Caller, name: &RepoName) -> Result<UploadId, Error> {
    let repository = repositories::get(cx, &caller.registry, name).await?;
    let upload = blobs::begin(cx, caller, &repository, Algorithm::Sha256).await?;
    Ok(upload.id().clone())
}

/// Bytes of a layer and their place in it.
#[derive(Clone, Debug)]
pub struct Part {
    pub first: u64,
    pub bytes: Bytes,
}

/// Appends a part; how many bytes have come with it. Goes on to the end even if the client does not
/// wait for it.
pub async fn append(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    id: &UploadId,
    part: Part,
) -> Result<u64, Error> {
    let repository = repositories::get(cx, &caller.registry, name).await?;
    let upload = match blobs::resume(cx, caller, &repository, id).await {
        Err(Error::RangeInvalid { reason, size }) => {
            return Err(invalid(&repository, id, size, reason.to_owned()));
        }
        resumed => resumed?,
    };
    let task = tokio::spawn(store(cx.clone(), repository, upload, part));
    let panicked = |_| Error::Store(wharf_storage::Error::Unavailable);
    task.await.map_err(panicked)?
}

fn invalid(repository: &Repository, id: &UploadId, received: u64, reason: String) -> Error {
    Error::PartInvalid {
        registry: repository.registry.clone(),
        name: repository.name.clone(),
        upload: id.clone(),
        received,
        reason,
    }
}

async fn store(
    cx: Cx,
    repository: Repository,
    mut upload: Upload,
    part: Part,
) -> Result<u64, Error> {
    let (received, len) = (upload.size(), part.bytes.len() as u64);
    if part.first != received {
        let reason = format!(
            "the first byte is {}, but {received} bytes were received before it",
            part.first
        );
        return Err(invalid(&repository, upload.id(), received, reason));
    }
    let before = parts(&cx, &repository, upload.id()).await?;
    if before.count >= MAX_PARTS {
        return Err(Error::LayerLimit {
            what: "parts",
            limit: MAX_PARTS.into(),
        });
    }
    if received + len > MAX_BYTES {
        return Err(Error::LayerLimit {
            what: "bytes",
            limit: MAX_BYTES,
        });
    }
    let bytes = part.bytes;
    let pieces = (0..bytes.len()).step_by(PIECE).map(move |at| {
        Ok::<_, Infallible>(bytes.slice(at..bytes.len().min(at.saturating_add(PIECE))))
    });
    match upload.append(futures::stream::iter(pieces), len).await {
        Ok(()) => {}
        Err(AppendError::Body(never)) => match never {},
        Err(AppendError::TooLong) => return Err(Error::SizeInvalid),
        Err(AppendError::Store(e)) => return Err(e.into()),
    }
    upload.note_parts(after(&before, received, len));
    let kept = upload.suspend(cx.store.now()).await?;
    kept.ok_or(Error::UploadUnknown)
}

/// What is known of an upload's parts.
async fn parts(cx: &Cx, repository: &Repository, id: &UploadId) -> Result<UploadParts, Error> {
    let (owner, name) = (Owner::Repository(repository.id), id.to_string());
    let found = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(tx.document::<UploadParts>(&owner, &name)?));
    Ok(found.await?.map(|found| found.body).unwrap_or_default())
}

/// What is known after a part of `len` bytes that followed `received` ones.
fn after(before: &UploadParts, received: u64, len: u64) -> UploadParts {
    UploadParts {
        count: before.count + 1,
        small_inside: before.small_inside || before.small_end.is_some(),
        small_end: (len < MIN_PART).then_some(received + len),
    }
}

/// Whether a part that is too small is not the last thing that came.
fn is_too_small(parts: &UploadParts, size: u64) -> bool {
    parts.small_inside || parts.small_end.is_some_and(|end| end != size)
}

/// Makes an upload a layer of its repository that has all these digests, of which there is at least
/// one; under which of them it is stored. The upload ends unless it is empty or another request is
/// at it.
pub async fn complete(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    id: &UploadId,
    digests: Vec<Digest>,
) -> Result<Digest, Error> {
    let repository = repositories::get(cx, &caller.registry, name).await?;
    let upload = blobs::resume(cx, caller, &repository, id).await?;
    if upload.size() == 0 {
        return Err(Error::UploadEmpty { upload: id.clone() });
    }
    if is_too_small(&parts(cx, &repository, id).await?, upload.size()) {
        upload.cancel().await?;
        return Err(Error::PartTooSmall { upload: id.clone() });
    }
    let usual = |digest: &&Digest| digest.algorithm() == Algorithm::Sha256;
    let Some(digest) = digests.iter().find(usual).or(digests.first()).cloned() else {
        return Err(Error::UploadUnknown);
    };
    let (key, wanted) = (repository.id, digest.clone());
    let there = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(tx.blob_size(key, &wanted)?.is_some()))
        .await?;
    // What is there already is replaced, and its lease renewed, as on `/v2/`.
    blobs::finish_as(cx, caller, name, upload, digest.clone(), digests).await?;
    if there {
        return Err(Error::LayerExists {
            registry: repository.registry,
            name: repository.name,
            digest,
        });
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn parts_of(sizes: &[u64]) -> (UploadParts, u64) {
        sizes
            .iter()
            .fold((UploadParts::default(), 0), |(parts, received), len| {
                (after(&parts, received, *len), received + len)
            })
    }

    #[test]
    fn layer_parts_must_be_at_least_5_mib_in_size_but_for_the_last() {
        for (sizes, too_small) in [
            (vec![1], false),
            (vec![MIN_PART, 1], false),
            (vec![MIN_PART - 1, 1], true),
            (vec![10 * MIB, 10 * MIB, 20 * MIB, 3], false),
            (vec![10 * MIB, 3, 10 * MIB], true),
            (vec![3, 10 * MIB, 3], true),
        ] {
            let (parts, size) = parts_of(&sizes);
            assert_eq!(is_too_small(&parts, size), too_small, "{sizes:?}");
            assert_eq!(parts.count as usize, sizes.len());
        }
        // The other door sent more after a small part.
        let (parts, size) = parts_of(&[1]);
        assert!(is_too_small(&parts, size + 1));
    }
}
