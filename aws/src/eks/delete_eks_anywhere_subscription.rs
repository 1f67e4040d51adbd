//! Removes an EKS Anywhere subscription that has expired.
use serde::Deserialize;
use wharf_eks::subscriptions;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteEksAnywhereSubscription {
    id: String,
}

impl Operation for DeleteEksAnywhereSubscription {
    const NAME: &'static str = "DeleteEksAnywhereSubscription";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let gone = subscriptions::delete(&cx.eks, &cx.registry, self.id).await?;
        let shown = parts_model::subscription(&gone, "DELETING", cx.eks.now());
        Ok(model::one("subscription", shown))
    }
}
