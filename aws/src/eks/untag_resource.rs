//! Removes tags of a cluster or of something in one.
use serde::Deserialize;
use wharf_eks::resources;

use super::model::Answer;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UntagResource {
    resource_arn: String,
    tag_keys: Option<Vec<String>>,
}

impl Operation for UntagResource {
    const NAME: &'static str = "UntagResource";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        resources::untag(&cx.eks, &cx.registry, &self.resource_arn, self.tag_keys).await?;
        Ok(Answer::new())
    }
}
