//! Ends instances of a group; others come, unless it is to get smaller.
use super::model::{self, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TerminateInstanceInAutoScalingGroup {
    instance_id: Option<String>,
    instance_ids: Option<Vec<String>>,
    _auto_scaling_group_name: Option<String>,
    should_decrement_desired_capacity: Option<bool>,
}

impl Operation for TerminateInstanceInAutoScalingGroup {
    const NAME: &'static str = "TerminateInstanceInAutoScalingGroup";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let decrement = required(
            "ShouldDecrementDesiredCapacity",
            self.should_decrement_desired_capacity,
        )?;
        let many = self.instance_ids.is_some();
        let ids = match (self.instance_id, self.instance_ids) {
            (Some(id), None) => vec![id],
            (None, ids) => model::instance_ids(ids)?,
            (Some(_), Some(_)) => {
                return Err(model::invalid(
                    "Only one of InstanceId and InstanceIds can be given.",
                ));
            }
        };
        let mut begun = Vec::new();
        for id in &ids {
            let one = groups::terminate(&cx.compute, &cx.registry, id, decrement).await;
            begun.push(model::activity(&one.map_err(refused)?));
        }
        if many {
            return Ok(json!({ "Activities": begun }));
        }
        Ok(json!({ "Activity": begun.pop() }))
    }
}
