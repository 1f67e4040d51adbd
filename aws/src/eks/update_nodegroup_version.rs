//! Brings a node group to a version of Kubernetes or of its image.
use serde::Deserialize;
use wharf_eks::nodegroups::{self, config::UpdateNodegroupVersion as Request};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct UpdateNodegroupVersion(Request);

impl Operation for UpdateNodegroupVersion {
    const NAME: &'static str = "UpdateNodegroupVersion";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let done = nodegroups::update_version(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&done)))
    }
}
