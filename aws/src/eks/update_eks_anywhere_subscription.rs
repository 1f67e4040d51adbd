//! Says whether an EKS Anywhere subscription is renewed.
use serde::Deserialize;
use wharf_eks::checks;
use wharf_eks::subscriptions;

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateEksAnywhereSubscription {
    id: String,
    auto_renew: Option<bool>,
    client_request_token: Option<String>,
}

impl Operation for UpdateEksAnywhereSubscription {
    const NAME: &'static str = "UpdateEksAnywhereSubscription";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        // What is done twice is as done once.
        drop(self.client_request_token);
        let renew = checks::required("autoRenew", self.auto_renew)?;
        let changed = subscriptions::update(&cx.eks, &cx.registry, self.id, renew).await?;
        let shown = parts_model::subscription(&changed, "UPDATING", cx.eks.now());
        Ok(model::one("subscription", shown))
    }
}
