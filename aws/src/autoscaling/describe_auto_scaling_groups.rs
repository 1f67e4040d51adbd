//! Lists groups.
use super::model::{self, Filter, TemplateNames, invalid, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Group, Tag};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeAutoScalingGroups {
    auto_scaling_group_names: Option<Vec<String>>,
    include_instances: Option<bool>,
    _include_managed_resources: Option<bool>,
    next_token: Option<String>,
    max_records: Option<i64>,
    filters: Option<Vec<Filter>>,
}

impl Operation for DescribeAutoScalingGroups {
    const NAME: &'static str = "DescribeAutoScalingGroups";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = model::filters(self.filters)?;
        let known =
            |name: &str| matches!(name, "tag-key" | "tag-value") || name.starts_with("tag:");
        if let Some((name, _)) = filters.iter().find(|(name, _)| !known(name)) {
            return Err(invalid(format!(
                "Filter type {name} is not correct. Allowed Filter types are: tag-key tag-value tag:<key>"
            )));
        }
        let names = self.auto_scaling_group_names.unwrap_or_default();
        let mut all = groups::list(&cx.compute, &cx.registry)
            .await
            .map_err(refused)?;
        all.retain(|group| {
            (names.is_empty() || names.contains(&group.name))
                && filters
                    .iter()
                    .all(|(name, values)| has(&group.tags, name, values))
        });
        let asked = (self.max_records, self.next_token.as_deref());
        let key = |group: &Group| group.name.clone();
        let (shown, token) = model::page(&cx, Self::NAME, asked, (50, 100), all, key)?;
        let ids = TemplateNames::load(&cx).await?;
        let instances = self.include_instances.unwrap_or(true);
        let shown = shown
            .iter()
            .map(|group| model::group(&cx, group, &ids, instances));
        Ok(json!({ "AutoScalingGroups": shown.collect::<Vec<_>>(), "NextToken": token }))
    }
}

/// Whether a group's tags have one that a filter means.
fn has(tags: &[Tag], filter: &str, values: &[String]) -> bool {
    tags.iter().any(|tag| match filter {
        "tag-key" => values.contains(&tag.key),
        "tag-value" => values.contains(&tag.value),
        filter => filter.strip_prefix("tag:") == Some(&tag.key) && values.contains(&tag.value),
    })
}
