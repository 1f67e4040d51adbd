//! The tags of a cluster or of something in one.
use serde::Deserialize;
use serde_json::json;
use wharf_eks::resources;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTagsForResource {
    resource_arn: String,
}

impl Operation for ListTagsForResource {
    const NAME: &'static str = "ListTagsForResource";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let tags = resources::tags(&cx.eks, &cx.registry, &self.resource_arn).await?;
        Ok(model::one("tags", json!(tags)))
    }
}
