//! Documents with everything they need, in the order in which they are pushed.
use serde_json::{Value, json};
use wharf_types::{Algorithm, Digest, media};

use super::{ARTIFACT, Blob, Document, OTHER_ARTIFACT, Random, gzip, index, manifest, tar, with};

/// Blobs, documents that may name them and each other, and tags.
#[derive(Debug)]
pub(crate) struct Shape {
    algorithm: Algorithm,
    pub(crate) blobs: Vec<Blob>,
    /// Children stand before their parents.
    pub(crate) documents: Vec<Document>,
    /// A tag and the position of the document that it names.
    pub(crate) tags: Vec<(String, usize)>,
}

impl Shape {
    pub(crate) const fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            blobs: Vec::new(),
            documents: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// Tags the document that was added last.
    pub(crate) fn tagged(mut self, random: &Random) -> Self {
        self.tag_last(random);
        self
    }

    pub(crate) fn tag_last(&mut self, random: &Random) {
        if let Some(last) = self.documents.len().checked_sub(1) {
            self.tags.push((format!("c{}", random.word()), last));
        }
    }

    pub(crate) fn blob(&mut self, media_type: &str, bytes: impl Into<bytes::Bytes>) -> Blob {
        let blob = Blob::new(self.algorithm, media_type, bytes);
        if !self.blobs.iter().any(|known| known.digest == blob.digest) {
            self.blobs.push(blob.clone());
        }
        blob
    }

    pub(crate) fn document(&mut self, json: &Value) -> Document {
        let document = Document::new(self.algorithm, json);
        self.documents.push(document.clone());
        document
    }

    pub(crate) fn layer(&mut self, random: &Random, media_type: &str) -> Blob {
        let archive = tar("conformance.txt", random.word().as_bytes());
        if media_type.ends_with("gzip") {
            self.blob(media_type, gzip(&archive))
        } else {
            self.blob(media_type, archive)
        }
    }

    /// The config of an image, different each time.
    pub(crate) fn config(&mut self, random: &Random, members: Value) -> Blob {
        let diff = Digest::of(self.algorithm, random.word().as_bytes());
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "author": random.word(),
            "rootfs": { "type": "layers", "diff_ids": [diff] },
        });
        self.blob(media::OCI_CONFIG, with(config, members).to_string())
    }

    /// The manifest of an image with two layers, not yet added.
    pub(crate) fn image_json(&mut self, random: &Random) -> Value {
        let layers = [0, 1].map(|_| self.layer(random, media::OCI_LAYER_GZIP));
        let config = self.config(random, json!({}));
        manifest(&config, &layers)
    }

    pub(crate) fn image(&mut self, random: &Random) -> Document {
        let json = self.image_json(random);
        self.document(&json)
    }

    /// A manifest without a config, as JSON: what its one layer is, its type tells.
    pub(crate) fn artifact_json(&mut self, random: &Random, artifact_type: &str) -> Value {
        let config = self.blob(media::OCI_EMPTY, "{}");
        let layer = self.blob(artifact_type, random.bytes(200));
        let members = json!({
            "artifactType": artifact_type,
            "annotations": { "org.example.conformance": random.word() },
        });
        with(manifest(&config, &[layer]), members)
    }

    /// An index of two platforms, as JSON; each image gets the given members.
    pub(crate) fn index_json(&mut self, random: &Random, members: &Value) -> Value {
        let children = ["amd64", "arm64"].map(|architecture| {
            let json = with(self.image_json(random), members.clone());
            let platform = json!({ "os": "linux", "architecture": architecture });
            with(
                self.document(&json).descriptor(),
                json!({ "platform": platform }),
            )
        });
        with(index(&children), members.clone())
    }

    pub(crate) fn index(&mut self, random: &Random) -> Document {
        let json = self.index_json(random, &json!({}));
        self.document(&json)
    }

    /// An artifact that refers to a document.
    pub(crate) fn referrer(&mut self, random: &Random, subject: &Value, kind: &str) -> Document {
        let json = with(
            self.artifact_json(random, kind),
            json!({ "subject": subject }),
        );
        self.document(&json)
    }

    /// An image and what refers to it: another image, and artifacts of two types.
    pub(crate) fn with_referrers(random: &Random, algorithm: Algorithm) -> Self {
        let mut shape = Self::new(algorithm);
        let subject = shape.image(random).descriptor();
        shape.tag_last(random);
        let image = with(shape.image_json(random), json!({ "subject": subject }));
        shape.document(&image);
        shape.referrer(random, &subject, ARTIFACT);
        shape.tag_last(random);
        shape.referrer(random, &subject, OTHER_ARTIFACT);
        shape.tagged(random)
    }
}

#[cfg(test)]
mod tests {
    use wharf_types::Manifest;

    use super::*;

    #[test]
    fn shapes_are_valid_and_whole() {
        let random = Random::new();
        let mut index = Shape::new(Algorithm::Sha512);
        index.index(&random);
        for shape in [index, Shape::with_referrers(&random, Algorithm::Sha256)] {
            let blobs = shape.blobs.iter().map(|blob| &blob.digest);
            let known: Vec<_> = blobs
                .chain(shape.documents.iter().map(|d| &d.digest))
                .collect();
            for document in &shape.documents {
                let parsed = Manifest::parse(Some(&document.media_type), document.bytes.as_ref());
                let parsed = parsed.unwrap();
                assert_eq!(parsed.subject, document.subject);
                assert_eq!(parsed.referrer_type(), document.referrer_type.as_deref());
                assert!(parsed.references.iter().all(|r| known.contains(&&r.digest)));
            }
        }
    }

    #[test]
    fn the_same_blob_is_pushed_once() {
        let mut shape = Shape::new(Algorithm::Sha256);
        shape.blob(media::OCI_EMPTY, "{}");
        shape.blob(media::OCI_EMPTY, "{}");
        assert_eq!(shape.blobs.len(), 1);
    }
}
