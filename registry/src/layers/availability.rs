//! Whether layers are there, so that they need not be pushed.
use std::collections::HashMap;

use serde::Deserialize;
use wharf_storage::{BlobRow, Read, Repository};
use wharf_types::{Digest, RepoName};

use crate::{Caller, Cx, Error, blobs, repositories};

/// Whether a layer can be named by a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    Available,
    /// All images that name it are in the archive.
    Archived,
    Unavailable,
}

impl Availability {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Archived => "ARCHIVED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

/// What is known of a layer.
#[derive(Clone, Debug)]
pub struct Layer {
    pub digest: Digest,
    pub availability: Availability,
    pub size: Option<u64>,
    /// As one of the manifests says that name it.
    pub media_type: Option<String>,
}

impl Layer {
    const fn unavailable(digest: Digest) -> Self {
        Self {
            digest,
            availability: Availability::Unavailable,
            size: None,
            media_type: None,
        }
    }
}

/// Looks for layers, and keeps those that are said to be available for the manifest that follows.
pub async fn check(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    digests: Vec<Digest>,
) -> Result<Vec<Layer>, Error> {
    let (registry, name) = (caller.registry.clone(), name.clone());
    let found = cx.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let mut types = MediaTypes::default();
        let mut found = Vec::with_capacity(digests.len());
        for digest in digests {
            found.push(match tx.blob(repository.id, &digest)? {
                Some(row) => (known(tx, &repository, &row, &mut types)?, Some(row)),
                None => (Layer::unavailable(digest), None),
            });
        }
        Ok::<_, Error>((repository, found))
    });
    let (repository, found) = found.await?;
    let mut layers = Vec::with_capacity(found.len());
    for (layer, row) in found {
        layers.push(match row {
            Some(row) if layer.availability == Availability::Available => {
                if keep(cx, &repository, &row).await? {
                    layer
                } else {
                    Layer::unavailable(layer.digest)
                }
            }
            _ => layer,
        });
    }
    Ok(layers)
}

/// Renews a layer's lease; whether it is there still and whole.
async fn keep(cx: &Cx, repository: &Repository, row: &BlobRow) -> Result<bool, Error> {
    match cx.store.probe_blob(row).await {
        Ok(()) => {}
        Err(wharf_storage::Error::Damaged) => return Ok(false),
        Err(e) => return Err(e.into()),
    }
    match blobs::keep(cx, repository, row).await {
        Ok(()) => Ok(true),
        Err(Error::BlobUnknown { .. }) => Ok(false),
        Err(e) => Err(e),
    }
}

fn known(
    tx: &Read<'_>,
    repository: &Repository,
    row: &BlobRow,
    types: &mut MediaTypes,
) -> Result<Layer, Error> {
    let named_by = tx.referenced_by(repository.id, &row.digest, 1)?;
    let archived =
        !named_by.is_empty() && tx.active_parents(repository.id, &row.digest, 1)?.is_empty();
    let media_type = match named_by.first() {
        Some(manifest) => types.of(tx, repository.id, manifest, &row.digest)?,
        None => None,
    };
    Ok(Layer {
        digest: row.digest.clone(),
        availability: if archived {
            Availability::Archived
        } else {
            Availability::Available
        },
        size: Some(row.size),
        media_type,
    })
}

/// What manifests call the things that they name; each is read once.
#[derive(Debug, Default)]
struct MediaTypes(HashMap<Digest, HashMap<String, String>>);

#[derive(Deserialize)]
struct Names {
    config: Option<Named>,
    #[serde(default)]
    layers: Vec<Named>,
    /// Of the artifact manifests that the image specification had for a while.
    #[serde(default)]
    blobs: Vec<Named>,
    /// Build caches are indexes of layers.
    #[serde(default)]
    manifests: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    digest: String,
    #[serde(default)]
    media_type: String,
}

impl MediaTypes {
    fn of(
        &mut self,
        tx: &Read<'_>,
        repository: i64,
        manifest: &Digest,
        layer: &Digest,
    ) -> Result<Option<String>, Error> {
        if !self.0.contains_key(manifest) {
            let row = tx.manifest(repository, manifest)?;
            let bytes = row.map(|row| row.bytes).unwrap_or_default();
            self.0.insert(manifest.clone(), names(&bytes));
        }
        let types = self.0.get(manifest);
        Ok(types.and_then(|types| types.get(layer.as_str())).cloned())
    }
}

fn names(manifest: &[u8]) -> HashMap<String, String> {
    // It was checked when it was pushed; one that cannot be read names nothing.
    let Ok(names) = serde_json::from_slice::<Names>(manifest) else {
        return HashMap::new();
    };
    let all = names.config.into_iter().chain(names.layers);
    let all = all.chain(names.blobs).chain(names.manifests);
    all.filter(|named| !named.media_type.is_empty())
        .map(|named| (named.digest, named.media_type))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_its_layers_are() {
        let manifest = r#"{"config":{"digest":"sha256:a","mediaType":"c"},
            "layers":[{"digest":"sha256:b","mediaType":"l"},{"digest":"sha256:d"}]}"#;
        let names = names(manifest.as_bytes());
        assert_eq!(names.get("sha256:a").map(String::as_str), Some("c"));
        assert_eq!(names.get("sha256:b").map(String::as_str), Some("l"));
        assert_eq!(names.get("sha256:d"), None);
        assert!(super::names(b"{").is_empty());
    }
}
