//! The EKS Anywhere subscriptions of an account in a region.
use serde::Deserialize;
use wharf_eks::{
    checks,
    subscriptions::{self, Shown, Status},
};

use super::{
    model::{self, Answer},
    parts_model,
};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListEksAnywhereSubscriptions {
    include_status: Option<Vec<Status>>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListEksAnywhereSubscriptions {
    const NAME: &'static str = "ListEksAnywhereSubscriptions";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: "ListEksAnywhereSubscriptions".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let statuses = self.include_status.unwrap_or_default();
        let found = subscriptions::list(&cx.eks, &cx.registry, statuses, after).await?;
        let now = cx.eks.now();
        let show =
            |shown: &Shown| parts_model::subscription(shown, shown.body.status(now).as_str(), now);
        Ok(model::shown_page(
            &pages,
            found,
            max,
            |shown: &Shown| shown.body.id.clone(),
            "subscriptions",
            show,
        ))
    }
}
