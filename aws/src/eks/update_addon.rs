//! Changes an add-on of a cluster.
use serde::Deserialize;
use wharf_eks::addons;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct UpdateAddon(addons::UpdateAddon);

impl Operation for UpdateAddon {
    const NAME: &'static str = "UpdateAddon";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let update = addons::update(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("update", model::update(&update)))
    }
}
