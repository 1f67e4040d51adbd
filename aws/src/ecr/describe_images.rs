//! Describes images: all of a repository, or those that are named.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};
use wharf_storage::{ImageRow, Read, Repository};

use super::model::{ImageFilter, ImageId, Unresolved, Wanted, image_ids};
use super::scanning::Scanned;
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImages {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    #[serde(default)]
    filter: Option<ImageFilter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    image_details: Vec<ImageDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageDetail {
    registry_id: String,
    repository_name: String,
    image_digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tags: Vec<String>,
    image_size_in_bytes: u64,
    image_pushed_at: f64,
    image_manifest_media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_recorded_pull_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_manifest_digest: Option<String>,
    image_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_archived_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activated_at: Option<f64>,
    #[serde(flatten)]
    scanned: Scanned,
}

/// Why a named image is not described.
enum Missing {
    Image(usize),
    Domain(Error),
}

impl From<Error> for Missing {
    fn from(e: Error) -> Self {
        Self::Domain(e)
    }
}

impl From<wharf_storage::Error> for Missing {
    fn from(e: wharf_storage::Error) -> Self {
        Self::Domain(e.into())
    }
}

impl Operation for DescribeImages {
    const NAME: &'static str = "DescribeImages";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name.clone())?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let max = check::max_results(self.max_results, 100, 1000)?;
        let wants = self.filter.clone().unwrap_or_default().wants()?;
        if self.image_ids.is_some() {
            return self.named(&cx, registry, name).await;
        }
        let pages = Pages {
            cx: &cx,
            scope: format!("DescribeImages/{name}"),
        };
        let mut after: i64 = pages
            .after(self.next_token.as_deref())?
            .parse()
            .unwrap_or_default();
        let described = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let mut found = Vec::new();
            while found.len() <= max {
                let rows = tx.images(repository.id, after, max + 1)?;
                let Some(last) = rows.last() else { break };
                after = last.id;
                for row in rows {
                    let id = row.id;
                    if !wants.has_status(row.status) {
                        continue;
                    }
                    let detail = detail(tx, &repository, row)?;
                    if if detail.image_tags.is_empty() {
                        wants.untagged
                    } else {
                        wants.tagged
                    } {
                        found.push((id, detail));
                    }
                }
            }
            Ok::<_, Error>(found)
        });
        let mut found = described.await?;
        let more = found.len() > max;
        found.truncate(max);
        let next_token = found
            .last()
            .filter(|_| more)
            .map(|(id, _)| pages.token(&id.to_string()));
        Ok(Output {
            image_details: found.into_iter().map(|(_, detail)| detail).collect(),
            next_token,
        })
    }
}

impl DescribeImages {
    /// All of the named images, or the first that is not there as an error.
    async fn named(
        self,
        cx: &Cx,
        registry: wharf_types::Registry,
        name: wharf_types::RepoName,
    ) -> Result<Output, Exception> {
        if self.next_token.is_some() || self.max_results.is_some() {
            return Err(Exception::invalid_parameter(
                "Invalid parameter: 'imageIds' cannot be used together with 'nextToken' or 'maxResults'",
            ));
        }
        let ids = image_ids(self.image_ids)?;
        let invalid = |f: super::model::Failure| Exception::invalid_parameter(f.failure_reason);
        let wanted = ids
            .iter()
            .map(|id| id.parse().map_err(invalid))
            .collect::<Result<Vec<Wanted>, _>>()?;
        let (account, repo) = (registry.account.clone(), name.clone());
        let described = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let mut found: Vec<ImageDetail> = Vec::new();
            for (i, wanted) in wanted.iter().enumerate() {
                let digest = match wanted.resolve(tx, repository.id)? {
                    Ok(digest) => digest,
                    Err(Unresolved::NotFound | Unresolved::Differs) => {
                        return Err(Missing::Image(i));
                    }
                };
                let row = tx.image(repository.id, &digest)?.ok_or(Missing::Image(i))?;
                if !found
                    .iter()
                    .any(|seen| seen.image_digest == digest.as_str())
                {
                    found.push(detail(tx, &repository, row)?);
                }
            }
            Ok(found)
        });
        let null = |text: Option<&String>| text.map_or_else(|| "null".to_owned(), Clone::clone);
        match described.await {
            Ok(image_details) => Ok(Output {
                image_details,
                next_token: None,
            }),
            Err(Missing::Domain(e)) => Err(e.into()),
            Err(Missing::Image(i)) => {
                let id = ids.get(i).cloned().unwrap_or_default();
                Err(Exception::client(
                    "ImageNotFoundException",
                    format!(
                        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{repo}' in the registry with id '{account}'",
                        null(id.image_digest.as_ref()),
                        null(id.image_tag.as_ref()),
                    ),
                ))
            }
        }
    }
}

fn detail(
    tx: &Read<'_>,
    repository: &Repository,
    row: ImageRow,
) -> Result<ImageDetail, wharf_storage::Error> {
    let tags = tx.tags_of(repository.id, &row.digest)?;
    let scanned = Scanned::find(tx, repository.id, &row.digest)?;
    Ok(ImageDetail {
        registry_id: repository.registry.account.to_string(),
        repository_name: repository.name.to_string(),
        image_digest: row.digest.to_string(),
        image_tags: tags.into_iter().map(String::from).collect(),
        image_size_in_bytes: size(tx, repository, &row)?,
        image_pushed_at: row.pushed.as_secs_f64(),
        image_manifest_media_type: row.media_type,
        artifact_media_type: row.artifact_type.or(row.config_media_type),
        last_recorded_pull_time: row.pulled.map(wharf_types::Timestamp::as_secs_f64),
        subject_manifest_digest: row.subject.map(String::from),
        image_status: row.status.as_str(),
        last_archived_at: row.archived.map(wharf_types::Timestamp::as_secs_f64),
        last_activated_at: row.activated.map(wharf_types::Timestamp::as_secs_f64),
        scanned,
    })
}

/// Layers and config; of an index, which has none of its own, those of its largest child.
fn size(
    tx: &Read<'_>,
    repository: &Repository,
    row: &ImageRow,
) -> Result<u64, wharf_storage::Error> {
    if row.image_size > 0 {
        return Ok(row.image_size);
    }
    let child = tx.largest_child(repository.id, &row.digest)?;
    Ok(child.filter(|size| *size > 0).unwrap_or(row.size))
}
