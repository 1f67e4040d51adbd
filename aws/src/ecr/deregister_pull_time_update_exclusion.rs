//! Includes a principal again: its pulls are noted.
use serde::{Deserialize, Serialize};
use wharf_registry::pull_times;

use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeregisterPullTimeUpdateExclusion {
    principal_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    principal_arn: String,
}

impl Operation for DeregisterPullTimeUpdateExclusion {
    const NAME: &'static str = "DeregisterPullTimeUpdateExclusion";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let principal_arn = check::principal_arn(self.principal_arn)?;
        pull_times::include(&cx.domain, &cx.registry, &principal_arn).await?;
        Ok(Output { principal_arn })
    }
}
