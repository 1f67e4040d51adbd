//! Lets an instance go on that a hook holds.
use super::{
    model::{hook_name, invalid, name, refused, required},
    put_lifecycle_hook::outcome,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, Which};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CompleteLifecycleAction {
    lifecycle_hook_name: Option<String>,
    auto_scaling_group_name: Option<String>,
    lifecycle_action_token: Option<String>,
    lifecycle_action_result: Option<String>,
    instance_id: Option<String>,
}

impl Operation for CompleteLifecycleAction {
    const NAME: &'static str = "CompleteLifecycleAction";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let hook = hook_name(self.lifecycle_hook_name)?;
        let result = required("LifecycleActionResult", self.lifecycle_action_result)?;
        let result = outcome(&result)?;
        let which = (hook, which(self.instance_id, self.lifecycle_action_token)?);
        let done = groups::complete(&cx.compute, &cx.registry, &group, which, result).await;
        done.map_err(refused)?;
        Ok(json!({}))
    }
}

/// The action that is meant: of an instance, or with a token.
pub(super) fn which(instance: Option<String>, token: Option<String>) -> Result<Which, Exception> {
    match (token, instance) {
        (Some(token), _) => Ok(Which::Token(token)),
        (None, Some(id)) => Ok(Which::Instance(id)),
        (None, None) => Err(invalid(
            "Either the lifecycle action token or the instance ID must be given.",
        )),
    }
}
