//! Makes an EKS Anywhere subscription.
use serde::Deserialize;
use wharf_eks::subscriptions::{self, NewSubscription};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct CreateEksAnywhereSubscription(NewSubscription);

impl Operation for CreateEksAnywhereSubscription {
    const NAME: &'static str = "CreateEksAnywhereSubscription";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let made = subscriptions::create(&cx.eks, &cx.registry, self.0).await?;
        let shown = parts_model::subscription(&made, "CREATING", cx.eks.now());
        Ok(model::one("subscription", shown))
    }
}
