//! Describes the caller's public registry.
use serde::{Deserialize, Serialize};

use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeRegistries {
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    registries: Vec<Registry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Registry {
    registry_id: String,
    registry_arn: String,
    registry_uri: String,
    verified: bool,
    aliases: Vec<Alias>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alias {
    name: String,
    status: &'static str,
    primary_registry_alias: bool,
    default_registry_alias: bool,
}

impl Operation for DescribeRegistries {
    const NAME: &'static str = "DescribeRegistries";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        check::max_results(self.max_results, 100, 1000)?;
        let pages = Pages {
            cx: &cx,
            scope: "DescribeRegistries".into(),
        };
        // An account has one registry, so there is no token that is good.
        pages.after(self.next_token.as_deref())?;
        let account = &cx.registry.account;
        let registry = Registry {
            registry_id: account.to_string(),
            registry_arn: format!("arn:aws:ecr-public::{account}:registry/{account}"),
            registry_uri: cx.names.public_uri(&cx.registry, &cx.host),
            verified: false,
            aliases: vec![Alias {
                name: cx.registry.alias(),
                status: "ACTIVE",
                primary_registry_alias: true,
                default_registry_alias: true,
            }],
        };
        Ok(Output {
            registries: vec![registry],
        })
    }
}
