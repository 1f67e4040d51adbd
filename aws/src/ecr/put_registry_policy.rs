//! Sets the registry's policy.
use serde::Deserialize;
use wharf_registry::policies::{self, NewPolicy};

use super::policy_text::{OfRegistry, policy_text};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutRegistryPolicy {
    policy_text: Option<String>,
}

impl Operation for PutRegistryPolicy {
    const NAME: &'static str = "PutRegistryPolicy";
    type Output = OfRegistry;

    async fn run(self, cx: Cx) -> Result<OfRegistry, Exception> {
        let text = policy_text(self.policy_text)?;
        let new = NewPolicy::of_registry(text.clone())?;
        policies::set_of_registry(&cx.domain, &cx.registry, new).await?;
        Ok(OfRegistry::new(&cx.registry, text))
    }
}
