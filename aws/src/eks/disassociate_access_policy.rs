//! Takes a policy from an access entry.
use serde::Deserialize;
use wharf_eks::access::entries;

use super::model::Answer;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisassociateAccessPolicy {
    cluster_name: String,
    principal_arn: String,
    policy_arn: String,
}

impl Operation for DisassociateAccessPolicy {
    const NAME: &'static str = "DisassociateAccessPolicy";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let (cluster, principal) = (self.cluster_name, self.principal_arn);
        entries::disassociate(&cx.eks, &cx.registry, cluster, principal, self.policy_arn).await?;
        Ok(Answer::new())
    }
}
