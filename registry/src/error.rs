use wharf_types::{Digest, ManifestError, Registry, RepoName, Tag};

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
    #[error("the body does not have the length that was announced")]
    SizeInvalid,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body ended early")]
    BodyBroken,
    #[error("too many uploads are under way: finish or cancel some, or wait")]
    TooManyUploads,
    #[error("storing failed")]
    Store(#[source] wharf_storage::Error),
}

impl From<wharf_storage::Error> for Error {
    fn from(e: wharf_storage::Error) -> Self {
        Self::Store(e)
    }
}
