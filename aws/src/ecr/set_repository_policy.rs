//! Sets a repository's policy.
use serde::Deserialize;
use wharf_registry::policies::{self, LockOut, NewPolicy};

use super::policy_text::{OfRepository, policy_text};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetRepositoryPolicy {
    registry_id: Option<String>,
    repository_name: Option<String>,
    policy_text: Option<String>,
    force: Option<bool>,
}

impl Operation for SetRepositoryPolicy {
    const NAME: &'static str = "SetRepositoryPolicy";
    type Output = OfRepository;

    async fn run(self, cx: Cx) -> Result<OfRepository, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = policy_text(self.policy_text)?;
        let new = NewPolicy::of_repository(&registry, text.clone())?;
        let lock_out = if self.force.unwrap_or_default() {
            LockOut::Accept
        } else {
            LockOut::Refuse
        };
        policies::set(&cx.domain, &cx.caller(), &name, new, lock_out, cx.origin).await?;
        Ok(OfRepository::new(&registry, &name, text))
    }
}
