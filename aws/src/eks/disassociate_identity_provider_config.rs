//! Removes an identity provider from a cluster.
use serde::Deserialize;
use wharf_eks::identity_providers::{self, ProviderName};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisassociateIdentityProviderConfig {
    cluster_name: String,
    identity_provider_config: Option<ProviderName>,
    client_request_token: Option<String>,
}

impl Operation for DisassociateIdentityProviderConfig {
    const NAME: &'static str = "DisassociateIdentityProviderConfig";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let token = self.client_request_token.as_deref();
        let (cluster, provider) = (self.cluster_name, self.identity_provider_config);
        let update =
            identity_providers::disassociate(&cx.eks, &cx.registry, cluster, provider, token)
                .await?;
        Ok(model::one("update", model::update(&update)))
    }
}
