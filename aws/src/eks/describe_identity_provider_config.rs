//! Shows an identity provider of a cluster.
use serde::Deserialize;
use wharf_eks::identity_providers::{self, ProviderName};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeIdentityProviderConfig {
    cluster_name: String,
    identity_provider_config: Option<ProviderName>,
}

impl Operation for DescribeIdentityProviderConfig {
    const NAME: &'static str = "DescribeIdentityProviderConfig";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let provider = self.identity_provider_config;
        let found =
            identity_providers::get(&cx.eks, &cx.registry, self.cluster_name, provider).await?;
        let shown = parts_model::provider(&found);
        Ok(model::one("identityProviderConfig", shown))
    }
}
