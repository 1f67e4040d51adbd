//! Sets instances of a group aside.
use super::model::{self, name, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::Value;
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EnterStandby {
    instance_ids: Option<Vec<String>>,
    auto_scaling_group_name: Option<String>,
    should_decrement_desired_capacity: Option<bool>,
}

impl Operation for EnterStandby {
    const NAME: &'static str = "EnterStandby";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let ids = model::instance_ids(self.instance_ids)?;
        let decrement = required(
            "ShouldDecrementDesiredCapacity",
            self.should_decrement_desired_capacity,
        )?;
        let done = groups::enter_standby(&cx.compute, &cx.registry, &group, ids, decrement).await;
        Ok(model::activities(&done.map_err(refused)?))
    }
}
