//! Adds a rule for a pull-through cache.
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_registry::pull_through::{self, NewRule, UpstreamRegistry};

use super::rule_model;
use crate::{Cx, Exception, check, operation::Operation};

/// The longest URL.
const MAX_URL: usize = 2048;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePullThroughCacheRule {
    ecr_repository_prefix: Option<String>,
    upstream_registry_url: Option<String>,
    registry_id: Option<String>,
    upstream_registry: Option<String>,
    credential_arn: Option<String>,
    custom_role_arn: Option<String>,
    upstream_repository_prefix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    ecr_repository_prefix: String,
    upstream_registry_url: String,
    created_at: f64,
    registry_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_registry: Option<UpstreamRegistry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    upstream_repository_prefix: String,
}

impl Operation for CreatePullThroughCacheRule {
    const NAME: &'static str = "CreatePullThroughCacheRule";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = rule_model::prefix(self.ecr_repository_prefix)?;
        let url = check::required("upstreamRegistryUrl", self.upstream_registry_url)?;
        check::text("upstreamRegistryUrl", &url, 1, MAX_URL)?;
        let registry = check::registry(&cx, self.registry_id.as_deref())?;
        if registry.account != cx.registry.account {
            return Err(Exception::invalid_parameter(
                "A pull through cache rule cannot be created in the registry of another account",
            ));
        }
        let upstream = self.upstream_registry.map(upstream_registry).transpose()?;
        rule_model::credential(self.credential_arn.as_deref())?;
        let upstream_prefix = self.upstream_repository_prefix.as_deref();
        let upstream_prefix = upstream_prefix
            .map(|prefix| check::prefix("upstreamRepositoryPrefix", prefix, 2, 30))
            .transpose()?;
        if prefix.is_root() && upstream_prefix.as_ref().is_some_and(|p| !p.is_root()) {
            return Err(check::unsatisfied(
                "upstreamRepositoryPrefix",
                "only ROOT goes with the ECR repository prefix ROOT",
            ));
        }
        let role = check::role_arn(self.custom_role_arn)?;
        let new = NewRule {
            prefix,
            url,
            upstream,
            credential: self.credential_arn,
            role: role.filter(|role| !role.is_empty()),
            upstream_prefix,
        };
        let created = pull_through::create(&cx.domain, &registry, new).await?;
        let rule = created.body;
        Ok(Output {
            ecr_repository_prefix: rule.prefix.into(),
            upstream_registry_url: rule.url,
            created_at: created.created.as_secs_f64(),
            registry_id: registry.account.to_string(),
            upstream_registry: rule.upstream,
            credential_arn: rule.credential,
            custom_role_arn: rule.role,
            upstream_repository_prefix: rule_model::upstream_prefix(rule.upstream_prefix),
        })
    }
}

fn upstream_registry(value: String) -> Result<UpstreamRegistry, Exception> {
    serde_json::from_value(Value::String(value)).map_err(|_unknown| {
        check::unsatisfied(
            "upstreamRegistry",
            "Member must satisfy enum value set: [ecr, ecr-public, quay, k8s, docker-hub, github-container-registry, azure-container-registry, gitlab-container-registry, chainguard]",
        )
    })
}
