//! Images of our own registry, read from the store.
use std::sync::Arc;

use futures::TryStreamExt as _;
use tokio::io::AsyncRead;
use wharf_auth::Principal;
use wharf_registry::{Caller, Cx, blobs, images, pull_through, pull_times};
use wharf_runtime::Error;
use wharf_runtime::engine::{Layer, Manifest};
use wharf_storage::{BlobRow, Segment};
use wharf_types::{Arn, ByteRange, Digest, ManifestRef, Registry, RepoName};

use super::parts::{Descriptor, Document, no_pull};
use super::read::Reading;

/// The largest configuration that is read.
const MAX_CONFIG: u64 = 8 * 1024 * 1024;

/// Where the layers of an image are.
struct Place {
    registry: Registry,
    name: RepoName,
}

/// Images of one repository.
#[derive(Debug)]
pub(super) struct Ours<'a> {
    pub(super) cx: &'a Cx,
    caller: Caller,
    pub(super) name: RepoName,
}

impl<'a> Ours<'a> {
    /// Whoever runs a pod may pull for it, as the role of a node may.
    pub(super) fn new(cx: &'a Cx, registry: Registry, name: RepoName) -> Self {
        let account = registry.account.clone();
        let principal = Principal {
            arn: Arn::user(&account, "root"),
            account,
            access_key: String::new(),
            session: None,
        };
        Self {
            cx,
            caller: Caller {
                principal,
                registry,
            },
            name,
        }
    }

    /// The repository that a manifest is of.
    pub(super) fn of(cx: &'a Cx, manifest: &Manifest) -> Option<Self> {
        let place: &Place = manifest.place.downcast_ref()?;
        Some(Self::new(cx, place.registry.clone(), place.name.clone()))
    }

    /// `full` is the repository as the pod names it, with its registry.
    pub(super) async fn find(
        &self,
        full: &str,
        at: &ManifestRef,
        architecture: &str,
    ) -> Result<Manifest, Error> {
        let (digest, bytes) = self.manifest(full, at).await?;
        let mut document = Document::read(full, &bytes)?;
        if let Some(child) = document.child(full, architecture)? {
            let (_, bytes) = self
                .manifest(full, &ManifestRef::Digest(child.clone()))
                .await?;
            document = Document::read(full, &bytes)?;
        }
        let Some(descriptor) = document.config.clone() else {
            let text = format!("{full} is not an image that can be run: it has no configuration");
            return Err(no_pull(text));
        };
        let config = self.config(full, &descriptor).await?;
        Ok(Manifest {
            repository: full.to_owned(),
            digest: digest.to_string(),
            config_digest: descriptor.digest.to_string(),
            layers: document.layers(full, architecture, &config)?,
            config,
            place: Arc::new(Place {
                registry: self.caller.registry.clone(),
                name: self.name.clone(),
            }),
        })
    }

    async fn manifest(&self, full: &str, at: &ManifestRef) -> Result<(Digest, Vec<u8>), Error> {
        let Self { cx, caller, name } = self;
        let puller = pull_through::Puller {
            caller,
            origin: None,
        };
        let fetched = pull_through::fetch_image(cx, puller, name, at).await;
        fetched.map_err(|error| no_pull(format!("failed to pull {full}: {error}")))?;
        let found = images::find(cx, caller, name, at).await;
        let (repository, row) = found.map_err(|error| self.missing(full, at, &error))?;
        pull_times::pulled(cx, caller, &repository, &row);
        Ok((row.digest, row.bytes))
    }

    fn missing(&self, full: &str, at: &ManifestRef, error: &wharf_registry::Error) -> Error {
        let name = &self.name;
        no_pull(match error {
            wharf_registry::Error::RepositoryNotFound { registry, .. } => format!(
                "{full}: not found: {error}; make it with `aws ecr create-repository --repository-name {name} --region {}` and push the image",
                registry.region
            ),
            wharf_registry::Error::ManifestUnknown => {
                let mark = if matches!(at, ManifestRef::Tag(_)) {
                    ':'
                } else {
                    '@'
                };
                format!(
                    "{full}{mark}{at}: not found: the repository '{name}' has no such image; `aws ecr list-images --repository-name {name}` lists those it has"
                )
            }
            error => format!("failed to pull {full}: {error}"),
        })
    }

    async fn config(&self, full: &str, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        if descriptor.size > MAX_CONFIG {
            return Err(no_pull(format!("the configuration of {full} is too large")));
        }
        let row = self.blob(full, &descriptor.digest).await?;
        let read = self.cx.store.read_blob(&row, whole(&row)).await;
        let read = read.map_err(|error| Error::Failed(Box::new(error)))?;
        let parts: Vec<bytes::Bytes> = read
            .try_collect()
            .await
            .map_err(|error| Error::Failed(Box::new(error)))?;
        Ok(parts.concat())
    }

    async fn blob(&self, full: &str, digest: &Digest) -> Result<BlobRow, Error> {
        let Self { cx, caller, name } = self;
        let fetched = pull_through::fetch_layer(cx, &caller.registry, name, digest).await;
        fetched.map_err(|error| no_pull(format!("failed to pull {full}: {error}")))?;
        let found = blobs::find(cx, caller, name, digest).await;
        let (_, row) = found.map_err(|error| no_pull(format!("failed to pull {full}: {error}")))?;
        Ok(row)
    }

    pub(super) async fn layer(
        &self,
        manifest: &Manifest,
        layer: &Layer,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, Error> {
        let digest = layer.digest.parse();
        let digest: Digest = digest.map_err(|error| Error::Failed(Box::new(error)))?;
        let row = self.blob(&manifest.repository, &digest).await?;
        let read = self.cx.store.read_blob(&row, whole(&row)).await;
        let read = read.map_err(|error| Error::Failed(Box::new(error)))?;
        Ok(Box::new(Reading::of(read)))
    }
}

fn whole(row: &BlobRow) -> Vec<Segment> {
    let last = row.size.checked_sub(1);
    let range = last.map(|last| Segment::Range(ByteRange { first: 0, last }));
    range.into_iter().collect()
}
