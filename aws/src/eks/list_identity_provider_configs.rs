//! The identity providers of a cluster.
use serde::Deserialize;
use serde_json::json;
use wharf_eks::{checks, identity_providers};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListIdentityProviderConfigs {
    cluster_name: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for ListIdentityProviderConfigs {
    const NAME: &'static str = "ListIdentityProviderConfigs";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListIdentityProviderConfigs/{}", self.cluster_name),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found =
            identity_providers::list(&cx.eks, &cx.registry, self.cluster_name, after).await?;
        Ok(model::shown_page(
            &pages,
            found,
            max,
            String::clone,
            "identityProviderConfigs",
            |name| json!({ "type": "oidc", "name": name }),
        ))
    }
}
