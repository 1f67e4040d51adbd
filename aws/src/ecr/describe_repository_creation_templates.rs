//! Lists creation templates, or those with given prefixes.
use serde::{Deserialize, Serialize};
use wharf_registry::templates::{MAX_TEMPLATES, Template};
use wharf_storage::{Error as StoreError, Owner, Stored};

use super::template_model::{self, RepositoryCreationTemplate};
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeRepositoryCreationTemplates {
    prefixes: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_creation_templates: Vec<RepositoryCreationTemplate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribeRepositoryCreationTemplates {
    const NAME: &'static str = "DescribeRepositoryCreationTemplates";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let max = check::max_results(self.max_results, 100, 1000)?;
        let owner = Owner::Registry(cx.registry.clone());
        let registry_id = cx.registry.account.to_string();
        let prefixes = self.prefixes.unwrap_or_default();
        if !prefixes.is_empty() {
            if self.next_token.is_some() || self.max_results.is_some() {
                return Err(Exception::invalid_parameter(
                    "Invalid parameter: 'prefixes' cannot be used together with 'nextToken' or 'maxResults'",
                ));
            }
            let prefixes = check::list("prefixes", Some(prefixes), 1, MAX_TEMPLATES)?
                .into_iter()
                .map(|prefix| template_model::prefix(Some(prefix)))
                .collect::<Result<Vec<_>, _>>()?;
            let found = cx.domain.store.meta().read(move |tx| {
                prefixes
                    .iter()
                    .filter_map(|prefix| tx.document::<Template>(&owner, prefix.key()).transpose())
                    .collect::<Result<Vec<Stored<Template>>, StoreError>>()
            });
            // The operation has no error for a prefix that there is no template for.
            return Ok(Output {
                registry_id,
                repository_creation_templates: found.await?.into_iter().map(Into::into).collect(),
                next_token: None,
            });
        }
        let pages = Pages {
            cx: &cx,
            scope: "DescribeRepositoryCreationTemplates".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let found = cx
            .domain
            .store
            .meta()
            .read(move |tx| tx.documents::<Template>(&owner, &after, max + 1));
        let mut found = found.await?;
        let more = found.len() > max;
        found.truncate(max);
        let next_token = found
            .last()
            .filter(|_| more)
            .map(|last| pages.token(&last.name));
        Ok(Output {
            registry_id,
            repository_creation_templates: found.into_iter().map(Into::into).collect(),
            next_token,
        })
    }
}
