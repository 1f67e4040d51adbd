//! The capabilities of a cluster.
use serde::Deserialize;
use wharf_eks::{
    capabilities::{self, Capability},
    checks,
    parts::Shown,
};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCapabilities {
    cluster_name: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListCapabilities {
    const NAME: &'static str = "ListCapabilities";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListCapabilities/{}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found = capabilities::list(&cx.eks, &cx.registry, self.cluster_name, after).await?;
        Ok(model::shown_page(
            &pages,
            found,
            max,
            |shown: &Shown<Capability>| shown.body.name.clone(),
            "capabilities",
            parts_model::capability_summary,
        ))
    }
}
