//! Makes a Fargate profile in a cluster.
use serde::Deserialize;
use wharf_eks::fargate::{self, NewProfile};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CreateFargateProfile(NewProfile);

impl Operation for CreateFargateProfile {
    const NAME: &'static str = "CreateFargateProfile";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let done = fargate::create(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("fargateProfile", model::profile(&done)))
    }
}
