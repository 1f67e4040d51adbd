//! Suspends processes of a group.
use serde::Deserialize;

use super::model::{name, refused};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups::{self, ProcessChange};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SuspendProcesses {
    auto_scaling_group_name: Option<String>,
    scaling_processes: Option<Vec<String>>,
}

impl Operation for SuspendProcesses {
    const NAME: &'static str = "SuspendProcesses";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let processes = self.scaling_processes.unwrap_or_default();
        let (compute, place, change) = (&cx.compute, &cx.registry, ProcessChange::Suspend);
        let done = groups::change_processes(compute, place, &group, change, processes).await;
        done.map_err(refused)
    }
}
