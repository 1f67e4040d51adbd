//! Deletes a node group and its nodes.
use serde::Deserialize;
use wharf_eks::nodegroups;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteNodegroup {
    cluster_name: String,
    nodegroup_name: String,
}

impl Operation for DeleteNodegroup {
    const NAME: &'static str = "DeleteNodegroup";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, name) = (&self.cluster_name, &self.nodegroup_name);
        let found = nodegroups::delete(&cx.eks, &cx.registry, cluster, name).await?;
        Ok(model::one("nodegroup", model::nodegroup(&found)))
    }
}
