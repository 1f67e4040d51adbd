//! Removes a group, with its instances if it is forced.
use serde::Deserialize;

use super::model::{name, refused};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteAutoScalingGroup {
    auto_scaling_group_name: Option<String>,
    force_delete: Option<bool>,
}

impl Operation for DeleteAutoScalingGroup {
    const NAME: &'static str = "DeleteAutoScalingGroup";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let force = self.force_delete.unwrap_or_default();
        let done = groups::delete(&cx.compute, &cx.registry, &group, force).await;
        done.map_err(refused)
    }
}
