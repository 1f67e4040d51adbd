//! Adds a version to a launch template.
use super::model::{self, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::templates::{self, New};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateLaunchTemplateVersion {
    _dry_run: Option<bool>,
    client_token: Option<String>,
    launch_template_id: Option<String>,
    launch_template_name: Option<String>,
    source_version: Option<String>,
    version_description: Option<String>,
    launch_template_data: Option<Value>,
    _resolve_alias: Option<bool>,
}

impl Operation for CreateLaunchTemplateVersion {
    const NAME: &'static str = "CreateLaunchTemplateVersion";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let key = model::template_key(self.launch_template_id, self.launch_template_name)?;
        let new = New {
            by: cx.principal.arn.to_string(),
            description: self.version_description,
            data: required("LaunchTemplateData", self.launch_template_data)?,
            client_token: self.client_token,
        };
        let (compute, place) = (&cx.compute, &cx.registry);
        let made = templates::add_version(compute, place, key, self.source_version, new).await;
        let (template, version) = made.map_err(refused)?;
        Ok(json!({ "launchTemplateVersion": model::version(&template, &version) }))
    }
}
