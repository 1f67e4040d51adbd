//! Sets tags of a cluster or of something in one.
use std::collections::BTreeMap;

use serde::Deserialize;
use wharf_eks::resources;

use super::model::Answer;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagResource {
    resource_arn: String,
    tags: Option<BTreeMap<String, String>>,
}

impl Operation for TagResource {
    const NAME: &'static str = "TagResource";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        resources::tag(&cx.eks, &cx.registry, &self.resource_arn, self.tags).await?;
        Ok(Answer::new())
    }
}
