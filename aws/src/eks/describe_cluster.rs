//! Shows a cluster.
use serde::Deserialize;
use wharf_eks::clusters;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DescribeCluster {
    name: String,
}

impl Operation for DescribeCluster {
    const NAME: &'static str = "DescribeCluster";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found = clusters::get(&cx.eks, &cx.registry, &self.name).await?;
        Ok(model::one("cluster", model::cluster(&found)))
    }
}
