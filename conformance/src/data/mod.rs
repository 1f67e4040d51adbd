//! What the cases push.
mod layer;
mod random;
mod shape;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use wharf_types::{Algorithm, Digest, media};

pub(crate) use self::{
    layer::{gzip, tar},
    random::Random,
    shape::Shape,
};

/// The type of the artifacts that the cases push.
pub(crate) const ARTIFACT: &str = "application/vnd.example.conformance.v1+json";
/// Another type of artifact.
pub(crate) const OTHER_ARTIFACT: &str = "application/vnd.example.conformance.other.v1";

/// Bytes and what they are called.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
}

impl Blob {
    pub(crate) fn new(algorithm: Algorithm, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(algorithm, &bytes),
            bytes,
        }
    }

    /// The empty JSON object, which stands for "no config".
    pub(crate) fn empty_json(algorithm: Algorithm) -> Self {
        Self::new(algorithm, media::OCI_EMPTY, "{}")
    }

    /// Its descriptor: <https://github.com/opencontainers/image-spec/blob/main/descriptor.md>.
    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// A manifest or an index.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
    pub(crate) subject: Option<Digest>,
    /// What a list of referrers must show as its artifact type.
    pub(crate) referrer_type: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Document {
    /// Writes a JSON document, whose `mediaType` must be a text.
    pub(crate) fn new(algorithm: Algorithm, json: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let annotations = json["annotations"].as_object().into_iter().flatten();
        let config_type = text(&json["config"]["mediaType"]);
        let bytes = Bytes::from(json.to_string());
        Self {
            media_type: text(&json["mediaType"]).unwrap_or_default(),
            digest: Digest::of(algorithm, &bytes),
            bytes,
            subject: json["subject"]["digest"]
                .as_str()
                .and_then(|digest| digest.parse().ok()),
            referrer_type: text(&json["artifactType"]).or(config_type),
            annotations: annotations
                .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
                .collect(),
        }
    }

    /// The same document in other bytes.
    pub(crate) fn with_bytes(self, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: Digest::of(self.digest.algorithm(), &bytes),
            bytes,
            ..self
        }
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// An image manifest as JSON.
pub(crate) fn manifest(config: &Blob, layers: &[Blob]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "config": config.descriptor(),
        "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
    })
}

/// An index as JSON.
pub(crate) fn index(children: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": children })
}

/// The document with these members added or replaced.
pub(crate) fn with(mut document: Value, members: Value) -> Value {
    if let (Value::Object(document), Value::Object(members)) = (&mut document, members) {
        document.extend(members);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referrer_is_typed_by_itself_or_its_config() {
        let config = Blob::empty_json(Algorithm::Sha256);
        let plain = manifest(&config, &[]);
        let typed = with(plain.clone(), json!({ "artifactType": ARTIFACT }));
        let shown = |json: &Value| Document::new(Algorithm::Sha256, json).referrer_type;
        assert_eq!(shown(&plain).as_deref(), Some(media::OCI_EMPTY));
        assert_eq!(shown(&typed).as_deref(), Some(ARTIFACT));
        assert_eq!(shown(&index(&[])), None);
    }

    #[test]
    fn other_bytes_have_another_digest() {
        let document = Document::new(Algorithm::Sha512, &index(&[]));
        let other = document.clone().with_bytes(" {}");
        assert_eq!(other.digest.algorithm(), Algorithm::Sha512);
        assert_ne!(other.digest, document.digest);
    }
}
