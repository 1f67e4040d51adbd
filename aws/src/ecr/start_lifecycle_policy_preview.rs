//! Begins to work out what a lifecycle policy, given or the repository's own, would take.
use serde::{Deserialize, Serialize};
use wharf_registry::lifecycle::preview;

use super::lifecycle::policy_text;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartLifecyclePolicyPreview {
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
    status: &'static str,
}

impl Operation for StartLifecyclePolicyPreview {
    const NAME: &'static str = "StartLifecyclePolicyPreview";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = match self.lifecycle_policy_text {
            None => None,
            given => Some(policy_text(given)?),
        };
        let started = preview::start(&cx.domain, &registry, &name, text).await?;
        Ok(Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            lifecycle_policy_text: started.text,
            status: "IN_PROGRESS",
        })
    }
}
