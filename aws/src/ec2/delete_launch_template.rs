//! Removes a launch template with all its versions.
use super::model::{self, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::templates;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteLaunchTemplate {
    _dry_run: Option<bool>,
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
}

impl Operation for DeleteLaunchTemplate {
    const NAME: &'static str = "DeleteLaunchTemplate";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let key = model::template_key(self.launch_template_id, self.launch_template_name)?;
        let gone = templates::delete(&cx.compute, &cx.registry, key).await;
        Ok(json!({ "launchTemplate": model::template(&gone.map_err(refused)?) }))
    }
}
