//! Says how an instance is; one that is not healthy is replaced.
use serde::Deserialize;

use super::model::{invalid, refused, required};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::groups;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetInstanceHealth {
    instance_id: Option<String>,
    health_status: Option<String>,
    should_respect_grace_period: Option<bool>,
}

impl Operation for SetInstanceHealth {
    const NAME: &'static str = "SetInstanceHealth";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let id = required("InstanceId", self.instance_id)?;
        let status = required("HealthStatus", self.health_status)?;
        let healthy = match status.to_ascii_lowercase().as_str() {
            "healthy" => true,
            "unhealthy" => false,
            _ => {
                return Err(invalid(
                    "Valid instance health states are: [Healthy, Unhealthy].",
                ));
            }
        };
        let grace = self.should_respect_grace_period.unwrap_or(true);
        let done = groups::set_health(&cx.compute, &cx.registry, &id, healthy, grace).await;
        done.map_err(refused)
    }
}
