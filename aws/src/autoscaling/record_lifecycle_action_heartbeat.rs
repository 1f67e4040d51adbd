//! Gives what holds an instance more time.
use super::{
    complete_lifecycle_action::which,
    model::{hook_name, name, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecordLifecycleActionHeartbeat {
    lifecycle_hook_name: Option<String>,
    auto_scaling_group_name: Option<String>,
    lifecycle_action_token: Option<String>,
    instance_id: Option<String>,
}

impl Operation for RecordLifecycleActionHeartbeat {
    const NAME: &'static str = "RecordLifecycleActionHeartbeat";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let hook = hook_name(self.lifecycle_hook_name)?;
        let which = (hook, which(self.instance_id, self.lifecycle_action_token)?);
        let done = groups::heartbeat(&cx.compute, &cx.registry, &group, which).await;
        done.map_err(refused)?;
        Ok(json!({}))
    }
}
