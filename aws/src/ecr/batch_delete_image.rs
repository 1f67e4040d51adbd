//! Deletes images by digest, or takes tags off them: an image goes with its last tag.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, images, repositories};
use wharf_storage::{Repository, Write};
use wharf_types::Digest;

use super::model::{Failure, ImageId, Wanted, image_ids};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchDeleteImage {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    image_ids: Vec<ImageId>,
    failures: Vec<Failure>,
}

impl Operation for BatchDeleteImage {
    const NAME: &'static str = "BatchDeleteImage";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let ids = image_ids(self.image_ids)?;
        let deleted = cx.domain.store.meta().write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let mut output = Output::default();
            for id in &ids {
                match id.parse() {
                    Err(failure) => output.failures.push(failure),
                    Ok(wanted) => delete(tx, &repository, id, &wanted, &mut output)?,
                }
            }
            Ok::<_, Error>(output)
        });
        Ok(deleted.await?)
    }
}

fn delete(
    tx: &Write<'_>,
    repository: &Repository,
    id: &ImageId,
    wanted: &Wanted,
    output: &mut Output,
) -> Result<(), Error> {
    let digest = match wanted.resolve(tx, repository.id)? {
        Ok(digest) => digest,
        Err(unresolved) => {
            output.failures.push(unresolved.failure(id));
            return Ok(());
        }
    };
    let tags = tx.tags_of(repository.id, &digest)?;
    let (gone, outcome) = match &wanted.tag {
        Some(tag) => {
            let outcome = images::delete_tag_and_last_image(tx, repository, tag).map(drop);
            (vec![ImageId::of(&digest, Some(tag))], outcome)
        }
        None => (
            with_tags(&digest, &tags),
            images::delete_image(tx, repository, &digest),
        ),
    };
    match outcome {
        Ok(()) => output.image_ids.extend(gone),
        Err(Error::ManifestReferenced { by, .. }) => {
            let reason = format!("Requested image referenced by manifest list: {by:?}");
            output
                .failures
                .push(id.failed("ImageReferencedByManifestList", reason));
        }
        Err(e) => return Err(e),
    }
    Ok(())
}

fn with_tags(digest: &Digest, tags: &[wharf_types::Tag]) -> Vec<ImageId> {
    if tags.is_empty() {
        return vec![ImageId::of(digest, None)];
    }
    tags.iter()
        .map(|tag| ImageId::of(digest, Some(tag)))
        .collect()
}
