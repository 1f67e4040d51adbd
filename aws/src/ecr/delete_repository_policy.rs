//! Takes a repository's policy away.
use serde::Deserialize;
use wharf_registry::policies;

use super::policy_text::OfRepository;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteRepositoryPolicy {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

impl Operation for DeleteRepositoryPolicy {
    const NAME: &'static str = "DeleteRepositoryPolicy";
    type Output = OfRepository;

    async fn run(self, cx: Cx) -> Result<OfRepository, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = policies::delete(&cx.domain, &registry, &name).await?;
        OfRepository::found(&registry, &name, text)
    }
}
