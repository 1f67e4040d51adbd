//! Shows the registry's policy.
use serde::Deserialize;
use wharf_registry::policies;

use super::policy_text::OfRegistry;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetRegistryPolicy {}

impl Operation for GetRegistryPolicy {
    const NAME: &'static str = "GetRegistryPolicy";
    type Output = OfRegistry;

    async fn run(self, cx: Cx) -> Result<OfRegistry, Exception> {
        let text = policies::of_registry(&cx.domain, &cx.registry).await?;
        OfRegistry::found(&cx.registry, text)
    }
}
