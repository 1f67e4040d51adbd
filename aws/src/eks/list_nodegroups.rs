//! The names of the node groups of a cluster.
use serde::Deserialize;
use wharf_eks::{checks, nodegroups};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListNodegroups {
    cluster_name: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListNodegroups {
    const NAME: &'static str = "ListNodegroups";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListNodegroups {}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let cluster = &self.cluster_name;
        let found = nodegroups::list(&cx.eks, &cx.registry, cluster, after, max + 1).await?;
        Ok(model::page(&pages, found, max).answer("nodegroups"))
    }
}
