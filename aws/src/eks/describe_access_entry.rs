//! Shows an access entry of a cluster.
use serde::Deserialize;
use wharf_eks::access::entries;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeAccessEntry {
    cluster_name: String,
    principal_arn: String,
}

impl Operation for DescribeAccessEntry {
    const NAME: &'static str = "DescribeAccessEntry";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found =
            entries::get(&cx.eks, &cx.registry, self.cluster_name, self.principal_arn).await?;
        Ok(model::one("accessEntry", parts_model::entry(&found)))
    }
}
