//! The password for `docker login`.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use wharf_auth::{basic, token};
use wharf_types::Registry;

use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetAuthorizationToken {
    /// Deprecated, and still sent by `docker-credential-ecr-login`.
    registry_ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    authorization_data: Vec<AuthorizationData>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationData {
    authorization_token: String,
    expires_at: f64,
    proxy_endpoint: String,
}

impl Operation for GetAuthorizationToken {
    const NAME: &'static str = "GetAuthorizationToken";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let registries: Vec<Registry> = match self.registry_ids {
            None => vec![cx.registry.clone()],
            Some(ids) => check::list("registryIds", Some(ids), 1, 10)?
                .iter()
                .map(|id| check::registry(&cx, Some(id)))
                .collect::<Result<_, _>>()?,
        };
        let now = cx.domain.store.now();
        let one = |registry: &Registry| {
            let issued = token::issue(&cx.domain.key, &cx.principal, registry, now)
                .map_err(Exception::internal)?;
            Ok(AuthorizationData {
                authorization_token: STANDARD.encode(format!(
                    "{}:{}",
                    basic::USER,
                    issued.password.expose()
                )),
                expires_at: issued.expires_at.as_secs_f64(),
                proxy_endpoint: cx.names.proxy_endpoint(registry, &cx.host, cx.tls),
            })
        };
        Ok(Output {
            authorization_data: registries
                .iter()
                .map(one)
                .collect::<Result<_, Exception>>()?,
        })
    }
}
