//! What the distribution API answers: statuses and headers, each in one place.
use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use wharf_auth::challenge;
use wharf_types::{Digest, RepoName, Tag, UploadId};

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// A header's value. What we put into one was parsed and is visible ASCII.
pub(super) fn value(text: impl AsRef<str>) -> HeaderValue {
    HeaderValue::from_str(text.as_ref()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `0-<last byte>` of an upload. Docker's client cannot read anything else for an empty one.
pub(super) fn upload_range(size: u64) -> HeaderValue {
    value(format!("0-{}", size.saturating_sub(1)))
}

pub(super) fn ping() -> Response {
    Json(json!({})).into_response()
}

/// ECR's 401: plain text, whatever was asked for.
pub(super) fn unauthorized(host: &str) -> Response {
    let headers = [
        (header::WWW_AUTHENTICATE, challenge::www_authenticate(host)),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(challenge::UNAUTHORIZED_TYPE),
        ),
    ];
    (StatusCode::UNAUTHORIZED, headers, challenge::UNAUTHORIZED).into_response()
}

/// A manifest was stored.
#[derive(Debug)]
pub(super) struct ManifestCreated {
    pub(super) name: RepoName,
    pub(super) digest: Digest,
    pub(super) subject: Option<Digest>,
    /// The tags that were asked for beside the path.
    pub(super) tags: Vec<Tag>,
}

impl IntoResponse for ManifestCreated {
    fn into_response(self) -> Response {
        let Self {
            name,
            digest,
            subject,
            tags,
        } = self;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::LOCATION,
            value(format!("/v2/{name}/manifests/{digest}")),
        );
        headers.insert(CONTENT_DIGEST, value(digest.as_str()));
        if let Some(subject) = subject {
            headers.insert(SUBJECT, value(subject.as_str()));
        }
        for tag in tags {
            headers.append(TAG, value(tag.as_str()));
        }
        (StatusCode::CREATED, headers).into_response()
    }
}

/// A blob was stored or mounted.
#[derive(Debug)]
pub(super) struct BlobCreated {
    pub(super) name: RepoName,
    pub(super) digest: Digest,
}

impl IntoResponse for BlobCreated {
    fn into_response(self) -> Response {
        let Self { name, digest } = self;
        let headers = [
            (
                header::LOCATION,
                value(format!("/v2/{name}/blobs/{digest}")),
            ),
            (CONTENT_DIGEST, value(digest.as_str())),
        ];
        (StatusCode::CREATED, headers).into_response()
    }
}

/// A blob's bytes are to be had from the bucket.
#[derive(Debug)]
pub(super) struct BlobElsewhere {
    pub(super) digest: Digest,
    pub(super) url: String,
}

impl IntoResponse for BlobElsewhere {
    fn into_response(self) -> Response {
        let Self { digest, url } = self;
        let headers = [
            (header::LOCATION, value(url)),
            (CONTENT_DIGEST, value(digest.as_str())),
            // The URL works for a while only.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
    }
}

/// Something was deleted.
#[derive(Debug)]
pub(super) struct Deleted;

impl IntoResponse for Deleted {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

/// An upload was cancelled.
#[derive(Debug)]
pub(super) struct Cancelled;

impl IntoResponse for Cancelled {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// How far an upload has come.
#[derive(Debug)]
pub(super) struct UploadProgress {
    pub(super) status: StatusCode,
    pub(super) name: RepoName,
    pub(super) id: UploadId,
    pub(super) size: u64,
}

impl IntoResponse for UploadProgress {
    fn into_response(self) -> Response {
        let Self {
            status,
            name,
            id,
            size,
        } = self;
        let headers = [
            (
                header::LOCATION,
                value(format!("/v2/{name}/blobs/uploads/{id}")),
            ),
            (header::RANGE, upload_range(size)),
            (UPLOAD_UUID, value(id.as_str())),
        ];
        (status, headers).into_response()
    }
}

/// A page of a list, and where the next one is.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// The path and query of the next page.
    pub(super) next: Option<String>,
    /// Whether the list was filtered by artifact type.
    pub(super) filtered: bool,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self {
            content_type,
            body,
            next,
            filtered,
        } = self;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(next) = next {
            headers.insert(header::LINK, value(format!("<{next}>; rel=\"next\"")));
        }
        if filtered {
            headers.insert(FILTERS, HeaderValue::from_static("artifactType"));
        }
        (headers, Body::from(body)).into_response()
    }
}
