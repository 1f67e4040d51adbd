//! Makes an add-on of a cluster.
use serde::Deserialize;
use wharf_eks::addons::{self, NewAddon};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CreateAddon(NewAddon);

impl Operation for CreateAddon {
    const NAME: &'static str = "CreateAddon";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let made = addons::create(&cx.eks, &cx.registry, self.0).await?;
        Ok(model::one("addon", parts_model::addon(&made)))
    }
}
