//! Shows an EKS Anywhere subscription.
use serde::Deserialize;
use wharf_eks::subscriptions;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeEksAnywhereSubscription {
    id: String,
}

impl Operation for DescribeEksAnywhereSubscription {
    const NAME: &'static str = "DescribeEksAnywhereSubscription";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let found = subscriptions::get(&cx.eks, &cx.registry, self.id).await?;
        let now = cx.eks.now();
        let status = found.body.status(now).as_str();
        let shown = parts_model::subscription(&found, status, now);
        Ok(model::one("subscription", shown))
    }
}
