//! Lists what groups did, the latest first.
use super::model::{self, Filter, invalid, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Activity};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeScalingActivities {
    activity_ids: Option<Vec<String>>,
    auto_scaling_group_name: Option<String>,
    _include_deleted_groups: Option<bool>,
    _include_managed_resources: Option<bool>,
    max_records: Option<i64>,
    next_token: Option<String>,
    filters: Option<Vec<Filter>>,
}

impl Operation for DescribeScalingActivities {
    const NAME: &'static str = "DescribeScalingActivities";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        if self.filters.is_some_and(|filters| !filters.is_empty()) {
            return Err(invalid("wharf does not filter scaling activities"));
        }
        let group = self.auto_scaling_group_name;
        let mut all = groups::list_activities(&cx.compute, &cx.registry, group)
            .await
            .map_err(refused)?;
        if let Some(ids) = self.activity_ids.filter(|ids| !ids.is_empty()) {
            all.retain(|activity| ids.contains(&activity.id));
        }
        let asked = (self.max_records, self.next_token.as_deref());
        let key = |activity: &Activity| activity.id.clone();
        let (shown, token) = model::page(&cx, Self::NAME, asked, (100, 100), all, key)?;
        let shown: Vec<Value> = shown.iter().map(model::activity).collect();
        Ok(json!({ "Activities": shown, "NextToken": token }))
    }
}
