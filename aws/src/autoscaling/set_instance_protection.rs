//! Protects instances from being picked when their group gets smaller.
use super::model::{self, name, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetInstanceProtection {
    instance_ids: Option<Vec<String>>,
    auto_scaling_group_name: Option<String>,
    protected_from_scale_in: Option<bool>,
}

impl Operation for SetInstanceProtection {
    const NAME: &'static str = "SetInstanceProtection";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let ids = model::instance_ids(self.instance_ids)?;
        let protected = required("ProtectedFromScaleIn", self.protected_from_scale_in)?;
        let done = groups::set_protection(&cx.compute, &cx.registry, &group, ids, protected).await;
        done.map_err(refused)?;
        Ok(json!({}))
    }
}
