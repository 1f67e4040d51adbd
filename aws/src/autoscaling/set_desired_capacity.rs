//! Says how many instances a group is to have.
use serde::Deserialize;

use super::model::{self, name, refused, required};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetDesiredCapacity {
    auto_scaling_group_name: Option<String>,
    desired_capacity: Option<i64>,
    honor_cooldown: Option<bool>,
}

impl Operation for SetDesiredCapacity {
    const NAME: &'static str = "SetDesiredCapacity";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let desired = required("DesiredCapacity", self.desired_capacity)?;
        let desired = model::size("DesiredCapacity", desired)?;
        let honor = self.honor_cooldown.unwrap_or_default();
        let done = groups::set_desired(&cx.compute, &cx.registry, &group, desired, honor).await;
        done.map_err(refused)
    }
}
