//! Errors of the distribution API: one row a code, and the one translation of the domain's errors.
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use wharf_storage::Error as StoreError;
use wharf_types::ManifestError;

use super::reply::upload_range;
use crate::{Error, pull_through::UpstreamError};

/// The codes of the distribution specification, some with the status of a special case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    BlobUnknown,
    BlobReferenced,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    Internal,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestReferenced,
    ManifestTooLarge,
    ManifestUnknown,
    MethodNotAllowed,
    NameInvalid,
    NameUnknown,
    NotFound,
    PaginationNumberInvalid,
    PreconditionFailed,
    RangeInvalid,
    SizeInvalid,
    StorageFull,
    TagInvalid,
    TooLarge,
    TooManyRequests,
    TooManyTags,
    Unavailable,
    Unsupported,
    UpstreamFailed,
    UriTooLong,
}

impl Code {
    /// Wire name, status, text.
    #[expect(clippy::too_many_lines, reason = "one row a code")]
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", S::NOT_FOUND, "blob unknown to registry"),
            Self::BlobReferenced => ("UNSUPPORTED", S::METHOD_NOT_ALLOWED, "blob is in use"),
            Self::BlobUploadInvalid => {
                ("BLOB_UPLOAD_INVALID", S::BAD_REQUEST, "blob upload invalid")
            }
            Self::BlobUploadUnknown => (
                "BLOB_UPLOAD_UNKNOWN",
                S::NOT_FOUND,
                "blob upload unknown to registry",
            ),
            Self::Denied => (
                "DENIED",
                S::FORBIDDEN,
                "requested access to the resource is denied",
            ),
            Self::DigestInvalid => (
                "DIGEST_INVALID",
                S::BAD_REQUEST,
                "provided digest did not match uploaded content",
            ),
            Self::Internal => ("UNKNOWN", S::INTERNAL_SERVER_ERROR, "internal error"),
            Self::ManifestBlobUnknown => (
                "MANIFEST_BLOB_UNKNOWN",
                S::BAD_REQUEST,
                "manifest references unknown content",
            ),
            Self::ManifestInvalid => ("MANIFEST_INVALID", S::BAD_REQUEST, "manifest invalid"),
            Self::ManifestReferenced => ("DENIED", S::CONFLICT, "manifest is in use"),
            Self::ManifestTooLarge => (
                "SIZE_INVALID",
                S::PAYLOAD_TOO_LARGE,
                "manifest exceeds 4 MiB",
            ),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", S::NOT_FOUND, "manifest unknown"),
            Self::MethodNotAllowed => (
                "UNSUPPORTED",
                S::METHOD_NOT_ALLOWED,
                "the operation is unsupported",
            ),
            Self::NameInvalid => ("NAME_INVALID", S::BAD_REQUEST, "invalid repository name"),
            Self::NameUnknown => (
                "NAME_UNKNOWN",
                S::NOT_FOUND,
                "repository name not known to registry",
            ),
            Self::NotFound => ("UNSUPPORTED", S::NOT_FOUND, "not found"),
            Self::PaginationNumberInvalid => (
                "PAGINATION_NUMBER_INVALID",
                S::BAD_REQUEST,
                "invalid number of results requested",
            ),
            Self::PreconditionFailed => (
                "DENIED",
                S::PRECONDITION_FAILED,
                "the content is not what If-Match names",
            ),
            Self::RangeInvalid => (
                "BLOB_UPLOAD_INVALID",
                S::RANGE_NOT_SATISFIABLE,
                "invalid content range",
            ),
            Self::SizeInvalid => (
                "SIZE_INVALID",
                S::BAD_REQUEST,
                "provided length did not match content length",
            ),
            Self::StorageFull => (
                "UNKNOWN",
                S::INSUFFICIENT_STORAGE,
                "no space is left on the registry's disk",
            ),
            Self::TagInvalid => ("TAG_INVALID", S::BAD_REQUEST, "invalid tag name"),
            Self::TooLarge => ("SIZE_INVALID", S::PAYLOAD_TOO_LARGE, "content is too large"),
            Self::TooManyRequests => ("TOOMANYREQUESTS", S::TOO_MANY_REQUESTS, "too many requests"),
            Self::TooManyTags => ("DENIED", S::FORBIDDEN, "too many tags"),
            Self::Unavailable => (
                "UNAVAILABLE",
                S::SERVICE_UNAVAILABLE,
                "the registry's store is unavailable, try again later",
            ),
            Self::Unsupported => (
                "UNSUPPORTED",
                S::BAD_REQUEST,
                "the operation is unsupported",
            ),
            Self::UpstreamFailed => (
                "UNKNOWN",
                S::BAD_GATEWAY,
                "the upstream registry could not be reached, or its answer could not be trusted",
            ),
            Self::UriTooLong => ("UNSUPPORTED", S::URI_TOO_LONG, "too many parameters"),
        }
    }
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct Refusal {
    code: Code,
    message: String,
    detail: Value,
    headers: HeaderMap,
}

