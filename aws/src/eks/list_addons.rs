//! The names of the add-ons of a cluster.
use serde::Deserialize;
use wharf_eks::{addons, checks};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAddons {
    cluster_name: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListAddons {
    const NAME: &'static str = "ListAddons";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListAddons/{}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found = addons::list(&cx.eks, &cx.registry, self.cluster_name, after).await?;
        Ok(model::page(&pages, found, max).answer("addons"))
    }
}
