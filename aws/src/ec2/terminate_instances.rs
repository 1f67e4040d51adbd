//! Ends instances.
use super::model::{self, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::instances;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TerminateInstances {
    instance_id: Option<Vec<String>>,
    _force: Option<bool>,
    _skip_os_shutdown: Option<bool>,
    _dry_run: Option<bool>,
}

impl Operation for TerminateInstances {
    const NAME: &'static str = "TerminateInstances";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let ids = model::instance_ids(self.instance_id)?;
        let done = instances::terminate(&cx.compute, &cx.registry, ids).await;
        let done = done.map_err(refused)?;
        let changes = done.iter().map(|change| {
            json!({
                "instanceId": change.instance.id,
                "currentState": model::state(change.instance.state),
                "previousState": model::state(change.before),
            })
        });
        Ok(json!({ "instancesSet": changes.collect::<Vec<_>>() }))
    }
}
