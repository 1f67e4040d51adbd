//! Changes the credentials of a rule of the pull-through cache.
use serde::{Deserialize, Serialize};
use wharf_registry::pull_through;

use super::rule_model;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatePullThroughCacheRule {
    registry_id: Option<String>,
    ecr_repository_prefix: Option<String>,
    credential_arn: Option<String>,
    custom_role_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    ecr_repository_prefix: String,
    registry_id: String,
    updated_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    upstream_repository_prefix: String,
}

impl Operation for UpdatePullThroughCacheRule {
    const NAME: &'static str = "UpdatePullThroughCacheRule";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = rule_model::prefix(self.ecr_repository_prefix)?;
        let registry = rule_model::registry(&cx, self.registry_id.as_deref(), &prefix)?;
        rule_model::credential(self.credential_arn.as_deref())?;
        let role = check::role_arn(self.custom_role_arn)?.filter(|role| !role.is_empty());
        if self.credential_arn.is_none() && role.is_none() {
            return Err(Exception::invalid_parameter(
                "Invalid parameter: one of 'credentialArn' and 'customRoleArn' must be given",
            ));
        }
        let updated =
            pull_through::update(&cx.domain, &registry, prefix, self.credential_arn, role).await?;
        let rule = updated.body;
        Ok(Output {
            ecr_repository_prefix: rule.prefix.into(),
            registry_id: registry.account.to_string(),
            updated_at: updated.updated.as_secs_f64(),
            credential_arn: rule.credential,
            custom_role_arn: rule.role,
            upstream_repository_prefix: rule_model::upstream_prefix(rule.upstream_prefix),
        })
    }
}
