//! Gives a repository a lifecycle policy.
use serde::{Deserialize, Serialize};
use wharf_registry::lifecycle;

use super::lifecycle::policy_text;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutLifecyclePolicy {
    registry_id: Option<String>,
    repository_name: Option<String>,
    lifecycle_policy_text: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    lifecycle_policy_text: String,
}

impl Operation for PutLifecyclePolicy {
    const NAME: &'static str = "PutLifecyclePolicy";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = policy_text(self.lifecycle_policy_text)?;
        lifecycle::put(&cx.domain, &registry, &name, &text).await?;
        Ok(Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            lifecycle_policy_text: text,
        })
    }
}
