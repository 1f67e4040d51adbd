//! Sets tags of a repository.
use serde::{Deserialize, Serialize};
use wharf_registry::repositories;
use wharf_types::Arn;

use super::model::{self, Tag};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagResource {
    resource_arn: Option<String>,
    tags: Option<Vec<Tag>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {}

impl Operation for TagResource {
    const NAME: &'static str = "TagResource";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let (registry, name) = check::repository_arn(&cx, self.resource_arn)?;
        let tags = model::resource_tags(check::required("tags", self.tags)?)?;
        let arn = Arn::repository(&registry, &name).to_string();
        let tagged = cx.domain.store.meta().write(move |tx| {
            repositories::find(tx, &registry, &name)?;
            for (key, value) in &tags {
                tx.tag_resource(&arn, key, value)?;
            }
            model::too_many_tags(tx.resource_tags(&arn)?.len())
        });
        tagged.await?;
        Ok(Output {})
    }
}
