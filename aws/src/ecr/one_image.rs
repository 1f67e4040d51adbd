//! `imageId`: an operation's one image.
use wharf_registry::{Error, repositories};
use wharf_storage::Read;
use wharf_types::{Digest, Registry, RepoName};

use super::model::{ImageId, Wanted};
use crate::{Cx, Exception, check};

/// An image that is asked about, whether or not it is there.
#[derive(Clone, Debug)]
pub(super) struct OneImage {
    pub(super) registry: Registry,
    pub(super) name: RepoName,
    pub(super) id: ImageId,
    wanted: Wanted,
}

impl OneImage {
    /// The members `registryId`, `repositoryName` and `imageId`.
    pub(super) fn parse(
        cx: &Cx,
        registry_id: Option<&str>,
        repository_name: Option<String>,
        image_id: Option<ImageId>,
    ) -> Result<Self, Exception> {
        let name = check::repository_name(repository_name)?;
        let registry = check::own_registry(cx, registry_id, &name)?;
        let id = check::required("imageId", image_id)?;
        let invalid = |f: super::model::Failure| Exception::invalid_parameter(f.failure_reason);
        let wanted = id.parse().map_err(invalid)?;
        Ok(Self {
            registry,
            name,
            id,
            wanted,
        })
    }

    /// Reads what is known of the image.
    pub(super) async fn read<T, F>(&self, cx: &Cx, query: F) -> Result<(ImageId, T), Exception>
    where
        T: Send + 'static,
        F: FnOnce(&Read<'_>, i64, &Digest) -> Result<T, Error> + Send + 'static,
    {
        let sought = self.clone();
        let found = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &sought.registry, &sought.name)?;
            let resolved = sought.wanted.resolve(tx, repository.id)?;
            let Ok(digest) = resolved else {
                return Ok::<_, Error>(None);
            };
            let known = query(tx, repository.id, &digest)?;
            let id = ImageId::of(&digest, sought.wanted.tag.as_ref());
            Ok(Some((id, known)))
        });
        found.await?.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> Exception {
        let null = |text: Option<&String>| text.map_or_else(|| "null".to_owned(), Clone::clone);
        Exception::client(
            "ImageNotFoundException",
            format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{}' in the registry with id '{}'",
                null(self.id.image_digest.as_ref()),
                null(self.id.image_tag.as_ref()),
                self.name,
                self.registry.account,
            ),
        )
    }
}
