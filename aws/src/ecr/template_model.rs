//! What the operations on creation templates share.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wharf_auth::policy::MAX_CHARS;
use wharf_registry::{
    lifecycle::MAX_TEXT,
    repositories::Purpose,
    templates::{self, BadText, Template},
};
use wharf_storage::Stored;
use wharf_types::{Arn, Prefix};

use super::model::{self, ExclusionFilter, Tag};
use crate::{Exception, check};

const APPLIED_FOR: &str =
    "Member must satisfy enum value set: [REPLICATION, PULL_THROUGH_CACHE, CREATE_ON_PUSH]";

/// A template in answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryCreationTemplate {
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    encryption_configuration: Value,
    resource_tags: Vec<Tag>,
    image_tag_mutability: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_policy: Option<String>,
    applied_for: Vec<Purpose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_role_arn: Option<String>,
    created_at: f64,
    updated_at: f64,
}

impl From<Stored<Template>> for RepositoryCreationTemplate {
    fn from(stored: Stored<Template>) -> Self {
        let template = stored.body;
        let tag = |(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        };
        Self {
            prefix: template.prefix.into(),
            description: template.description,
            encryption_configuration: template.encryption,
            resource_tags: template.tags.into_iter().map(tag).collect(),
            image_tag_mutability: template.mutability.as_str(),
            image_tag_mutability_exclusion_filters: ExclusionFilter::all(&template.exclusions),
            repository_policy: template.policy,
            lifecycle_policy: template.lifecycle,
            applied_for: template.applied_for,
            custom_role_arn: template.role,
            created_at: stored.created.as_secs_f64(),
            updated_at: stored.updated.as_secs_f64(),
        }
    }
}

/// The answer of those that are about one template.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    pub(super) registry_id: String,
    pub(super) repository_creation_template: RepositoryCreationTemplate,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encryption {
    encryption_type: Option<String>,
    kms_key: Option<String>,
}

impl Encryption {
    pub(super) fn check(self) -> Result<Value, Exception> {
        const KEY: &str = "encryptionConfiguration.kmsKey";
        let key = self.kms_key.unwrap_or_default();
        check::text(KEY, &key, 0, 2048)?;
        if !key.is_empty() && !is_kms_key(&key) {
            return Err(check::unsatisfied(
                KEY,
                "must satisfy regular expression '^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\\/[a-z0-9-]+'",
            ));
        }
        match self.encryption_type.as_deref() {
            Some("AES256") if key.is_empty() => Ok(json!({ "encryptionType": "AES256" })),
            Some("AES256") => Err(check::unsatisfied(
                "encryptionConfiguration",
                "KMS key cannot be specified for encryption type AES256",
            )),
            Some(kind @ ("KMS" | "KMS_DSSE")) if key.is_empty() => {
                Ok(json!({ "encryptionType": kind }))
            }
            Some(kind @ ("KMS" | "KMS_DSSE")) => {
                Ok(json!({ "encryptionType": kind, "kmsKey": key }))
            }
            _ => Err(check::unsatisfied(
                "encryptionConfiguration.encryptionType",
                "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]",
            )),
        }
    }
}

fn is_kms_key(text: &str) -> bool {
    let Ok(arn) = text.parse::<Arn>() else {
        return false;
    };
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let id = arn.resource.strip_prefix("key/").unwrap_or_default();
    arn.service == "kms"
        && !arn.region.is_empty()
        && arn.region.bytes().all(word)
        && arn.account.len() == 12
        && arn.account.bytes().all(|b| b.is_ascii_digit())
        && !id.is_empty()
        && id.bytes().all(word)
}

/// `prefix`.
pub(super) fn prefix(value: Option<String>) -> Result<Prefix, Exception> {
    check::prefix("prefix", &check::required("prefix", value)?, 1, 256)
}

/// `appliedFor`: at least one purpose, each once.
pub(super) fn applied_for(values: Vec<String>) -> Result<Vec<Purpose>, Exception> {
    let values = check::list("appliedFor", Some(values), 1, 3)?;
    let mut purposes = Vec::new();
    for value in values {
        let purpose: Purpose = serde_json::from_value(Value::String(value))
            .map_err(|_unknown| check::unsatisfied("appliedFor", APPLIED_FOR))?;
        if !purposes.contains(&purpose) {
            purposes.push(purpose);
        }
    }
    Ok(purposes)
}

/// `resourceTags`. What is wrong with tags has errors of its own where a resource is tagged, but not
/// here.
pub(super) fn resource_tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Exception> {
    model::resource_tags(tags).map_err(|e| Exception::invalid_parameter(e.message))
}

/// `description`, `repositoryPolicy` and `lifecyclePolicy`.
pub(super) fn texts(
    description: Option<&str>,
    policy: Option<&str>,
    lifecycle: Option<&str>,
) -> Result<(), Exception> {
    check::text("description", description.unwrap_or_default(), 0, 256)?;
    let written = policy.unwrap_or_default();
    check::text("repositoryPolicy", written, 0, MAX_CHARS)?;
    let written = lifecycle.unwrap_or_default();
    check::text("lifecyclePolicy", written, 0, MAX_TEXT)?;
    templates::check_texts(policy, lifecycle).map_err(|bad| match bad {
        BadText::Policy => {
            check::unsatisfied("repositoryPolicy", "Invalid repository policy provided")
        }
        BadText::Lifecycle(why) => {
            let text = format!("Lifecycle policy validation failure: {why}");
            check::unsatisfied("lifecyclePolicy", &text)
        }
    })
}
