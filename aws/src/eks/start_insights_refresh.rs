//! Has the insights of a cluster made anew.
use serde::Deserialize;
use wharf_eks::insights;

use super::model::Answer;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartInsightsRefresh {
    cluster_name: String,
}

impl Operation for StartInsightsRefresh {
    const NAME: &'static str = "StartInsightsRefresh";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        insights::refresh(&cx.eks, &cx.registry, &self.cluster_name).await?;
        Ok(Answer::from([
            ("message", "Insights refresh started successfully.".into()),
            ("status", "IN_PROGRESS".into()),
        ]))
    }
}
