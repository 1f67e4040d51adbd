//! Shows what became of the last refresh of insights.
use serde::Deserialize;
use wharf_eks::insights;

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeInsightsRefresh {
    cluster_name: String,
}

impl Operation for DescribeInsightsRefresh {
    const NAME: &'static str = "DescribeInsightsRefresh";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let refresh = insights::last_refresh(&cx.eks, &cx.registry, &self.cluster_name).await?;
        let mut answer = model::one("startedAt", model::seconds(refresh.started_ms).into());
        let (status, message) = match insights::end(&cx.eks, &refresh) {
            None => ("IN_PROGRESS", "Insights refresh is in progress."),
            Some(end) => {
                answer.insert("endedAt", end.as_secs_f64().into());
                ("COMPLETED", "Insights refresh completed successfully.")
            }
        };
        answer.insert("status", status.into());
        answer.insert("message", message.into());
        Ok(answer)
    }
}
