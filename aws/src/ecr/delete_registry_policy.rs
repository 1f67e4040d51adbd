//! Takes the registry's policy away.
use serde::Deserialize;
use wharf_registry::policies;

use super::policy_text::OfRegistry;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DeleteRegistryPolicy {}

impl Operation for DeleteRegistryPolicy {
    const NAME: &'static str = "DeleteRegistryPolicy";
    type Output = OfRegistry;

    async fn run(self, cx: Cx) -> Result<OfRegistry, Exception> {
        let text = policies::delete_of_registry(&cx.domain, &cx.registry).await?;
        OfRegistry::found(&cx.registry, text)
    }
}
