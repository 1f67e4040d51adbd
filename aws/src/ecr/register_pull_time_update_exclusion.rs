//! Excludes a principal: its pulls are no longer noted.
use serde::{Deserialize, Serialize};
use wharf_registry::pull_times;

use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterPullTimeUpdateExclusion {
    principal_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    principal_arn: String,
    created_at: f64,
}

impl Operation for RegisterPullTimeUpdateExclusion {
    const NAME: &'static str = "RegisterPullTimeUpdateExclusion";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let principal_arn = check::principal_arn(self.principal_arn)?;
        let created = pull_times::exclude(&cx.domain, &cx.registry, &principal_arn).await?;
        Ok(Output {
            principal_arn,
            created_at: created.as_secs_f64(),
        })
    }
}
