//! Says how many groups and launch configurations there can be, and are.
use super::model::refused;
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{configurations, groups};

#[derive(Debug, Deserialize)]
pub(crate) struct DescribeAccountLimits {}

impl Operation for DescribeAccountLimits {
    const NAME: &'static str = "DescribeAccountLimits";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let groups = groups::list(&cx.compute, &cx.registry)
            .await
            .map_err(refused)?;
        let configurations = configurations::list(&cx.compute, &cx.registry)
            .await
            .map_err(refused)?;
        Ok(json!({
            "MaxNumberOfAutoScalingGroups": groups::MAX,
            "MaxNumberOfLaunchConfigurations": configurations::MAX,
            "NumberOfAutoScalingGroups": groups.len(),
            "NumberOfLaunchConfigurations": configurations.len(),
        }))
    }
}
