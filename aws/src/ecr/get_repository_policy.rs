//! Shows a repository's policy.
use serde::Deserialize;
use wharf_registry::policies;

use super::policy_text::OfRepository;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetRepositoryPolicy {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

impl Operation for GetRepositoryPolicy {
    const NAME: &'static str = "GetRepositoryPolicy";
    type Output = OfRepository;

    async fn run(self, cx: Cx) -> Result<OfRepository, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = policies::of_repository(&cx.domain, &registry, &name).await?;
        OfRepository::found(&registry, &name, text)
    }
}
