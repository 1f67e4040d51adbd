//! Takes a repository's lifecycle policy away, and shows it.
use serde::Deserialize;
use wharf_registry::lifecycle;

use super::get_lifecycle_policy::Output;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteLifecyclePolicy {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

impl Operation for DeleteLifecyclePolicy {
    const NAME: &'static str = "DeleteLifecyclePolicy";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let policy = lifecycle::delete(&cx.domain, &registry, &name).await?;
        Ok(Output::new(&registry, &name, policy))
    }
}
