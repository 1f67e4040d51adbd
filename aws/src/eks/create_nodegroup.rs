//! Makes a node group in a cluster.
use serde::Deserialize;
use wharf_eks::nodegroups::{self, config::NewNodegroup};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CreateNodegroup(NewNodegroup);

impl Operation for CreateNodegroup {
    const NAME: &'static str = "CreateNodegroup";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let done = nodegroups::create(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("nodegroup", model::nodegroup(&done)))
    }
}
