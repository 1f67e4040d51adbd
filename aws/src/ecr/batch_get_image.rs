//! Manifests of images by tag or digest.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, pull_times, repositories};
use wharf_storage::{ImageStatus, ManifestRow, Read, Repository};

use super::{
    model::{Failure, Image, ImageId, image_ids},
    upstream,
};
use crate::{Cx, Exception, check, operation::Operation};

/// The most bytes of manifests in one answer.
const MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchGetImage {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    /// Manifests are never converted, so there is nothing to choose from.
    accepted_media_types: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    images: Vec<Image>,
    failures: Vec<Failure>,
}

impl Operation for BatchGetImage {
    const NAME: &'static str = "BatchGetImage";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let mut ids: Vec<ImageId> = Vec::new();
        for id in image_ids(self.image_ids)? {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if let Some(types) = self.accepted_media_types {
            check::list("acceptedMediaTypes", Some(types), 1, 100)?;
        }
        let (ids, failed) = upstream::fetch(&cx, &name, ids).await?;
        let only_failed = ids.is_empty();
        let got = cx.domain.store.meta().read(move |tx| {
            let repository = match tx.repository(&registry, &name)? {
                // None was made, because the upstream did not deliver.
                None if only_failed => return Ok(None),
                _ => repositories::find(tx, &registry, &name)?,
            };
            let (found, failures) = find(tx, &repository, ids)?;
            Ok::<_, Error>(Some((repository, found, failures)))
        });
        let got = got.await.map_err(|e| match e {
            Error::TooLarge { limit } => Exception::client(
                "LimitExceededException",
                format!(
                    "The manifests of these images have more than {limit} bytes: ask for fewer"
                ),
            ),
            e => e.into(),
        });
        let Some((repository, found, mut failures)) = got? else {
            return Ok(Output {
                images: Vec::new(),
                failures: failed,
            });
        };
        failures.extend(failed);
        let caller = cx.caller();
        let images = found.into_iter().map(|(image_id, row)| {
            pull_times::pulled(&cx.domain, &caller, &repository, &row);
            Image {
                registry_id: repository.registry.account.to_string(),
                repository_name: repository.name.to_string(),
                image_id,
                image_manifest_media_type: row.media_type,
                image_manifest: String::from_utf8_lossy(&row.bytes).into_owned(),
            }
        });
        Ok(Output {
            images: images.collect(),
            failures,
        })
    }
}

/// The manifests that are there, each under the id that names it, and why the others are not.
fn find(tx: &Read<'_>, repository: &Repository, ids: Vec<ImageId>) -> Result<Found, Error> {
    let (mut found, mut failures, mut bytes) = (Vec::new(), Vec::new(), 0);
    for id in ids {
        let wanted = match id.parse() {
            Ok(wanted) => wanted,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        match wanted.resolve(tx, repository.id)? {
            Err(unresolved) => failures.push(unresolved.failure(&id)),
            Ok(digest) => match tx.manifest(repository.id, &digest)? {
                Some(row) if row.status != ImageStatus::Active => {
                    let reason = "Requested image is archived: restore it first";
                    failures.push(id.failed("ImageInaccessible", reason));
                }
                Some(row) => {
                    bytes += row.bytes.len();
                    if bytes > MAX_BYTES {
                        return Err(Error::TooLarge {
                            limit: MAX_BYTES as u64,
                        });
                    }
                    found.push((ImageId::of(&digest, wanted.tag.as_ref()), row));
                }
                None => {
                    failures.push(id.failed("ImageNotFound", "Requested image not found"));
                }
            },
        }
    }
    Ok((found, failures))
}

type Found = (Vec<(ImageId, ManifestRow)>, Vec<Failure>);
