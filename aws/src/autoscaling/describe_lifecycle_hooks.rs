//! Lists the hooks of a group.
use super::{
    model::{name, refused},
    put_lifecycle_hook::{LAUNCHING, TERMINATING},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeLifecycleHooks {
    auto_scaling_group_name: Option<String>,
    lifecycle_hook_names: Option<Vec<String>>,
}

impl Operation for DescribeLifecycleHooks {
    const NAME: &'static str = "DescribeLifecycleHooks";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let group = groups::get(&cx.compute, &cx.registry, &group)
            .await
            .map_err(refused)?;
        let names = self.lifecycle_hook_names.unwrap_or_default();
        let hooks = group.hooks.iter();
        let wanted = hooks.filter(|hook| names.is_empty() || names.contains(&hook.name));
        let shown = wanted.map(|hook| {
            json!({
                "LifecycleHookName": hook.name,
                "AutoScalingGroupName": group.name,
                "LifecycleTransition": if hook.launching { LAUNCHING } else { TERMINATING },
                "NotificationTargetARN": hook.target,
                "RoleARN": hook.role,
                "NotificationMetadata": hook.metadata,
                "HeartbeatTimeout": hook.timeout_secs,
                "GlobalTimeout": hook.global_timeout_secs(),
                "DefaultResult": hook.default.as_str(),
            })
        });
        Ok(json!({ "LifecycleHooks": shown.collect::<Vec<_>>() }))
    }
}
