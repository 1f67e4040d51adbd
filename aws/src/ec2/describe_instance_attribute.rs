//! Shows one attribute of an instance.
use super::model::{self, invalid, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::Map;
use serde_json::{Value, json};
use wharf_compute::instances;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeInstanceAttribute {
    _dry_run: Option<bool>,
    instance_id: Option<String>,
    attribute: Option<String>,
}

impl Operation for DescribeInstanceAttribute {
    const NAME: &'static str = "DescribeInstanceAttribute";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let id = required("InstanceId", self.instance_id)?;
        let attribute = required("Attribute", self.attribute)?;
        let found = instances::one(&cx.compute, &cx.registry, &id).await;
        let found = found.map_err(refused)?;
        let shown = model::instance(&cx, &found);
        let value = match attribute.as_str() {
            "userData" => found
                .user_data
                .clone()
                .map_or(json!({}), |data| json!({ "value": data })),
            "instanceType" => json!({ "value": found.instance_type }),
            "disableApiTermination" => json!({ "value": found.protected }),
            "disableApiStop" | "ebsOptimized" => json!({ "value": false }),
            "enaSupport" | "sourceDestCheck" => json!({ "value": true }),
            "instanceInitiatedShutdownBehavior" => json!({ "value": "stop" }),
            "rootDeviceName" => json!({ "value": "/dev/xvda" }),
            "groupSet" | "blockDeviceMapping" => shown[&attribute].clone(),
            "kernel" | "ramdisk" => json!({}),
            "productCodes" => json!([]),
            other => {
                return Err(invalid(format!(
                    "Value ({other}) for parameter attribute is invalid. Unknown attribute."
                )));
            }
        };
        let mut answer = Map::from_iter([("instanceId".to_owned(), Value::from(id))]);
        answer.insert(attribute, value);
        Ok(Value::Object(answer))
    }
}
