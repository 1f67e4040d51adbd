//! Deletes a Fargate profile and the pods that run by it.
use serde::Deserialize;
use wharf_eks::fargate;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteFargateProfile {
    cluster_name: String,
    fargate_profile_name: String,
}

impl Operation for DeleteFargateProfile {
    const NAME: &'static str = "DeleteFargateProfile";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, name) = (&self.cluster_name, &self.fargate_profile_name);
        let found = fargate::delete(&cx.eks, &cx.registry, cluster, name).await?;
        Ok(model::one("fargateProfile", model::profile(&found)))
    }
}
