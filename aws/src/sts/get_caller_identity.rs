//! Who the caller is.
use serde::{Deserialize, Serialize};

use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetCallerIdentity {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    user_id: String,
    account: String,
    arn: String,
}

impl Operation for GetCallerIdentity {
    const NAME: &'static str = "GetCallerIdentity";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        Ok(Output {
            user_id: cx.principal.user_id(),
            account: cx.principal.account.to_string(),
            arn: cx.principal.arn.to_string(),
        })
    }
}
