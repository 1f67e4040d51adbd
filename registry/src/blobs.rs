//! Layers and configs: uploaded, mounted, found, deleted.
use axum::body::Body;
use wharf_storage::{AppendError, BlobRow, Committed, FinishError, Repository, Resumed, Upload};
use wharf_types::{Algorithm, ContentRange, Digest, RepoName, UploadId};

use crate::{Caller, Cx, Error, account_settings::AccountSetting, repositories};

/// The largest layer of ECR: 52,000 MiB.
pub const MAX_BYTES: u64 = 52_000 * 1024 * 1024;

/// How many repositories are looked through for a blob that can be mounted.
const HOLDERS: usize = 1;

/// Who an upload belongs to.
fn owner(caller: &Caller) -> String {
    caller.principal.arn.to_string()
}

/// Begins an upload.
pub async fn begin(
    cx: &Cx,
    caller: &Caller,
    repository: &Repository,
    algorithm: Algorithm,
) -> Result<Upload, Error> {
    let begun = cx
        .store
        .begin_upload(repository.id, &owner(caller), algorithm)
        .await?;
    begun.ok_or(Error::TooManyUploads)
}

/// Goes on with an upload of this caller and repository; anyone else's is unknown.
pub async fn resume(
    cx: &Cx,
    caller: &Caller,
    repository: &Repository,
    id: &UploadId,
) -> Result<Upload, Error> {
    match cx
        .store
        .resume_upload(repository.id, &owner(caller), id)
        .await?
    {
        Resumed::Ready(upload) => Ok(*upload),
        Resumed::Missing => Err(Error::UploadUnknown),
        Resumed::Busy => {
            let size = received(cx, caller, repository, id).await?;
            Err(Error::RangeInvalid {
                reason: "another request is sending to this upload",
                size,
            })
        }
    }
}

/// How many bytes of an upload have come.
pub async fn received(
    cx: &Cx,
    caller: &Caller,
    repository: &Repository,
    id: &UploadId,
) -> Result<u64, Error> {
    let row = cx
        .store
        .upload_row(repository.id, &owner(caller), id)
        .await?;
    row.map(|row| row.size).ok_or(Error::UploadUnknown)
}

/// Appends a request's body to an upload. A client that breaks off can go on from what came;
/// anything else that is wrong leaves the upload as it was.
pub async fn append(
    cx: &Cx,
    mut upload: Upload,
    range: Option<ContentRange>,
    announced: Option<u64>,
    body: Body,
) -> Result<Upload, Error> {
    let before = upload.size();
    if let Some(ContentRange(range)) = range {
        if range.first != before {
            return Err(Error::RangeInvalid {
                reason: "the chunk does not begin where the last one ended",
                size: before,
            });
        }
        if announced.is_some_and(|length| length != range.len()) {
            return Err(Error::SizeInvalid);
        }
    }
    let room = MAX_BYTES.saturating_sub(before);
    if announced.is_some_and(|length| length > room) {
        return Err(Error::TooLarge { limit: MAX_BYTES });
    }
    let limit = range.map_or(room, |ContentRange(range)| range.len().min(room));
    match upload.append(body.into_data_stream(), limit).await {
        Ok(()) => {}
        Err(AppendError::Body(_)) => {
            let kept = upload.suspend(cx.store.now()).await?;
            return Err(kept.map_or(Error::UploadUnknown, |_size| Error::BodyBroken));
        }
        Err(AppendError::TooLong) if range.is_some() => return Err(Error::SizeInvalid),
        Err(AppendError::TooLong) => return Err(Error::TooLarge { limit: MAX_BYTES }),
        Err(AppendError::Store(e)) => return Err(e.into()),
    }
    let short = |ContentRange(range): ContentRange| upload.size() - before != range.len();
    if range.is_some_and(short) {
        return Err(Error::SizeInvalid);
    }
    Ok(upload)
}

/// Appends a chunk and keeps the upload for the next one. Goes on to the end even if the client does
/// not wait for it: what came is kept.
pub async fn append_chunk(
    cx: &Cx,
    upload: Upload,
    range: Option<ContentRange>,
    announced: Option<u64>,
    body: Body,
) -> Result<u64, Error> {
    let cx = cx.clone();
    let task = tokio::spawn(async move {
        let upload = append(&cx, upload, range, announced, body).await?;
        let kept = upload.suspend(cx.store.now()).await?;
        kept.ok_or(Error::UploadUnknown)
    });
    let panicked = |_| Error::Store(wharf_storage::Error::Unavailable);
    task.await.map_err(panicked)?
}

