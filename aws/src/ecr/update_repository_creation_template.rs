//! Changes a creation template: what is given, and nothing else.
use serde::Deserialize;
use wharf_registry::templates::{self, Changes};

use super::{
    model::{self, ExclusionFilter, Tag},
    template_model::{self, Encryption, Output},
};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateRepositoryCreationTemplate {
    prefix: Option<String>,
    description: Option<String>,
    encryption_configuration: Option<Encryption>,
    resource_tags: Option<Vec<Tag>>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    repository_policy: Option<String>,
    lifecycle_policy: Option<String>,
    applied_for: Option<Vec<String>>,
    custom_role_arn: Option<String>,
}

impl Operation for UpdateRepositoryCreationTemplate {
    const NAME: &'static str = "UpdateRepositoryCreationTemplate";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = template_model::prefix(self.prefix)?;
        template_model::texts(
            self.description.as_deref(),
            self.repository_policy.as_deref(),
            self.lifecycle_policy.as_deref(),
        )?;
        let filters = self.image_tag_mutability_exclusion_filters;
        let mutability = match (self.image_tag_mutability, filters) {
            (None, None) => None,
            (None, Some(filters)) => {
                // Filters alone go with the mode that there is.
                let mode = templates::get(&cx.domain, &cx.registry, prefix.clone()).await?;
                let mode = mode.body.mutability.as_str();
                Some(model::mutability(Some(mode), Some(filters))?)
            }
            (Some(mode), filters) => Some(model::mutability(Some(&mode), filters)?),
        };
        let changes = Changes {
            applied_for: self
                .applied_for
                .map(template_model::applied_for)
                .transpose()?,
            description: self.description,
            encryption: self
                .encryption_configuration
                .map(Encryption::check)
                .transpose()?,
            tags: self
                .resource_tags
                .map(template_model::resource_tags)
                .transpose()?,
            mutability,
            policy: self.repository_policy,
            lifecycle: self.lifecycle_policy,
            role: check::role_arn(self.custom_role_arn)?,
        };
        let updated = templates::update(&cx.domain, &cx.registry, prefix, changes).await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            repository_creation_template: updated.into(),
        })
    }
}
