//! The password for `docker login public.ecr.aws`.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use wharf_auth::{basic, token};
use wharf_types::Registry;

use super::REGION;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetAuthorizationToken {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    /// One, where the private service has a list.
    authorization_data: AuthorizationData,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationData {
    authorization_token: String,
    expires_at: f64,
}

impl Operation for GetAuthorizationToken {
    const NAME: &'static str = "GetAuthorizationToken";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        // On one's own machine both services share a host, for which docker keeps one password: it
        // is good for private repositories too.
        let registry = Registry {
            account: cx.registry.account.clone(),
            region: REGION.parse()?,
        };
        let now = cx.domain.store.now();
        let issued = token::issue(&cx.domain.key, &cx.principal, &registry, now)
            .map_err(Exception::internal)?;
        let text = format!("{}:{}", basic::USER, issued.password.expose());
        Ok(Output {
            authorization_data: AuthorizationData {
                authorization_token: STANDARD.encode(text),
                expires_at: issued.expires_at.as_secs_f64(),
            },
        })
    }
}
