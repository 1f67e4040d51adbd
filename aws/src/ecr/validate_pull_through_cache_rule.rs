//! Tries whether the upstream of a rule lets us in.
use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    pull_through::{self, UpstreamError},
};

use super::rule_model;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidatePullThroughCacheRule {
    ecr_repository_prefix: Option<String>,
    registry_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    ecr_repository_prefix: String,
    registry_id: String,
    upstream_registry_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    upstream_repository_prefix: String,
    is_valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Operation for ValidatePullThroughCacheRule {
    const NAME: &'static str = "ValidatePullThroughCacheRule";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = rule_model::prefix(self.ecr_repository_prefix)?;
        let registry = rule_model::registry(&cx, self.registry_id.as_deref(), &prefix)?;
        let rule = pull_through::get(&cx.domain, &registry, prefix).await?.body;
        let failure = match pull_through::validate(&cx.domain, &registry, &rule).await {
            Ok(()) => None,
            Err(e) => Some(failure(e)?),
        };
        Ok(Output {
            ecr_repository_prefix: rule.prefix.into(),
            registry_id: registry.account.to_string(),
            upstream_registry_url: rule.url,
            credential_arn: rule.credential,
            custom_role_arn: rule.role,
            upstream_repository_prefix: rule_model::upstream_prefix(rule.upstream_prefix),
            is_valid: failure.is_none(),
            failure,
        })
    }
}

/// What is wrong with a rule, in a sentence. What is wrong with us is no answer.
fn failure(e: Error) -> Result<String, Exception> {
    let text = match &e {
        Error::Secret { .. } | Error::UnsupportedUpstream { .. } => e.to_string(),
        Error::Upstream(UpstreamError::AccessDenied) => {
            "The upstream registry denied access: check the credentials".into()
        }
        Error::Upstream(UpstreamError::NotFound) => {
            "There is no registry at the upstream registry's URL".into()
        }
        Error::Upstream(UpstreamError::TooManyRequests) => {
            "The upstream registry had too many requests: try again later".into()
        }
        Error::Upstream(UpstreamError::Unavailable(_) | UpstreamError::Refused(_)) => {
            let error: &dyn std::error::Error = &e;
            tracing::warn!(error, "a pull through cache rule is not valid");
            "The upstream registry could not be reached, or its answer could not be trusted".into()
        }
        _ => return Err(e.into()),
    };
    Ok(text)
}
