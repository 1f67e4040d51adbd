//! Lists the rules of the pull-through cache, or those with given prefixes.
use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    pull_through::{self, Rule, UpstreamRegistry},
};
use wharf_storage::{Owner, Stored};

use super::rule_model;
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribePullThroughCacheRules {
    registry_id: Option<String>,
    ecr_repository_prefixes: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PullThroughCacheRule {
    ecr_repository_prefix: String,
    upstream_registry_url: String,
    created_at: f64,
    updated_at: f64,
    registry_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_registry: Option<UpstreamRegistry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    upstream_repository_prefix: String,
}

impl PullThroughCacheRule {
    fn new(cx: &Cx, stored: Stored<Rule>) -> Self {
        let rule = stored.body;
        Self {
            ecr_repository_prefix: rule.prefix.into(),
            upstream_registry_url: rule.url,
            created_at: stored.created.as_secs_f64(),
            updated_at: stored.updated.as_secs_f64(),
            registry_id: cx.registry.account.to_string(),
            upstream_registry: rule.upstream,
            credential_arn: rule.credential,
            custom_role_arn: rule.role,
            upstream_repository_prefix: rule_model::upstream_prefix(rule.upstream_prefix),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    pull_through_cache_rules: Vec<PullThroughCacheRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribePullThroughCacheRules {
    const NAME: &'static str = "DescribePullThroughCacheRules";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let max = check::max_results(self.max_results, 100, 1000)?;
        if let Some(prefixes) = self.ecr_repository_prefixes {
            if self.next_token.is_some() || self.max_results.is_some() {
                return Err(Exception::invalid_parameter(
                    "Invalid parameter: 'ecrRepositoryPrefixes' cannot be used together with 'nextToken' or 'maxResults'",
                ));
            }
            let mut rules = Vec::new();
            for prefix in check::list("ecrRepositoryPrefixes", Some(prefixes), 1, 100)? {
                let prefix = rule_model::prefix(Some(prefix))?;
                let registry = rule_model::registry(&cx, self.registry_id.as_deref(), &prefix)?;
                let found = pull_through::get(&cx.domain, &registry, prefix).await?;
                rules.push(PullThroughCacheRule::new(&cx, found));
            }
            return Ok(Output {
                pull_through_cache_rules: rules,
                next_token: None,
            });
        }
        let pages = Pages {
            cx: &cx,
            scope: "DescribePullThroughCacheRules".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let registry = check::registry(&cx, self.registry_id.as_deref())?;
        let foreign = registry.account != cx.registry.account;
        let found = cx.domain.store.meta().read(move |tx| {
            if foreign {
                return Ok(Vec::new());
            }
            Ok::<_, Error>(tx.documents::<Rule>(&Owner::Registry(registry), &after, max + 1)?)
        });
        let mut found = found.await?;
        let more = found.len() > max;
        found.truncate(max);
        let next_token = found
            .last()
            .filter(|_| more)
            .map(|last| pages.token(&last.name));
        let shown = found
            .into_iter()
            .map(|rule| PullThroughCacheRule::new(&cx, rule));
        Ok(Output {
            pull_through_cache_rules: shown.collect(),
            next_token,
        })
    }
}
