//! Removes a hook. What it holds goes on.
use super::model::{hook_name, name, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteLifecycleHook {
    lifecycle_hook_name: Option<String>,
    auto_scaling_group_name: Option<String>,
}

impl Operation for DeleteLifecycleHook {
    const NAME: &'static str = "DeleteLifecycleHook";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let hook = hook_name(self.lifecycle_hook_name)?;
        let done = groups::delete_hook(&cx.compute, &cx.registry, &group, hook).await;
        done.map_err(refused)?;
        Ok(json!({}))
    }
}