/// Makes an upload a blob of its repository. A wrong digest ends the upload.
pub async fn finish(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    upload: Upload,
    digest: Digest,
) -> Result<Committed, Error> {
    finish_as(cx, caller, name, upload, digest, Vec::new()).await
}

/// Makes an upload a blob that has other digests as well. A wrong one ends the upload.
pub async fn finish_as(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    upload: Upload,
    digest: Digest,
    others: Vec<Digest>,
) -> Result<Committed, Error> {
    match upload
        .finish_as(digest.clone(), others, cx.store.now(), cx.store.lease())
        .await
    {
        Ok(committed) => Ok(committed),
        Err(FinishError::Mismatch(actual)) => Err(Error::DigestDiffers {
            stated: digest,
            actual,
        }),
        Err(FinishError::Gone) => {
            repositories::get(cx, &caller.registry, name).await?;
            Err(Error::UploadUnknown)
        }
        Err(FinishError::Store(e)) => Err(e.into()),
    }
}

/// Shows a blob of another repository of the registry in this one; whether there is such a blob.
pub async fn mount(
    cx: &Cx,
    caller: &Caller,
    repository: &Repository,
    digest: &Digest,
    from: Option<&RepoName>,
) -> Result<bool, Error> {
    let (registry, into, lease) = (caller.registry.clone(), repository.id, cx.store.lease());
    let (digest, from) = (digest.clone(), from.cloned());
    // Where policies are enforced, only the source that the caller may read counts.
    let anywhere = !cx.auth.is_strict();
    let mounted = cx.store.meta().write(move |tx| {
        if AccountSetting::BlobMounting.of(tx, &registry)? == "DISABLED" {
            return Ok(false);
        }
        let source = match &from {
            Some(name) => tx.repository(&registry, name)?,
            None => None,
        };
        let named = match source {
            Some(source) => tx.blob_size(source.id, &digest)?.is_some(),
            None => false,
        };
        let there = named || anywhere && !tx.holders(&registry, &digest, HOLDERS)?.is_empty();
        if there {
            tx.link_blob(into, &digest, lease)?;
        }
        Ok::<_, Error>(there)
    });
    mounted.await
}

/// Finds a blob of a repository.
pub async fn find(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    digest: &Digest,
) -> Result<(Repository, BlobRow), Error> {
    let (registry, name, digest) = (caller.registry.clone(), name.clone(), digest.clone());
    cx.store
        .meta()
        .read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let row = tx
                .blob(repository.id, &digest)?
                .ok_or(Error::BlobUnknown { digest })?;
            Ok((repository, row))
        })
        .await
}

/// Keeps a blob that someone was told to be there, so that the manifest that follows finds it.
pub async fn keep(cx: &Cx, repository: &Repository, row: &BlobRow) -> Result<(), Error> {
    if !cx.store.is_lease_old(row.lease) {
        return Ok(());
    }
    let (id, digest, lease) = (repository.id, row.digest.clone(), cx.store.lease());
    let kept = cx.store.meta().write_relaxed(move |tx| {
        if tx.blob_size(id, &digest)?.is_none() {
            return Err(Error::BlobUnknown {
                digest: digest.clone(),
            });
        }
        Ok(tx.link_blob(id, &digest, lease)?)
    });
    kept.await
}

/// Takes a blob away from a repository, unless a manifest there names it.
pub async fn delete(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    digest: &Digest,
) -> Result<(), Error> {
    let (registry, name, digest) = (caller.registry.clone(), name.clone(), digest.clone());
    cx.store
        .meta()
        .write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            if tx.blob_size(repository.id, &digest)?.is_none() {
                return Err(Error::BlobUnknown {
                    digest: digest.clone(),
                });
            }
            if !tx.referenced_by(repository.id, &digest, 1)?.is_empty() {
                return Err(Error::BlobReferenced {
                    digest: digest.clone(),
                });
            }
            tx.unlink_blob(repository.id, &digest)?;
            Ok(())
        })
        .await
}
