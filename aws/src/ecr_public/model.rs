//! Shapes that several operations share, and how a private operation answers for a public one.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_registry::catalog::RepositoryCatalog;

use crate::{Cx, Exception, check, operation::Operation, strict::Blob};

/// What the answers of this service have of a repository.
pub(super) const REPOSITORY: &[&str] = &[
    "repositoryArn",
    "registryId",
    "repositoryName",
    "repositoryUri",
    "createdAt",
];

/// Has a private operation run with some members, and returns its answer.
pub(super) async fn ask<O: Operation>(cx: Cx, input: impl Serialize) -> Result<Value, Exception> {
    let input = serde_json::to_value(input).map_err(Exception::internal)?;
    let operation: O = serde_json::from_value(input).map_err(Exception::internal)?;
    let output = operation.run(cx).await?;
    serde_json::to_value(output).map_err(Exception::internal)
}

/// Leaves of a structure, or of each in a list, only the members with these names.
pub(super) fn keep(value: &mut Value, names: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| keep(item, names)),
        Value::Object(members) => members.retain(|name, _| names.contains(&name.as_str())),
        _ => {}
    }
}

/// An answer with one member of a private operation's, of which only some members are known here.
pub(super) fn only(mut answer: Value, member: &str, names: &[&str]) -> Map<String, Value> {
    let mut kept = Map::new();
    let mut inner = answer.get_mut(member).map(Value::take).unwrap_or_default();
    keep(&mut inner, names);
    kept.insert(member.to_owned(), inner);
    if let Some(token) = answer.get_mut("nextToken").map(Value::take) {
        kept.insert("nextToken".to_owned(), token);
    }
    kept
}

/// `catalogData` of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CatalogInput {
    description: Option<String>,
    architectures: Option<Vec<String>>,
    operating_systems: Option<Vec<String>>,
    logo_image_blob: Option<Blob>,
    about_text: Option<String>,
    usage_text: Option<String>,
}

impl CatalogInput {
    pub(super) fn check(self) -> Result<RepositoryCatalog, Exception> {
        if self.logo_image_blob.is_some() {
            return Err(Exception::client(
                "UnsupportedCommandException",
                "wharf has no gallery that shows logos",
            ));
        }
        for (member, text, most) in [
            ("description", &self.description, 1024),
            ("aboutText", &self.about_text, 25_600),
            ("usageText", &self.usage_text, 25_600),
        ] {
            let characters = text.as_deref().unwrap_or_default().chars().count();
            check::length(&format!("catalogData.{member}"), characters, 0, most)?;
        }
        for (member, list) in [
            ("architectures", &self.architectures),
            ("operatingSystems", &self.operating_systems),
        ] {
            let list = list.as_deref().unwrap_or_default();
            check::length(&format!("catalogData.{member}"), list.len(), 0, 50)?;
            for (i, text) in list.iter().enumerate() {
                let path = format!("catalogData.{member}[{i}]");
                check::length(&path, text.chars().count(), 1, 50)?;
            }
        }
        Ok(RepositoryCatalog {
            description: self.description,
            architectures: self.architectures.unwrap_or_default(),
            operating_systems: self.operating_systems.unwrap_or_default(),
            about: self.about_text,
            usage: self.usage_text,
        })
    }
}

/// `catalogData` of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CatalogData {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    architectures: Vec<String>,
    operating_systems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_text: Option<String>,
    marketplace_certified: bool,
}

impl From<RepositoryCatalog> for CatalogData {
    fn from(c: RepositoryCatalog) -> Self {
        Self {
            description: c.description,
            architectures: c.architectures,
            operating_systems: c.operating_systems,
            about_text: c.about,
            usage_text: c.usage,
            marketplace_certified: false,
        }
    }
}

/// `registryCatalogData` of an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistryCatalogData {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
}
