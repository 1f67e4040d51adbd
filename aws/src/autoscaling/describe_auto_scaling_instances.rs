//! Lists the instances of all groups.
use super::model::{self, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Member};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeAutoScalingInstances {
    instance_ids: Option<Vec<String>>,
    _include_managed_resources: Option<bool>,
    max_records: Option<i64>,
    next_token: Option<String>,
}

impl Operation for DescribeAutoScalingInstances {
    const NAME: &'static str = "DescribeAutoScalingInstances";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let ids = self.instance_ids.unwrap_or_default();
        let groups = groups::list(&cx.compute, &cx.registry)
            .await
            .map_err(refused)?;
        let mut all = Vec::new();
        for group in groups {
            let members = group.members.into_iter();
            let wanted = members.filter(|m| ids.is_empty() || ids.contains(&m.id));
            all.extend(wanted.map(|member| (group.name.clone(), member)));
        }
        all.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        let asked = (self.max_records, self.next_token.as_deref());
        let key = |(_, member): &(String, Member)| member.id.clone();
        let (shown, token) = model::page(&cx, Self::NAME, asked, (50, 50), all, key)?;
        let one = |(group, member): (String, Member)| {
            let mut shown = model::member(&cx, &member);
            // Here, and only here, it is in capitals.
            let health = if member.healthy {
                "HEALTHY"
            } else {
                "UNHEALTHY"
            };
            shown.insert("HealthStatus".into(), health.into());
            shown.insert("AutoScalingGroupName".into(), group.into());
            Value::Object(shown)
        };
        let shown: Vec<Value> = shown.into_iter().map(one).collect();
        Ok(json!({ "AutoScalingInstances": shown, "NextToken": token }))
    }
}
