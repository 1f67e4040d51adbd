//! The ids of the updates of a cluster, or of something in it.
use serde::Deserialize;
use wharf_eks::{checks, updates};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListUpdates {
    name: String,
    nodegroup_name: Option<String>,
    addon_name: Option<String>,
    capability_name: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Operation for ListUpdates {
    const NAME: &'static str = "ListUpdates";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let subject = model::subject(self.nodegroup_name, self.addon_name, self.capability_name)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListUpdates {} {subject:?}", self.name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let (eks, registry) = (&cx.eks, &cx.registry);
        let found = updates::list(eks, registry, &self.name, subject, after, max + 1).await?;
        Ok(model::page(&pages, found, max).answer("updateIds"))
    }
}
