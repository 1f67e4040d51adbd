//! Shows an insight of a cluster.
use serde::Deserialize;
use wharf_eks::insights;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeInsight {
    cluster_name: String,
    id: String,
}

impl Operation for DescribeInsight {
    const NAME: &'static str = "DescribeInsight";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found = insights::get(&cx.eks, &cx.registry, self.cluster_name, self.id).await?;
        Ok(model::one("insight", parts_model::insight(&found)))
    }
}
