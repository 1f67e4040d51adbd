//! The policies of an access entry.
use serde::Deserialize;
use wharf_eks::{access::entries, checks};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAssociatedAccessPolicies {
    cluster_name: String,
    principal_arn: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListAssociatedAccessPolicies {
    const NAME: &'static str = "ListAssociatedAccessPolicies";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!(
                "ListAssociatedAccessPolicies/{}/{}",
                self.cluster_name, self.principal_arn
            ),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let entry =
            entries::get(&cx.eks, &cx.registry, self.cluster_name, self.principal_arn).await?;
        let all = entry.body.policies.iter();
        let found: Vec<_> = all.filter(|(arn, _)| **arn > after).collect();
        let mut answer = model::shown_page(
            &pages,
            found,
            max,
            |(arn, _)| (*arn).clone(),
            "associatedAccessPolicies",
            |(arn, association)| parts_model::association(arn, association),
        );
        answer.insert("clusterName", entry.cluster.into());
        answer.insert("principalArn", entry.body.principal.into());
        Ok(answer)
    }
}
