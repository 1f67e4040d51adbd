//! Makes a launch template with its first version.
use super::model::{self, refused, required};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    launch,
    templates::{self, New},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateLaunchTemplate {
    _dry_run: Option<bool>,
    client_token: Option<String>,
    launch_template_name: Option<String>,
    version_description: Option<String>,
    launch_template_data: Option<Value>,
    _operator: Option<Value>,
    tag_specification: Option<Value>,
}

impl Operation for CreateLaunchTemplate {
    const NAME: &'static str = "CreateLaunchTemplate";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let name = required("LaunchTemplateName", self.launch_template_name)?;
        let data = required("LaunchTemplateData", self.launch_template_data)?;
        let specified = self.tag_specification.unwrap_or_default();
        let tags = launch::specified_tags(&specified, "launch-template");
        let new = New {
            by: cx.principal.arn.to_string(),
            description: self.version_description,
            data,
            client_token: self.client_token,
        };
        let made = templates::create(&cx.compute, &cx.registry, name, tags, new).await;
        Ok(json!({ "launchTemplate": model::template(&made.map_err(refused)?) }))
    }
}
