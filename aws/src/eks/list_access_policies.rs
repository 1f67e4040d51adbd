//! The access policies that there are.
use serde::Deserialize;
use serde_json::json;
use wharf_eks::{access::policies, checks};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAccessPolicies {
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListAccessPolicies {
    const NAME: &'static str = "ListAccessPolicies";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: "ListAccessPolicies".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found: Vec<&str> = policies::after(&after).collect();
        Ok(model::shown_page(
            &pages,
            found,
            max,
            |name| (*name).to_owned(),
            "accessPolicies",
            |name| json!({ "name": name, "arn": policies::arn(name) }),
        ))
    }
}
