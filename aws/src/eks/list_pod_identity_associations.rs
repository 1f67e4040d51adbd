//! The pod identity associations of a cluster.
use serde::Deserialize;
use wharf_eks::{
    checks,
    pod_identity::{self, Filter},
};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPodIdentityAssociations {
    cluster_name: String,
    namespace: Option<String>,
    service_account: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListPodIdentityAssociations {
    const NAME: &'static str = "ListPodIdentityAssociations";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let cluster = self.cluster_name;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListPodIdentityAssociations/{cluster}"),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let filter = Filter {
            namespace: self.namespace,
            service_account: self.service_account,
        };
        let found =
            pod_identity::list(&cx.eks, &cx.registry, cluster.clone(), filter, after).await?;
        Ok(model::shown_page(
            &pages,
            found,
            max,
            |found| found.id.clone(),
            "associations",
            |found| parts_model::pod_identity_summary(&cx.registry, &cluster, found),
        ))
    }
}
