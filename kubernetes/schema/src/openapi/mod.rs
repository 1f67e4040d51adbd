//! `/openapi`: what `kubectl explain`, `apply` and validation read.
//!
//! In version 3 there is a document for each group and version, and an index of them; in version 2
//! one for all. Descriptions are empty: the table has none.
mod paths;
mod protobuf;
mod schemas;
mod swagger;
#[cfg(test)]
mod tests;

pub use protobuf::encode as encode_swagger;
pub use swagger::document as swagger;

use serde_json::{Map, Value, json};

use crate::Schema;

/// A resource of a group and version.
#[derive(Clone, Debug)]
pub struct Resource {
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
    /// Such as `get` and `deletecollection`.
    pub verbs: Vec<String>,
    pub subresources: Vec<Subresource>,
    pub source: Source,
}

/// What hangs under an object, such as `status`.
#[derive(Clone, Debug)]
pub struct Subresource {
    pub name: String,
    pub verbs: Vec<String>,
    /// Of what is sent and answered; that of the resource for `status`.
    pub group: String,
    pub version: String,
    pub kind: String,
    /// The name of its type in the table; `None` for that of the resource.
    pub type_name: Option<String>,
}

/// Where the type of a resource is described.
#[derive(Clone, Debug)]
pub enum Source {
    /// The name of a type of the table.
    Table(String),
    /// The name and `openAPIV3Schema` of a custom resource.
    Custom { name: String, schema: Value },
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Table(name) | Self::Custom { name, .. } => name,
        }
    }
}

/// The index, of each group and version with the hash of its document.
pub fn index<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Value {
    let paths: Map<String, Value> = documents
        .into_iter()
        .map(|(group, version, hash)| {
            let place = place(group, version);
            let url = format!("/openapi/v3/{place}?hash={hash}");
            (place, json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// A text that changes with the document.
pub fn hash(document: &[u8]) -> String {
    // FNV-1a: it names a version for caches, nobody is kept from forging it.
    let hash = document
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016X}")
}

/// The document of a group and version.
pub fn document(schema: &Schema, group: &str, version: &str, resources: &[Resource]) -> Value {
    let mut paths = Map::new();
    let mut components = schemas::Components::new(schema);
    for resource in resources {
        paths::add(&mut paths, group, version, resource);
        components.add_resource(group, version, resource);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {
            "schemas": components.finish(),
            "securitySchemes": {"BearerToken": {
                "type": "apiKey", "name": "authorization", "in": "header",
                "description": "Bearer Token authentication",
            }},
        },
    })
}

fn place(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
