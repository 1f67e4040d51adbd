//! Removes a rule of the pull-through cache; what it cached stays.
use serde::{Deserialize, Serialize};
use wharf_registry::pull_through;

use super::rule_model;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletePullThroughCacheRule {
    ecr_repository_prefix: Option<String>,
    registry_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    ecr_repository_prefix: String,
    upstream_registry_url: String,
    created_at: f64,
    registry_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    upstream_repository_prefix: String,
}

impl Operation for DeletePullThroughCacheRule {
    const NAME: &'static str = "DeletePullThroughCacheRule";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = rule_model::prefix(self.ecr_repository_prefix)?;
        let registry = rule_model::registry(&cx, self.registry_id.as_deref(), &prefix)?;
        let deleted = pull_through::delete(&cx.domain, &registry, prefix).await?;
        let rule = deleted.body;
        Ok(Output {
            ecr_repository_prefix: rule.prefix.into(),
            upstream_registry_url: rule.url,
            created_at: deleted.created.as_secs_f64(),
            registry_id: registry.account.to_string(),
            credential_arn: rule.credential,
            custom_role_arn: rule.role,
            upstream_repository_prefix: rule_model::upstream_prefix(rule.upstream_prefix),
        })
    }
}
