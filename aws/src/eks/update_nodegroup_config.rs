//! Changes the configuration of a node group.
use serde::Deserialize;
use wharf_eks::nodegroups::{self, config::UpdateNodegroup};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct UpdateNodegroupConfig(UpdateNodegroup);

impl Operation for UpdateNodegroupConfig {
    const NAME: &'static str = "UpdateNodegroupConfig";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let done = nodegroups::update_config(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&done)))
    }
}