impl Refusal {
    /// A code with a text of its own.
    pub fn new(code: Code, message: impl std::fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            detail: Value::Null,
            headers: HeaderMap::new(),
        }
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        Self::from(Code::MethodNotAllowed).with(header::ALLOW, HeaderValue::from_static(allow))
    }

    pub(super) fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code, code.row().2)
    }
}

impl From<Error> for Refusal {
    #[expect(clippy::too_many_lines, reason = "one row an error")]
    fn from(e: Error) -> Self {
        let code = match &e {
            Error::RepositoryNotFound { .. } => Code::NameUnknown,
            Error::RepositoryExists { .. } | Error::RepositoryNotEmpty { .. } => Code::Unsupported,
            // Nothing that this door does is about these.
            Error::StorageClassUnsupported { .. }
            | Error::ExclusionExists { .. }
            | Error::ExclusionNotFound { .. }
            | Error::TooManyExclusions { .. }
            | Error::LifecyclePolicyNotFound { .. }
            | Error::LifecyclePolicyInvalid(_)
            | Error::LifecyclePreviewInProgress { .. }
            | Error::LifecyclePreviewNotFound { .. }
            | Error::TemplateExists { .. }
            | Error::TemplateNotFound { .. }
            | Error::TooMany { .. }
            | Error::Backfill(_)
            | Error::NoSigningConfiguration
            | Error::RuleExists { .. }
            | Error::RuleNotFound { .. }
            | Error::CredentialsNeeded { .. } => Code::Unsupported,
            Error::Upstream(UpstreamError::AccessDenied) | Error::Secret { .. } => Code::Denied,
            Error::Upstream(UpstreamError::NotFound) => Code::ManifestUnknown,
            Error::Upstream(UpstreamError::TooManyRequests) => Code::TooManyRequests,
            // Why is in the log: addresses and names of networks are not for clients.
            Error::Upstream(UpstreamError::Unavailable(_) | UpstreamError::Refused(_))
            | Error::UnsupportedUpstream { .. } => return Self::from(Code::UpstreamFailed),
            Error::ManifestUnknown => Code::ManifestUnknown,
            Error::Manifest(ManifestError::TooLarge) => Code::ManifestTooLarge,
            Error::Manifest(ManifestError::Schema1) => Code::Unsupported,
            Error::Manifest(_) | Error::SizeDiffers { .. } => Code::ManifestInvalid,
            Error::LayersMissing { missing, .. } | Error::ImagesMissing { missing, .. } => {
                let detail = json!(missing);
                return Self::new(Code::ManifestBlobUnknown, e).detail(detail);
            }
            Error::DigestDiffers { .. } => Code::DigestInvalid,
            Error::TagImmutable { .. } => Code::TagInvalid,
            Error::TooManyTags { .. } => Code::TooManyTags,
            Error::ManifestReferenced { .. } => Code::ManifestReferenced,
            Error::BlobUnknown { .. } | Error::LayerInaccessible { .. } => Code::BlobUnknown,
            Error::PartInvalid { .. }
            | Error::LayerLimit { .. }
            | Error::UploadEmpty { .. }
            | Error::PartTooSmall { .. }
            | Error::LayerExists { .. } => Code::BlobUploadInvalid,
            Error::BlobReferenced { .. } => Code::BlobReferenced,
            Error::UploadUnknown => Code::BlobUploadUnknown,
            Error::RangeInvalid { size, .. } => {
                let range = upload_range(*size);
                return Self::new(Code::RangeInvalid, e).with(header::RANGE, range);
            }
            Error::ScanNotFound { .. }
            | Error::ScanUnsupported { .. }
            | Error::ScanArchived { .. }
            | Error::ScanQuota
            | Error::ScanDisabled => Code::Unsupported,
            Error::SizeInvalid => Code::SizeInvalid,
            Error::Denied(_) => Code::Denied,
            Error::PolicyInvalid { .. } | Error::PolicyLocksOut => Code::Unsupported,
            Error::TooLarge { .. } => Code::TooLarge,
            Error::BodyBroken => Code::BlobUploadInvalid,
            Error::TooManyUploads => {
                return Self::new(Code::TooManyRequests, e)
                    .with(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Error::Store(StoreError::Full) => Code::StorageFull,
            Error::Store(StoreError::Damaged) => Code::BlobUnknown,
            Error::Store(StoreError::Gone) => Code::NameUnknown,
            Error::Store(StoreError::Unavailable | StoreError::Object(_)) => {
                log(&e);
                return Self::from(Code::Unavailable)
                    .with(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Error::Store(_) => {
                log(&e);
                return Self::from(Code::Internal);
            }
        };
        match e {
            Error::Store(_) => Self::from(code),
            told => Self::new(code, told),
        }
    }
}

fn log(error: &Error) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "a request failed");
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            code,
            message,
            detail,
            mut headers,
        } = self;
        let (name, status, _) = code.row();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read, so nothing can follow it.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let mut error = json!({ "code": name, "message": message });
        if !detail.is_null()
            && let Some(error) = error.as_object_mut()
        {
            error.insert("detail".into(), detail);
        }
        (status, headers, Json(json!({ "errors": [error] }))).into_response()
    }
}
