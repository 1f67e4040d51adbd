//! Changes the configuration of a cluster.
use serde::Deserialize;
use wharf_eks::clusters::{self, config::UpdateConfig};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct UpdateClusterConfig(UpdateConfig);

impl Operation for UpdateClusterConfig {
    const NAME: &'static str = "UpdateClusterConfig";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let update = clusters::update_config(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
