//! Shows a Fargate profile.
use serde::Deserialize;
use wharf_eks::fargate;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeFargateProfile {
    cluster_name: String,
    fargate_profile_name: String,
}

impl Operation for DescribeFargateProfile {
    const NAME: &'static str = "DescribeFargateProfile";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, name) = (&self.cluster_name, &self.fargate_profile_name);
        let found = fargate::get(&cx.eks, &cx.registry, cluster, name).await?;
        Ok(model::one("fargateProfile", model::profile(&found)))
    }
}
