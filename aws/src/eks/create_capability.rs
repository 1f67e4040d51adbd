//! Makes a capability of a cluster.
use serde::Deserialize;
use wharf_eks::capabilities::{self, config::NewCapability};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CreateCapability(NewCapability);

impl Operation for CreateCapability {
    const NAME: &'static str = "CreateCapability";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let made = capabilities::create(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("capability", parts_model::capability(&made)))
    }
}
