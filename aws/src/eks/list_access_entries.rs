//! The principals that a cluster has access entries for.
use serde::Deserialize;
use wharf_eks::{access::entries, checks};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAccessEntries {
    cluster_name: String,
    associated_policy_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListAccessEntries {
    const NAME: &'static str = "ListAccessEntries";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListAccessEntries/{}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let policy = self.associated_policy_arn;
        let found = entries::list(&cx.eks, &cx.registry, self.cluster_name, policy, after).await?;
        let found = found
            .into_iter()
            .map(|stored| stored.body.principal)
            .collect();
        Ok(model::page(&pages, found, max).answer("accessEntries"))
    }
}
