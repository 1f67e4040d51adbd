//! Shows the warm pool of a group: there are none.
use super::model::{name, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeWarmPool {
    auto_scaling_group_name: Option<String>,
    _max_records: Option<i64>,
    _next_token: Option<String>,
}

impl Operation for DescribeWarmPool {
    const NAME: &'static str = "DescribeWarmPool";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        groups::get(&cx.compute, &cx.registry, &group)
            .await
            .map_err(refused)?;
        Ok(json!({ "Instances": [] }))
    }
}
