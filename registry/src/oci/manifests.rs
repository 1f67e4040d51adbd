//! Manifests: GET, HEAD, PUT, DELETE.
use std::sync::Arc;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::header;
use wharf_types::{Algorithm, Digest, Manifest, ManifestRef, RepoName, Tag};
use wharf_upstream::push::REPLICA;

use super::{
    Asked, Code, Refusal,
    blobs::{Content, Served, harmless},
    reply::{Deleted, ManifestCreated},
};
use crate::{
    Error,
    images::{self, Origin, Push},
    pull_through, pull_times, repositories,
};

/// The most tags that one PUT sets. The specification asks for at least ten; each is a header of the
/// answer, of which several HTTP clients read no more than a hundred.
const MAX_TAGS: usize = 50;

pub(super) async fn get(
    a: &Asked<'_>,
    name: &RepoName,
    at: &ManifestRef,
    body: bool,
) -> Result<Response, Refusal> {
    pull_through::fetch_image(a.cx, a.puller(), name, at).await?;
    let (repository, row) = images::find(a.cx, a.caller, name, at).await?;
    if body {
        pull_times::pulled(a.cx, a.caller, &repository, &row);
    }
    let content = Content {
        digest: &row.digest,
        media_type: &row.media_type,
        size: row.size,
    };
    let bytes = Bytes::from(row.bytes);
    Ok(harmless(match content.negotiate(a, body) {
        Served::Now(response) => response,
        Served::Body(head, segments) => {
            let pieces: Vec<_> = segments
                .into_iter()
                .map(|segment| match segment {
                    wharf_storage::Segment::Literal(text) => text,
                    wharf_storage::Segment::Range(range) => slice(&bytes, range),
                })
                .map(Ok::<_, std::convert::Infallible>)
                .collect();
            head.map(|()| Body::from_stream(futures::stream::iter(pieces)))
        }
    }))
}

fn slice(bytes: &Bytes, range: wharf_types::ByteRange) -> Bytes {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(range.first)..at(range.last.saturating_add(1)))
}

pub(super) async fn put(
    a: &Asked<'_>,
    name: &RepoName,
    at: &ManifestRef,
    body: Body,
) -> Result<ManifestCreated, Refusal> {
    let extra = extra_tags(a, at)?;
    repositories::for_push(a.cx, a.caller, name).await?;
    let limit = Manifest::<Bytes>::MAX_BYTES;
    let read = a.cx.bodies.read(body, a.announced(), limit).await;
    let (bytes, _room) = read.map_err(|e| match e {
        Error::TooLarge { .. } => Refusal::from(Code::ManifestTooLarge),
        e => e.into(),
    })?;
    let digest = match at {
        ManifestRef::Digest(stated) if !stated.matches(&bytes) => {
            let actual = Digest::of(stated.algorithm(), &bytes);
            return Err(Error::DigestDiffers {
                stated: stated.clone(),
                actual,
            }
            .into());
        }
        ManifestRef::Digest(stated) => stated.clone(),
        ManifestRef::Tag(_) => Digest::of(algorithm(a)?, &bytes),
    };
    let manifest = Manifest::parse(a.header(header::CONTENT_TYPE), bytes).map_err(Error::from)?;
    let subject = manifest.subject.clone();
    let mut tags = extra.clone();
    if let ManifestRef::Tag(tag) = at {
        tags.push(tag.clone());
    }
    let push = Push {
        manifest: Arc::new(manifest),
        digest: digest.clone(),
        tags,
        references: a.cx.references,
        origin: origin(a),
    };
    images::put(a.cx, a.caller, name, push).await?;
    Ok(ManifestCreated {
        name: name.clone(),
        digest,
        subject,
        tags: extra,
    })
}

/// Another server says so when what it pushes is a replica.
fn origin(a: &Asked<'_>) -> Origin {
    a.header(REPLICA)
        .map_or(Origin::Client, |_| Origin::Replication)
}

/// The algorithm under which a manifest pushed by tag is known.
fn algorithm(a: &Asked<'_>) -> Result<Algorithm, Refusal> {
    match a.query.get("digest-algorithm") {
        None => Ok(Algorithm::Sha256),
        Some(name) => name
            .parse()
            .map_err(|e| Refusal::new(Code::DigestInvalid, e)),
    }
}

/// The tags of `?tag=a&tag=b`, which go with a digest only.
fn extra_tags(a: &Asked<'_>, at: &ManifestRef) -> Result<Vec<Tag>, Refusal> {
    let mut tags = Vec::new();
    for text in a.query.all("tag") {
        let too_long = text.len() > Tag::MAX_OCI;
        let tag: Tag = text
            .parse()
            .map_err(|e| Refusal::new(Code::TagInvalid, e))?;
        if too_long {
            return Err(Code::TagInvalid.into());
        }
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > MAX_TAGS {
            return Err(Refusal::new(
                Code::UriTooLong,
                format!("at most {MAX_TAGS} tags can be set at once"),
            ));
        }
    }
    if !tags.is_empty() && matches!(at, ManifestRef::Tag(_)) {
        return Err(Refusal::new(
            Code::TagInvalid,
            "the tag parameter goes with a push by digest",
        ));
    }
    Ok(tags)
}

pub(super) async fn delete(
    a: &Asked<'_>,
    name: &RepoName,
    at: &ManifestRef,
) -> Result<Deleted, Refusal> {
    images::delete(a.cx, a.caller, name, at).await?;
    Ok(Deleted)
}
