//! The tags of a repository.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};
use wharf_types::Arn;

use super::model::Tag;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTagsForResource {
    resource_arn: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    tags: Vec<Tag>,
}

impl Operation for ListTagsForResource {
    const NAME: &'static str = "ListTagsForResource";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let (registry, name) = check::repository_arn(&cx, self.resource_arn)?;
        let arn = Arn::repository(&registry, &name).to_string();
        let tags = cx.domain.store.meta().read(move |tx| {
            repositories::find(tx, &registry, &name)?;
            Ok::<_, Error>(tx.resource_tags(&arn)?)
        });
        let one = |(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        };
        Ok(Output {
            tags: tags.await?.into_iter().map(one).collect(),
        })
    }
}
