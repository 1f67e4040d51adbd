//! Errors as AWS clients see them, and the one translation of the domain's errors.
use http::StatusCode;
use serde_json::{Map, Value};
use wharf_auth::SigError;
use wharf_registry::{
    Error as DomainError, pull_through::SecretError, replication::backfill::Refused,
};
use wharf_storage::Error as StoreError;

/// An error of an operation.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Exception {
    pub(crate) kind: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Members besides the message.
    pub(crate) members: Map<String, Value>,
}

impl Exception {
    pub(crate) fn client(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            members: Map::new(),
        }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterException", message)
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::client("SerializationException", message)
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::client(
            "UnknownOperationException",
            "The operation is not known to this service",
        )
    }

    pub(crate) fn not_implemented(service: &str, operation: &str) -> Self {
        let message = format!("wharf does not do {service}:{operation} yet");
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            ..Self::client("NotImplementedException", message)
        }
    }

    /// A part that does not fit, with what a client needs to go on.
    fn invalid_part(e: &DomainError) -> Self {
        let mut refused = Self::client("InvalidLayerPartException", e.to_string());
        if let DomainError::PartInvalid {
            registry,
            name,
            upload,
            received,
            ..
        } = e
        {
            let members = &mut refused.members;
            members.insert("registryId".into(), registry.account.as_str().into());
            members.insert("repositoryName".into(), name.as_str().into());
            members.insert("uploadId".into(), upload.as_str().into());
            // Where nothing has come there is no last byte.
            if let Some(last) = received.checked_sub(1) {
                members.insert("lastValidByteReceived".into(), last.into());
            }
        }
        refused
    }

    /// Something that is our fault: the client learns nothing, the log everything.
    pub(crate) fn internal(error: impl std::error::Error + 'static) -> Self {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "an operation failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::client(
                "ServerException",
                "An internal error occurred. Try again later.",
            )
        }
    }
}

impl From<SigError> for Exception {
    fn from(e: SigError) -> Self {
        let status = match e {
            SigError::Expired => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            ..Self::client(e.code(), e.message())
        }
    }
}

impl From<wharf_types::Invalid> for Exception {
    fn from(e: wharf_types::Invalid) -> Self {
        Self::invalid_parameter(e.to_string())
    }
}

impl From<DomainError> for Exception {
    #[expect(clippy::too_many_lines, reason = "one row an error")]
    fn from(e: DomainError) -> Self {
        let kind = match &e {
            DomainError::RepositoryNotFound { .. } => "RepositoryNotFoundException",
            DomainError::RepositoryExists { .. } => "RepositoryAlreadyExistsException",
            DomainError::RepositoryNotEmpty { .. } => "RepositoryNotEmptyException",
            DomainError::ManifestUnknown => "ImageNotFoundException",
            DomainError::LayersMissing { .. } | DomainError::BlobUnknown { .. } => {
                "LayersNotFoundException"
            }
            DomainError::ImagesMissing { .. } => "ReferencedImagesNotFoundException",
            DomainError::DigestDiffers { .. } => "ImageDigestDoesNotMatchException",
            DomainError::TagImmutable { .. } => "ImageTagAlreadyExistsException",
            DomainError::TooManyTags { .. }
            | DomainError::TooManyUploads
            | DomainError::TooMany { .. } => "LimitExceededException",
            DomainError::TemplateExists { .. } => "TemplateAlreadyExistsException",
            DomainError::TemplateNotFound { .. } => "TemplateNotFoundException",
            DomainError::Denied(_) => "AccessDeniedException",
            DomainError::PolicyInvalid { .. } | DomainError::PolicyLocksOut => {
                "InvalidParameterException"
            }
            DomainError::Backfill(refused) => match refused {
                Refused::NotConfigured => "InvalidParameterException",
                Refused::InProgress { .. } => "ReplicationBackfillInProgressException",
                Refused::TooMany => "LimitExceededException",
                Refused::NotFound { .. } => "ReplicationBackfillNotFoundException",
                Refused::NotRunning { .. } => "ReplicationBackfillInvalidStatusException",
            },
            DomainError::NoSigningConfiguration => "SigningConfigurationNotFoundException",
            DomainError::RuleExists { .. } => "PullThroughCacheRuleAlreadyExistsException",
            DomainError::RuleNotFound { .. } => "PullThroughCacheRuleNotFoundException",
            DomainError::UnsupportedUpstream { .. } => "UnsupportedUpstreamRegistryException",
            DomainError::Secret { reason, .. } => match reason {
                SecretError::NotFound => "SecretNotFoundException",
                SecretError::Inaccessible => "UnableToAccessSecretException",
                SecretError::Undecryptable => "UnableToDecryptSecretValueException",
            },
            // Why is in the log: addresses and names of networks are not for clients.
            DomainError::Upstream(_) => {
                return Self::client(
                    "UnableToGetUpstreamImageException",
                    "The image could not be pulled using the pull through cache rule",
                );
            }
            DomainError::ScanNotFound { .. } => "ScanNotFoundException",
            DomainError::ScanUnsupported { .. } => "UnsupportedImageTypeException",
            DomainError::ScanArchived { .. } => "ImageArchivedException",
            DomainError::ScanQuota => "LimitExceededException",
            DomainError::ScanDisabled => "ValidationException",
            DomainError::UploadUnknown => "UploadNotFoundException",
            DomainError::RangeInvalid { .. } => "InvalidLayerPartException",
            DomainError::LifecyclePolicyNotFound { .. } => "LifecyclePolicyNotFoundException",
            DomainError::LifecyclePreviewNotFound { .. } => {
                "LifecyclePolicyPreviewNotFoundException"
            }
            DomainError::LifecyclePreviewInProgress { .. } => {
                "LifecyclePolicyPreviewInProgressException"
            }
            DomainError::LifecyclePolicyInvalid(_)
            | DomainError::Manifest(_)
            | DomainError::SizeDiffers { .. }
            | DomainError::CredentialsNeeded { .. }
            | DomainError::ManifestReferenced { .. }
            | DomainError::BlobReferenced { .. }
            | DomainError::SizeInvalid
            | DomainError::TooLarge { .. }
            | DomainError::BodyBroken => "InvalidParameterException",
            DomainError::Store(
                StoreError::Unavailable | StoreError::Full | StoreError::Object(_),
            ) => {
                return Self {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    ..Self::internal(e)
                };
            }
            DomainError::PartInvalid { .. } => return Self::invalid_part(&e),
            DomainError::LayerLimit { .. } | DomainError::TooManyExclusions { .. } => {
                "LimitExceededException"
            }
            DomainError::UploadEmpty { .. } => "EmptyUploadException",
            DomainError::PartTooSmall { .. } => "LayerPartTooSmallException",
            DomainError::LayerExists { .. } => "LayerAlreadyExistsException",
            DomainError::LayerInaccessible { .. } => "LayerInaccessibleException",
            DomainError::StorageClassUnsupported { .. } => {
                "ImageStorageClassUpdateNotSupportedException"
            }
            DomainError::ExclusionExists { .. } => "ExclusionAlreadyExistsException",
            DomainError::ExclusionNotFound { .. } => "ExclusionNotFoundException",
            DomainError::Store(StoreError::Gone) => "RepositoryNotFoundException",
            DomainError::Store(_) => return Self::internal(e),
        };
        Self::client(kind, e.to_string())
    }
}

impl From<StoreError> for Exception {
    fn from(e: StoreError) -> Self {
        DomainError::from(e).into()
    }
}
