//! Changes a capability of a cluster.
use serde::Deserialize;
use wharf_eks::capabilities::{self, config};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct UpdateCapability(config::UpdateCapability);

impl Operation for UpdateCapability {
    const NAME: &'static str = "UpdateCapability";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let update = capabilities::update(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
