//! Lists the tags of all resources.
use super::{
    filter::{Filter, Filters, one, page},
    model::refused,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::tags::{self, TagOf, Tags};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeTags {
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for DescribeTags {
    const NAME: &'static str = "DescribeTags";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let all = tags::all(&cx.compute, &cx.registry).await;
        let all = filters.keep(
            all.map_err(refused)?,
            |of| Tags::from([(of.key.clone(), of.value.clone())]),
            |of, name| match name {
                "key" => one(&of.key),
                "value" => one(&of.value),
                "resource-id" => one(&of.resource),
                "resource-type" => one(kind(of)),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let key = |of: &TagOf| format!("{}\u{1}{}", of.resource, of.key);
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, key)?;
        let shown = all.iter().map(|of| {
            json!({
                "resourceId": of.resource,
                "resourceType": kind(of),
                "key": of.key,
                "value": of.value,
            })
        });
        Ok(json!({ "tagSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

fn kind(of: &TagOf) -> &'static str {
    tags::resource_type(&of.resource).unwrap_or_default()
}
