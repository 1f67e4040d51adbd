//! Adds a creation template.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use wharf_registry::templates::{self, Template};

use super::{
    model::{self, ExclusionFilter, Tag},
    template_model::{self, Encryption, Output},
};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateRepositoryCreationTemplate {
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

impl Operation for CreateRepositoryCreationTemplate {
    const NAME: &'static str = "CreateRepositoryCreationTemplate";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = template_model::prefix(self.prefix)?;
        let applied_for =
            template_model::applied_for(check::required("appliedFor", self.applied_for)?)?;
        let (mutability, exclusions) = model::mutability(
            self.image_tag_mutability.as_deref(),
            self.image_tag_mutability_exclusion_filters,
        )?;
        template_model::texts(
            self.description.as_deref(),
            self.repository_policy.as_deref(),
            self.lifecycle_policy.as_deref(),
        )?;
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let new = Template {
            prefix,
            applied_for,
            description: text(self.description),
            encryption: match self.encryption_configuration {
                Some(encryption) => encryption.check()?,
                None => json!({ "encryptionType": "AES256" }),
            },
            tags: match self.resource_tags {
                Some(tags) => template_model::resource_tags(tags)?,
                None => BTreeMap::new(),
            },
            mutability,
            exclusions,
            policy: text(self.repository_policy),
            lifecycle: text(self.lifecycle_policy),
            role: text(check::role_arn(self.custom_role_arn)?),
        };
        let created = templates::create(&cx.domain, &cx.registry, new).await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            repository_creation_template: created.into(),
        })
    }
}
