//! The insights of a cluster.
use serde::Deserialize;
use wharf_eks::{
    checks,
    insights::{self, Filter, Insight},
};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListInsights {
    cluster_name: String,
    filter: Option<Filter>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListInsights {
    const NAME: &'static str = "ListInsights";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListInsights/{}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let filter = self.filter.unwrap_or_default();
        let found =
            insights::list(&cx.eks, &cx.registry, &self.cluster_name, filter, after).await?;
        Ok(model::shown_page(
            &pages,
            found,
            max,
            |insight: &Insight| insight.id.clone(),
            "insights",
            parts_model::insight_summary,
        ))
    }
}
