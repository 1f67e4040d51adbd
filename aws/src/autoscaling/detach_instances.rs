//! Lets instances of a group go, which run on.
use super::model::{self, name, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::Value;
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DetachInstances {
    instance_ids: Option<Vec<String>>,
    auto_scaling_group_name: Option<String>,
    should_decrement_desired_capacity: Option<bool>,
}

impl Operation for DetachInstances {
    const NAME: &'static str = "DetachInstances";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let ids = model::instance_ids(self.instance_ids)?;
        let decrement = required(
            "ShouldDecrementDesiredCapacity",
            self.should_decrement_desired_capacity,
        )?;
        let done = groups::detach(&cx.compute, &cx.registry, &group, ids, decrement).await;
        Ok(model::activities(&done.map_err(refused)?))
    }
}
