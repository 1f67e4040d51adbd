//! Removes a capability of a cluster.
use serde::Deserialize;
use wharf_eks::capabilities;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteCapability {
    cluster_name: String,
    capability_name: String,
}

impl Operation for DeleteCapability {
    const NAME: &'static str = "DeleteCapability";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, name) = (self.cluster_name, self.capability_name);
        let found = capabilities::delete(&cx.eks, &cx.registry, cluster, name).await?;
        Ok(model::one("capability", parts_model::capability(&found)))
    }
}
