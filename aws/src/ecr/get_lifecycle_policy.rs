//! Shows a repository's lifecycle policy.
use serde::{Deserialize, Serialize};
use wharf_registry::lifecycle::{self, LifecyclePolicy};
use wharf_types::{Registry, RepoName, Timestamp};

use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetLifecyclePolicy {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    lifecycle_policy_text: String,
    /// 0 until the policy was applied for the first time, as AWS answers it.
    last_evaluated_at: f64,
}

impl Output {
    pub(super) fn new(registry: &Registry, name: &RepoName, policy: LifecyclePolicy) -> Self {
        Self {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            last_evaluated_at: policy.evaluated().map_or(0.0, Timestamp::as_secs_f64),
            lifecycle_policy_text: policy.text,
        }
    }
}

impl Operation for GetLifecyclePolicy {
    const NAME: &'static str = "GetLifecyclePolicy";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let policy = lifecycle::get(&cx.domain, &registry, &name).await?;
        Ok(Output::new(&registry, &name, policy))
    }
}
