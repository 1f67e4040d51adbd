//! Makes a cluster.
use serde::Deserialize;
use wharf_eks::clusters::{self, config::NewCluster};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CreateCluster(NewCluster);

impl Operation for CreateCluster {
    const NAME: &'static str = "CreateCluster";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let creator = cx.principal.arn.to_string();
        let made = clusters::create(&cx.eks, &cx.registry, &creator, self.0).await?;
        Ok(model::one("cluster", model::cluster(&made)))
    }
}
