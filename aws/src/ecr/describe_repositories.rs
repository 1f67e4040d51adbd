//! Lists repositories, or describes those that are named.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};
use wharf_storage::Repository as Stored;

use super::model::Repository;
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeRepositories {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    repositories: Vec<Repository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribeRepositories {
    const NAME: &'static str = "DescribeRepositories";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let max = check::max_results(self.max_results, 100, 1000)?;
        let registry = check::registry(&cx, self.registry_id.as_deref())?;
        let foreign = registry.account != cx.registry.account;
        if let Some(names) = self.repository_names {
            if self.next_token.is_some() || self.max_results.is_some() {
                return Err(Exception::invalid_parameter(
                    "Invalid parameter: 'repositoryNames' cannot be used together with 'nextToken' or 'maxResults'",
                ));
            }
            let names = check::list("repositoryNames", Some(names), 1, 100)?;
            let names = names
                .into_iter()
                .map(|name| check::repository_name(Some(name)))
                .collect::<Result<Vec<_>, _>>()?;
            if foreign && let Some(name) = names.first() {
                check::own_registry(&cx, self.registry_id.as_deref(), name)?;
            }
            let found = cx.domain.store.meta().read(move |tx| {
                names
                    .iter()
                    .map(|name| repositories::find(tx, &registry, name))
                    .collect::<Result<Vec<_>, Error>>()
            });
            return Ok(Output {
                repositories: shown(&cx, found.await?),
                next_token: None,
            });
        }
        let pages = Pages {
            cx: &cx,
            scope: "DescribeRepositories".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        if foreign {
            return Ok(Output {
                repositories: Vec::new(),
                next_token: None,
            });
        }
        let found = cx
            .domain
            .store
            .meta()
            .read(move |tx| tx.repositories(&registry, &after, max + 1));
        let mut found = found.await?;
        let more = found.len() > max;
        found.truncate(max);
        let next_token = found
            .last()
            .filter(|_| more)
            .map(|last| pages.token(last.name.as_str()));
        Ok(Output {
            repositories: shown(&cx, found),
            next_token,
        })
    }
}

fn shown(cx: &Cx, found: Vec<Stored>) -> Vec<Repository> {
    found.into_iter().map(|r| Repository::new(cx, r)).collect()
}
