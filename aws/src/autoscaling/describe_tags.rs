//! Lists the tags of groups.
use super::model::{self, Filter, invalid, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Tag};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeTags {
    filters: Option<Vec<Filter>>,
    _include_managed_resources: Option<bool>,
    next_token: Option<String>,
    max_records: Option<i64>,
}

impl Operation for DescribeTags {
    const NAME: &'static str = "DescribeTags";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = model::filters(self.filters)?;
        let known = ["auto-scaling-group", "key", "value", "propagate-at-launch"];
        if let Some((name, _)) = filters
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            return Err(invalid(format!(
                "Filter type {name} is not correct. Allowed Filter types are: {}",
                known.join(" ")
            )));
        }
        let groups = groups::list(&cx.compute, &cx.registry)
            .await
            .map_err(refused)?;
        let mut all = Vec::new();
        for group in groups {
            let tags = group.tags.into_iter().map(|tag| (group.name.clone(), tag));
            all.extend(tags.filter(|of| filters.iter().all(|filter| has(of, filter))));
        }
        let asked = (self.max_records, self.next_token.as_deref());
        let key = |(group, tag): &(String, Tag)| format!("{group}\u{1}{}", tag.key);
        let (shown, token) = model::page(&cx, Self::NAME, asked, (50, 100), all, key)?;
        let shown = shown
            .iter()
            .map(|(group, tag)| model::shown_tag(group, tag));
        Ok(json!({ "Tags": shown.collect::<Vec<_>>(), "NextToken": token }))
    }
}

/// Whether a tag of a group is what a filter means.
fn has((group, tag): &(String, Tag), (name, values): &(String, Vec<String>)) -> bool {
    let value = match name.as_str() {
        "auto-scaling-group" => group,
        "key" => &tag.key,
        "value" => &tag.value,
        _ => {
            return values
                .iter()
                .any(|value| *value == tag.propagate.to_string());
        }
    };
    values.contains(value)
}
