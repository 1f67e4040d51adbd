//! Lists the principals whose pulls are not noted.
use serde::{Deserialize, Serialize};
use wharf_registry::pull_times;

use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPullTimeUpdateExclusions {
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    pull_time_update_exclusions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListPullTimeUpdateExclusions {
    const NAME: &'static str = "ListPullTimeUpdateExclusions";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        // The answer holds 100 at most, whatever is asked for.
        let max = check::max_results(self.max_results, 100, 1000)?.min(100);
        let pages = Pages {
            cx: &cx,
            scope: "ListPullTimeUpdateExclusions".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let listed = pull_times::exclusions(&cx.domain, &cx.registry, &after, max + 1);
        let mut arns = listed.await?;
        let more = arns.len() > max;
        arns.truncate(max);
        let next_token = arns.last().filter(|_| more).map(|last| pages.token(last));
        Ok(Output {
            pull_time_update_exclusions: arns,
            next_token,
        })
    }
}
