//! Lists images: an entry for each tag, and one for each image without any.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};
use wharf_types::Tag;

use super::model::{ImageFilter, ImageId};
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListImages {
    registry_id: Option<String>,
    repository_name: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
    #[serde(default)]
    filter: Option<ImageFilter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    image_ids: Vec<ImageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// How many images are read at once.
const CHUNK: usize = 100;

impl Operation for ListImages {
    const NAME: &'static str = "ListImages";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let max = check::max_results(self.max_results, 100, 1000)?;
        let wants = self.filter.unwrap_or_default().wants()?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListImages/{name}"),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let (mut image, mut tag) = position(&after);
        let listed = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            // The image that a page was cut in has more tags to show.
            let cut = (!tag.is_empty()).then_some(image);
            image -= i64::from(cut.is_some());
            let mut entries: Vec<(String, ImageId)> = Vec::new();
            while entries.len() <= max {
                let images = tx.images(repository.id, image, CHUNK)?;
                let Some(last) = images.last() else { break };
                image = last.id;
                for row in images {
                    if !wants.has_status(row.status) {
                        tag.clear();
                        continue;
                    }
                    let tags = tx.tags_of(repository.id, &row.digest)?;
                    if cut != Some(row.id) {
                        tag.clear();
                    }
                    if tags.is_empty() && wants.untagged {
                        entries.push((row.id.to_string(), ImageId::of(&row.digest, None)));
                    }
                    let shown = tags
                        .iter()
                        .filter(|t| wants.tagged && t.as_str() > tag.as_str());
                    entries.extend(shown.map(|t: &Tag| {
                        (format!("{} {t}", row.id), ImageId::of(&row.digest, Some(t)))
                    }));
                    tag.clear();
                }
            }
            Ok::<_, Error>(entries)
        });
        let mut entries = listed.await?;
        let more = entries.len() > max;
        entries.truncate(max);
        let next_token = entries
            .last()
            .filter(|_| more)
            .map(|(at, _)| pages.token(at));
        Ok(Output {
            image_ids: entries.into_iter().map(|(_, id)| id).collect(),
            next_token,
        })
    }
}

/// The image and tag after which a page begins.
fn position(after: &str) -> (i64, String) {
    let (image, tag) = after.split_once(' ').unwrap_or((after, ""));
    (image.parse().unwrap_or_default(), tag.to_owned())
}
