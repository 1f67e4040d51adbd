//! Takes running instances into a group.
use serde::Deserialize;

use super::model::{self, name, refused};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttachInstances {
    instance_ids: Option<Vec<String>>,
    auto_scaling_group_name: Option<String>,
}

impl Operation for AttachInstances {
    const NAME: &'static str = "AttachInstances";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let ids = model::instance_ids(self.instance_ids)?;
        let done = groups::attach(&cx.compute, &cx.registry, &group, ids).await;
        done.map_err(refused)
    }
}
