use wharf_types::{Digest, ManifestError, Prefix, Registry, RepoName, Tag, UploadId};

use crate::lifecycle::InvalidPolicy;

use crate::pull_through::{SecretError, UpstreamError};

/// Why the domain refuses. Each door translates it once; the texts are ECR's where ECR has one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("The repository with name '{name}' does not exist in the registry with id '{}'", .registry.account)]
    RepositoryNotFound { registry: Registry, name: RepoName },
    #[error("The repository with name '{name}' already exists in the registry with id '{}'", .registry.account)]
    RepositoryExists { registry: Registry, name: RepoName },
    #[error("The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains images", .registry.account)]
    RepositoryNotEmpty { registry: Registry, name: RepoName },
    #[error("Requested image not found")]
    ManifestUnknown,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("Layers with digests '{missing:?}' required for pushing image into repository with name '{name}' in the registry with id '{}' do not exist", .registry.account)]
    LayersMissing {
        registry: Registry,
        name: RepoName,
        missing: Vec<Digest>,
    },
    #[error("Images with digests '{missing:?}' required for pushing image into repository with name '{name}' in the registry with id '{}' do not exist", .registry.account)]
    ImagesMissing {
        registry: Registry,
        name: RepoName,
        missing: Vec<Digest>,
    },
    #[error("{digest} has {actual} bytes, not {stated} as the manifest says")]
    SizeDiffers {
        digest: Digest,
        stated: u64,
        actual: u64,
    },
    #[error("the content has the digest {actual}, not {stated}")]
    DigestDiffers { stated: Digest, actual: Digest },
    #[error(
        "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the repository is immutable."
    )]
    TagImmutable { name: RepoName, tag: Tag },
    #[error("The image with digest '{digest}' has reached the limit of {limit} tags")]
    TooManyTags { digest: Digest, limit: usize },
    #[error(
        "The image with digest '{digest}' is referenced by {by:?} and cannot be deleted before it"
    )]
    ManifestReferenced { digest: Digest, by: Vec<Digest> },
    #[error("Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{}'", .registry.account)]
    LifecyclePolicyNotFound { registry: Registry, name: RepoName },
    #[error(transparent)]
    LifecyclePolicyInvalid(#[from] InvalidPolicy),
    #[error("A lifecycle policy preview is in progress for the repository with name '{name}' in the registry with id '{}'. Wait and try again", .registry.account)]
    LifecyclePreviewInProgress { registry: Registry, name: RepoName },
    #[error("Lifecycle policy preview does not exist for the repository with name '{name}' in the registry with id '{}'", .registry.account)]
    LifecyclePreviewNotFound { registry: Registry, name: RepoName },
    #[error("blob {digest} is not in the repository")]
    BlobUnknown { digest: Digest },
    #[error("blob {digest} is named by a manifest of the repository: delete that first")]
    BlobReferenced { digest: Digest },
    #[error("Image scan does not exist for the image with '{image}' in the repository with name '{name}' in the registry with id '{}'", .registry.account)]
    ScanNotFound {
        registry: Registry,
        name: RepoName,
        image: String,
    },
    #[error("The image with digest '{digest}' is of a type that cannot be scanned")]
    ScanUnsupported { digest: Digest },
    #[error("The image with digest '{digest}' is archived and cannot be scanned")]
    ScanArchived { digest: Digest },
    #[error("The scan quota per image has been exceeded. Wait and try again.")]
    ScanQuota,
    #[error("This feature is disabled")]
    ScanDisabled,
    #[error("there is no such upload, or it has ended")]
    UploadUnknown,
    #[error("{reason}")]
    RangeInvalid { reason: &'static str, size: u64 },
    #[error("The layer part of the upload '{upload}' to the repository with name '{name}' in the registry with id '{}' is not valid: {reason}", .registry.account)]
    PartInvalid {
        registry: Registry,
        name: RepoName,
        upload: UploadId,
        /// How many bytes have come.
        received: u64,
        reason: String,
    },
    #[error("A layer has at most {limit} {what}")]
    LayerLimit { what: &'static str, limit: u64 },
    #[error("The upload '{upload}' does not contain any layer parts")]
    UploadEmpty { upload: UploadId },
    #[error("The upload '{upload}' has a part of less than 5 MiB that is not its last")]
    PartTooSmall { upload: UploadId },
    #[error("Layer with digest '{digest}' already exists in the repository with name '{name}' in the registry with id '{}'", .registry.account)]
    LayerExists {
        registry: Registry,
        name: RepoName,
        digest: Digest,
    },
    #[error("Layer with digest '{digest}' is not available: {reason}")]
    LayerInaccessible {
        digest: Digest,
        reason: &'static str,
    },
    #[error("The storage class of the image with digest '{digest}' cannot be updated: {reason}")]
    StorageClassUnsupported { digest: Digest, reason: String },
    #[error("The pull time update exclusion for '{arn}' already exists")]
    ExclusionExists { arn: String },
    #[error("The pull time update exclusion for '{arn}' does not exist")]
    ExclusionNotFound { arn: String },
    #[error("A registry has at most {limit} pull time update exclusions")]
    TooManyExclusions { limit: usize },
    #[error("the body does not have the length that was announced")]
    SizeInvalid,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body ended early")]
    BodyBroken,
    #[error("too many uploads are under way: finish or cancel some, or wait")]
    TooManyUploads,
    #[error("The repository creation template with prefix '{prefix}' already exists in the registry with id '{}'", .registry.account)]
    TemplateExists { registry: Registry, prefix: Prefix },
    #[error("The repository creation template with prefix '{prefix}' does not exist in the registry with id '{}'", .registry.account)]
    TemplateNotFound { registry: Registry, prefix: Prefix },
    #[error("The registry has reached the limit of {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    /// Policies refuse it; the text says which and why.
    #[error("{0}")]
    Denied(String),
    #[error(
        "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid {of} policy provided'"
    )]
    PolicyInvalid { of: &'static str },
    #[error(
        "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The policy would prevent you from setting another one in the future; to set it all the same, use force'"
    )]
    PolicyLocksOut,
    #[error(transparent)]
    Backfill(#[from] crate::replication::backfill::Refused),
    #[error("The registry has no signing configuration")]
    NoSigningConfiguration,
    #[error("The pull through cache rule with prefix '{prefix}' already exists in the registry with id '{}'", .registry.account)]
    RuleExists { registry: Registry, prefix: Prefix },
    #[error("The pull through cache rule with prefix '{prefix}' does not exist in the registry with id '{}'", .registry.account)]
    RuleNotFound { registry: Registry, prefix: Prefix },
    #[error("The upstream registry '{url}' is not supported")]
    UnsupportedUpstream { url: String },
    #[error("The upstream registry '{url}' needs credentials: the ARN of a secret")]
    CredentialsNeeded { url: String },
    #[error("The secret '{arn}' {reason}")]
    Secret { arn: String, reason: SecretError },
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("storing failed")]
    Store(#[source] wharf_storage::Error),
}

impl From<wharf_storage::Error> for Error {
    fn from(e: wharf_storage::Error) -> Self {
        Self::Store(e)
    }
}
