//! Texts of policies: what comes in, and what operations on them answer.
use serde::Serialize;
use wharf_auth::policy::MAX_CHARS;
use wharf_types::{Registry, RepoName};

use crate::{Exception, check};

/// `policyText`.
pub(crate) fn policy_text(value: Option<String>) -> Result<String, Exception> {
    let text = check::required("policyText", value)?;
    if text.chars().count() > MAX_CHARS {
        return Err(Exception::invalid_parameter(format!(
            "Invalid parameter at 'policyText' failed to satisfy constraint: 'Member must have length less than or equal to {MAX_CHARS}'"
        )));
    }
    Ok(text)
}

/// The policy of a repository.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfRepository {
    registry_id: String,
    repository_name: String,
    policy_text: String,
}

impl OfRepository {
    pub(crate) fn new(registry: &Registry, name: &RepoName, policy_text: String) -> Self {
        Self {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            policy_text,
        }
    }

    /// The policy that was found, or that there is none.
    pub(crate) fn found(
        registry: &Registry,
        name: &RepoName,
        text: Option<String>,
    ) -> Result<Self, Exception> {
        let missing = || {
            let account = &registry.account;
            let text = format!(
                "Repository policy does not exist for the repository with name '{name}' in the registry with id '{account}'"
            );
            Exception::client("RepositoryPolicyNotFoundException", text)
        };
        Ok(Self::new(registry, name, text.ok_or_else(missing)?))
    }
}

/// The policy of a registry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfRegistry {
    registry_id: String,
    policy_text: String,
}

impl OfRegistry {
    pub(crate) fn new(registry: &Registry, policy_text: String) -> Self {
        Self {
            registry_id: registry.account.to_string(),
            policy_text,
        }
    }

    /// The policy that was found, or that there is none.
    pub(crate) fn found(registry: &Registry, text: Option<String>) -> Result<Self, Exception> {
        let missing = || {
            let account = &registry.account;
            let text =
                format!("Registry policy does not exist in the registry with id '{account}'");
            Exception::client("RegistryPolicyNotFoundException", text)
        };
        Ok(Self::new(registry, text.ok_or_else(missing)?))
    }
}
