//! Removes an access entry of a cluster.
use serde::Deserialize;
use wharf_eks::access::entries;

use super::model::Answer;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteAccessEntry {
    cluster_name: String,
    principal_arn: String,
}

impl Operation for DeleteAccessEntry {
    const NAME: &'static str = "DeleteAccessEntry";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        entries::delete(&cx.eks, &cx.registry, self.cluster_name, self.principal_arn).await?;
        Ok(Answer::new())
    }
}
