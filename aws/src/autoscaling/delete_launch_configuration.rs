//! Removes a launch configuration that no group needs.
use serde::Deserialize;

use super::model::{name, refused};
use crate::{Cx, Exception, operation::Operation};
use wharf_compute::configurations;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteLaunchConfiguration {
    launch_configuration_name: Option<String>,
}

impl Operation for DeleteLaunchConfiguration {
    const NAME: &'static str = "DeleteLaunchConfiguration";
    type Output = ();

    async fn run(self, cx: Cx) -> Result<(), Exception> {
        let name = name("LaunchConfigurationName", self.launch_configuration_name)?;
        let done = configurations::delete(&cx.compute, &cx.registry, name).await;
        done.map_err(refused)
    }
}
