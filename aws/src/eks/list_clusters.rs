//! The names of the clusters of an account in a region.
use serde::Deserialize;
use wharf_eks::{
    checks,
    clusters::{self, Which},
};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListClusters {
    max_results: Option<i64>,
    next_token: Option<String>,
    include: Option<Vec<String>>,
}

impl Operation for ListClusters {
    const NAME: &'static str = "ListClusters";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let include = self.include.unwrap_or_default();
        let which = match include.as_slice() {
            [] => Which::Own,
            [all] if all == "all" => Which::All,
            _ => return Err(Exception::invalid_parameter("include can only be 'all'")),
        };
        let pages = Pages {
            cx: &cx,
            scope: "ListClusters".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found = clusters::list(&cx.eks, &cx.registry, which, after, max + 1).await?;
        Ok(model::page(&pages, found, max).answer("clusters"))
    }
}
