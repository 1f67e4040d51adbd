//! Makes a repository.
use serde::{Deserialize, Serialize};
use serde_json::json;
use wharf_registry::repositories::{self, NewRepository};

use super::model::{self, ExclusionFilter, Repository, ScanningConfiguration, Tag};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateRepository {
    registry_id: Option<String>,
    repository_name: Option<String>,
    tags: Option<Vec<Tag>>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    image_scanning_configuration: Option<ScanningConfiguration>,
    encryption_configuration: Option<Encryption>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encryption {
    encryption_type: Option<String>,
    kms_key: Option<String>,
}

impl Encryption {
    fn check(self) -> Result<serde_json::Value, Exception> {
        if let Some(key) = &self.kms_key {
            check::length(
                "encryptionConfiguration.kmsKey",
                key.chars().count(),
                1,
                2048,
            )?;
        }
        match (self.encryption_type.as_deref(), self.kms_key) {
            (Some("AES256"), None) => Ok(json!({ "encryptionType": "AES256" })),
            (Some("AES256"), Some(_)) => Err(Exception::invalid_parameter(
                "Invalid parameter at 'encryptionConfiguration' failed to satisfy constraint: 'KMS key cannot be specified for encryption type AES256'",
            )),
            (Some(kind @ ("KMS" | "KMS_DSSE")), Some(key)) => {
                Ok(json!({ "encryptionType": kind, "kmsKey": key }))
            }
            (Some(kind @ ("KMS" | "KMS_DSSE")), None) => Ok(json!({ "encryptionType": kind })),
            _ => Err(Exception::invalid_parameter(
                "Invalid parameter at 'encryptionConfiguration.encryptionType' failed to satisfy constraint: 'Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]'",
            )),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    repository: Repository,
}

impl Operation for CreateRepository {
    const NAME: &'static str = "CreateRepository";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::registry(&cx, self.registry_id.as_deref())?;
        if registry.account != cx.registry.account {
            return Err(Exception::invalid_parameter(
                "A repository cannot be created in the registry of another account",
            ));
        }
        let (mutability, exclusions) = model::mutability(
            self.image_tag_mutability.as_deref(),
            self.image_tag_mutability_exclusion_filters,
        )?;
        let mut new = NewRepository {
            mutability,
            exclusions,
            scan_on_push: self
                .image_scanning_configuration
                .unwrap_or_default()
                .scan_on_push,
            tags: model::resource_tags(self.tags.unwrap_or_default())?,
            ..NewRepository::plain(name)
        };
        if let Some(encryption) = self.encryption_configuration {
            new.encryption = encryption.check()?;
        }
        let repository = repositories::create(&cx.domain, &registry, new).await?;
        Ok(Output {
            repository: Repository::new(&cx, repository),
        })
    }
}
