//! Brings a cluster to the next version of Kubernetes.
use serde::Deserialize;
use wharf_eks::clusters::{self, UpdateVersion};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct UpdateClusterVersion(UpdateVersion);

impl Operation for UpdateClusterVersion {
    const NAME: &'static str = "UpdateClusterVersion";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let update = clusters::update_version(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
