//! Brings instances back that were set aside.
use super::model::{self, name, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::Value;
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExitStandby {
    instance_ids: Option<Vec<String>>,
    auto_scaling_group_name: Option<String>,
}

impl Operation for ExitStandby {
    const NAME: &'static str = "ExitStandby";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let ids = model::instance_ids(self.instance_ids)?;
        let done = groups::exit_standby(&cx.compute, &cx.registry, &group, ids).await;
        Ok(model::activities(&done.map_err(refused)?))
    }
}
