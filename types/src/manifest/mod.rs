//! Manifests and indexes, checked once when they are pushed and never changed after.
use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, SeqAccess, Visitor},
};

use crate::{Digest, media};

/// A reference to content: <https://github.com/opencontainers/image-spec/blob/main/descriptor.md>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
}

/// What a manifest needs a descriptor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Config,
    Layer,
    /// A manifest or, in build caches, a blob.
    Child,
}

/// Content that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub role: Role,
    pub digest: Digest,
    pub size: u64,
    /// Whether the content must be in the repository: layers that are not distributable need not.
    pub required: bool,
}

/// A pushed document: its exact bytes and what the registry understands of them.
#[derive(Clone, Debug)]
pub struct Manifest<B> {
    pub bytes: B,
    pub media_type: String,
    pub artifact_type: Option<String>,
    pub config_media_type: Option<String>,
    pub subject: Option<Digest>,
    pub annotations: BTreeMap<String, String>,
    pub references: Vec<Reference>,
    /// The sum of layers and config, zero for an index: what ECR calls the image's size.
    pub image_size: u64,
}

/// Why a document cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("manifest exceeds {} bytes", MAX_BYTES)]
    TooLarge,
    #[error("{0}")]
    Malformed(String),
    #[error("schema 1 manifests are not supported")]
    Schema1,
    #[error("the Content-Type header is missing or malformed")]
    NoMediaType,
    #[error("the manifest's mediaType {inside:?} is not the Content-Type {outside:?}")]
    MediaTypeDiffers { inside: String, outside: String },
    #[error("a manifest cannot have both manifests and layers or a config")]
    Ambiguous,
    #[error("layer {0} has urls but its media type is distributable")]
    Urls(Digest),
}

/// The largest manifest that is stored: 4 MiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    blobs: Option<Vec<Descriptor>>,
    #[serde(default)]
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "nullable")]
    annotations: BTreeMap<String, String>,
}

impl<B: AsRef<[u8]>> Manifest<B> {
    /// The largest manifest that is stored.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// Reads a document pushed with the given `Content-Type`.
    pub fn parse(content_type: Option<&str>, bytes: B) -> Result<Self, ManifestError> {
        let outside = content_type
            .and_then(media::essence)
            .ok_or(ManifestError::NoMediaType)?
            .to_owned();
        let document = read(bytes.as_ref())?;
        if let Some(inside) = &document.media_type
            && *inside != outside
        {
            return Err(ManifestError::MediaTypeDiffers {
                inside: inside.clone(),
                outside,
            });
        }
        Self::build(bytes, outside, document)
    }

    /// Reads a document whose media type is in it or follows from its members.
    pub fn infer(bytes: B) -> Result<Self, ManifestError> {
        let document = read(bytes.as_ref())?;
        let media_type = match &document {
            Document {
                media_type: Some(inside),
                ..
            } => media::essence(inside).ok_or(ManifestError::NoMediaType)?,
            Document {
                manifests: Some(_), ..
            } => media::OCI_INDEX,
            Document {
                config: Some(_),
                layers: Some(_),
                ..
            } => media::OCI_MANIFEST,
            _ => return Err(ManifestError::NoMediaType),
        }
        .to_owned();
        Self::build(bytes, media_type, document)
    }

    fn build(bytes: B, media_type: String, document: Document) -> Result<Self, ManifestError> {
        let Document {
            schema_version,
            config,
            layers,
            manifests,
            blobs,
            subject,
            ..
        } = document;
        let schema1 =
            [media::DOCKER_SCHEMA1, media::DOCKER_SCHEMA1_SIGNED].contains(&media_type.as_str());
        if schema1 || schema_version == Some(1) {
            return Err(ManifestError::Schema1);
        }
        if manifests.is_some() && (layers.is_some() || config.is_some()) {
            return Err(ManifestError::Ambiguous);
        }
        require_members(
            &media_type,
            config.as_ref(),
            layers.as_ref(),
            manifests.as_ref(),
        )?;
        let config_media_type = config.as_ref().map(|c| c.media_type.clone());
        let mut references = Vec::new();
        references.extend(config.map(|c| Reference {
            role: Role::Config,
            digest: c.digest,
            size: c.size,
            required: true,
        }));
        for layer in layers.into_iter().chain(blobs).flatten() {
            let required = !media::is_nondistributable(&layer.media_type);
            if required && !layer.urls.is_empty() {
                return Err(ManifestError::Urls(layer.digest));
            }
            references.push(Reference {
                role: Role::Layer,
                digest: layer.digest,
                size: layer.size,
                required,
            });
        }
        let image_size = references
            .iter()
            .fold(0, |sum: u64, r| sum.saturating_add(r.size));
        let children = manifests.into_iter().flatten();
        references.extend(children.map(|c| Reference {
            role: Role::Child,
            digest: c.digest,
            size: c.size,
            required: true,
        }));
        Ok(Self {
            bytes,
            media_type,
            artifact_type: document.artifact_type.filter(|t| !t.is_empty()),
            config_media_type,
            subject: subject.map(|s| s.digest),
            annotations: document.annotations,
            references,
            image_size,
        })
    }
}

impl<B> Manifest<B> {
    /// The artifact type that a referrers list shows: the manifest's own or that of its config.
    pub fn referrer_type(&self) -> Option<&str> {
        self.artifact_type
            .as_deref()
            .or(self.config_media_type.as_deref())
    }
}

/// Known types must have the members that make them one.
fn require_members(
    media_type: &str,
    config: Option<&Descriptor>,
    layers: Option<&Vec<Descriptor>>,
    manifests: Option<&Vec<Descriptor>>,
) -> Result<(), ManifestError> {
    let missing = match media_type {
        media::OCI_MANIFEST | media::DOCKER_MANIFEST if config.is_none() => "config",
        media::OCI_MANIFEST | media::DOCKER_MANIFEST if layers.is_none() => "layers",
        media::OCI_INDEX | media::DOCKER_LIST if manifests.is_none() => "manifests",
        _ => return Ok(()),
    };
    Err(ManifestError::Malformed(format!(
        "{media_type} without {missing:?}"
    )))
}

fn read(bytes: &[u8]) -> Result<Document, ManifestError> {
    if bytes.len() > MAX_BYTES {
        return Err(ManifestError::TooLarge);
    }
    let malformed = |e: serde_json::Error| ManifestError::Malformed(e.to_string());
    serde_json::from_slice::<Unambiguous>(bytes).map_err(malformed)?;
    let document: Document = serde_json::from_slice(bytes).map_err(malformed)?;
    let descriptors = document.config.iter().chain(&document.subject).chain(
        document
            .layers
            .iter()
            .chain(&document.manifests)
            .chain(&document.blobs)
            .flatten(),
    );
    for descriptor in descriptors {
        if i64::try_from(descriptor.size).is_err() {
            return Err(ManifestError::Malformed(format!(
                "{} has an impossible size",
                descriptor.digest
            )));
        }
    }
    Ok(document)
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

/// Any JSON in which no object names a member twice: readers disagree about which one counts.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = std::collections::HashSet::new();
        while let Some((key, Self)) = map.next_entry::<String, Self>()? {
            if let Some(twice) = seen.replace(key) {
                return Err(de::Error::custom(format_args!(
                    "member {twice:?} is there twice"
                )));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
