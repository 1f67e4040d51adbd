//! Uploads: POST, PATCH, PUT, GET, DELETE.
use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use wharf_storage::Repository;
use wharf_types::{Algorithm, ContentRange, Digest, Invalid, RepoName, UploadId};

use super::{
    Asked, Code, Refusal,
    reply::{BlobCreated, Cancelled, UploadProgress},
};
use crate::{Error, blobs, repositories};

fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse()
        .map_err(|e: Invalid| Refusal::new(Code::DigestInvalid, e))
}

async fn repository(a: &Asked<'_>, name: &RepoName) -> Result<Repository, Error> {
    repositories::get(a.cx, &a.caller.registry, name).await
}

/// `POST`: a mount, a whole blob at once, or the beginning of an upload.
pub(super) async fn begin(a: &Asked<'_>, name: &RepoName, body: Body) -> Result<Response, Refusal> {
    if let Some(length) = a.announced()
        && length > blobs::MAX_BYTES
    {
        return Err(Error::TooLarge {
            limit: blobs::MAX_BYTES,
        }
        .into());
    }
    let mount = a.query.get("mount").map(digest).transpose()?;
    let whole = a.query.get("digest").map(digest).transpose()?;
    let algorithm: Option<Algorithm> = match a.query.get("digest-algorithm") {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|e: Invalid| Refusal::new(Code::DigestInvalid, e))?,
        ),
    };
    let repository = repositories::for_push(a.cx, a.caller, name).await?;
    if let Some(digest) = mount {
        let from = a.mount_from.as_ref();
        if blobs::mount(a.cx, a.caller, &repository, &digest, from).await? {
            return Ok(BlobCreated {
                name: name.clone(),
                digest,
            }
            .into_response());
        }
    }
    let stated = whole.as_ref().map(Digest::algorithm);
    let algorithm = stated.or(algorithm).unwrap_or(Algorithm::Sha256);
    let upload = blobs::begin(a.cx, a.caller, &repository, algorithm).await?;
    let Some(digest) = whole else {
        let (name, id) = (name.clone(), upload.id().clone());
        return Ok(UploadProgress {
            status: StatusCode::ACCEPTED,
            name,
            id,
            size: 0,
        }
        .into_response());
    };
    let id = upload.id().clone();
    let committed = match blobs::append(a.cx, upload, None, a.announced(), body).await {
        Ok(upload) => blobs::finish(a.cx, a.caller, name, upload, digest).await,
        Err(e) => {
            // Nobody knows the session: it must not stay.
            if let Ok(upload) = blobs::resume(a.cx, a.caller, &repository, &id).await {
                upload.cancel().await.map_err(Error::from)?;
            }
            Err(e)
        }
    };
    let digest = committed?.digest;
    Ok(BlobCreated {
        name: name.clone(),
        digest,
    }
    .into_response())
}

/// The `Content-Range` of a chunk. One that cannot be read cannot be satisfied.
fn content_range(a: &Asked<'_>, size: u64) -> Result<Option<ContentRange>, Error> {
    let Some(value) = a.headers.get(header::CONTENT_RANGE) else {
        return Ok(None);
    };
    let range = value.to_str().ok().and_then(|text| text.parse().ok());
    range.map(Some).ok_or(Error::RangeInvalid {
        reason: "Content-Range is not <first>-<last>",
        size,
    })
}

pub(super) async fn append(
    a: &Asked<'_>,
    name: &RepoName,
    id: &UploadId,
    body: Body,
) -> Result<UploadProgress, Refusal> {
    let repository = repository(a, name).await?;
    let upload = blobs::resume(a.cx, a.caller, &repository, id).await?;
    let range = content_range(a, upload.size())?;
    let size = blobs::append_chunk(a.cx, upload, range, a.announced(), body).await?;
    Ok(UploadProgress {
        status: StatusCode::ACCEPTED,
        name: name.clone(),
        id: id.clone(),
        size,
    })
}

pub(super) async fn finish(
    a: &Asked<'_>,
    name: &RepoName,
    id: &UploadId,
    body: Body,
) -> Result<BlobCreated, Refusal> {
    let repository = repository(a, name).await?;
    let Some(stated) = a.query.get("digest") else {
        return Err(Refusal::new(
            Code::DigestInvalid,
            "the digest parameter is missing",
        ));
    };
    let digest = digest(stated)?;
    let upload = blobs::resume(a.cx, a.caller, &repository, id).await?;
    // Clients send the range of the chunk before with an empty last request.
    let range = if a.announced() == Some(0) {
        None
    } else {
        content_range(a, upload.size())?
    };
    let upload = blobs::append(a.cx, upload, range, a.announced(), body).await?;
    let committed = blobs::finish(a.cx, a.caller, name, upload, digest).await?;
    Ok(BlobCreated {
        name: name.clone(),
        digest: committed.digest,
    })
}

pub(super) async fn status(
    a: &Asked<'_>,
    name: &RepoName,
    id: &UploadId,
) -> Result<UploadProgress, Refusal> {
    let repository = repository(a, name).await?;
    let size = blobs::received(a.cx, a.caller, &repository, id).await?;
    Ok(UploadProgress {
        status: StatusCode::NO_CONTENT,
        name: name.clone(),
        id: id.clone(),
        size,
    })
}

pub(super) async fn cancel(
    a: &Asked<'_>,
    name: &RepoName,
    id: &UploadId,
) -> Result<Cancelled, Refusal> {
    let repository = repository(a, name).await?;
    let upload = blobs::resume(a.cx, a.caller, &repository, id).await?;
    upload.cancel().await.map_err(Error::from)?;
    Ok(Cancelled)
}
