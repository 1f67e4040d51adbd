use serde_json::{Value, json};
use wharf_types::{Digest, media};

use crate::{Reply, TestServer};

/// An image of a config and a few layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub config: Vec<u8>,
    pub layers: Vec<Vec<u8>>,
    pub media_type: String,
    pub manifest: String,
    pub digest: Digest,
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(bytes), "size": bytes.len() })
}

impl Image {
    /// An image whose content follows from `seed`.
    pub fn new(seed: &str) -> Self {
        Self::of(seed, vec![format!("layer of {seed}").into_bytes()])
    }

    /// An image of these layers.
    pub fn of(seed: &str, layers: Vec<Vec<u8>>) -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": { "seed": seed } } });
        Self::build(config.to_string().into_bytes(), layers, json!({}))
    }

    /// An image whose manifest has more members, or other ones.
    pub fn with(seed: &str, members: Value) -> Self {
        let plain = Self::new(seed);
        Self::build(plain.config, plain.layers, members)
    }

    fn build(config: Vec<u8>, layers: Vec<Vec<u8>>, members: Value) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": descriptor(media::OCI_CONFIG, &config),
            "layers": layers.iter().map(|l| descriptor(media::OCI_LAYER_GZIP, l)).collect::<Vec<_>>(),
        });
        if let (Some(manifest), Value::Object(members)) = (manifest.as_object_mut(), members) {
            manifest.extend(members);
        }
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let manifest = manifest.to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        Self {
            config,
            layers,
            media_type,
            manifest,
            digest,
        }
    }

    /// An index of these images.
    pub fn index(children: &[&Self]) -> Self {
        let entries: Vec<_> = children
            .iter()
            .map(|c| descriptor(&c.media_type, c.manifest.as_bytes()))
            .collect();
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": entries })
                .to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        Self {
            config: Vec::new(),
            layers: Vec::new(),
            media_type: media::OCI_INDEX.into(),
            manifest,
            digest,
        }
    }

    /// Uploads config and layers.
    pub async fn push_blobs(&self, s: &TestServer, repo: &str) {
        for bytes in self
            .layers
            .iter()
            .chain((!self.config.is_empty()).then_some(&self.config))
        {
            push_blob(s, repo, bytes).await.expect(201);
        }
    }

    /// Pushes only the manifest, under a tag or digest.
    pub async fn put(&self, s: &TestServer, repo: &str, reference: &str) -> Reply {
        s.call("PUT", &format!("/v2/{repo}/manifests/{reference}"))
            .header("content-type", &self.media_type)
            .body(self.manifest.clone())
            .send()
            .await
    }

    /// Pushes everything.
    pub async fn push(&self, s: &TestServer, repo: &str, tag: &str) {
        self.push_blobs(s, repo).await;
        self.put(s, repo, tag).await.expect(201);
    }

    /// Pulls everything and demands that it is byte for byte this image.
    pub async fn assert_pulls(&self, s: &TestServer, repo: &str, reference: &str) {
        let got = s
            .call("GET", &format!("/v2/{repo}/manifests/{reference}"))
            .send()
            .await
            .expect(200);
        assert_eq!(got.body, self.manifest);
        assert_eq!(got.header("content-type"), self.media_type);
        assert_eq!(got.header("docker-content-digest"), self.digest.as_str());
        for bytes in self
            .layers
            .iter()
            .chain((!self.config.is_empty()).then_some(&self.config))
        {
            let digest = Digest::sha256(bytes);
            let got = s
                .call("GET", &format!("/v2/{repo}/blobs/{digest}"))
                .send()
                .await
                .expect(200);
            assert_eq!(got.body, *bytes);
        }
    }
}

/// Uploads a blob by POST and PUT.
pub(crate) async fn push_blob(s: &TestServer, repo: &str, bytes: &[u8]) -> Reply {
    let digest = Digest::sha256(bytes);
    let location = s.begin(repo).await;
    s.call("PUT", &format!("{location}?digest={digest}"))
        .body(bytes.to_vec())
        .send()
        .await
}

impl TestServer {
    /// Begins an upload and returns its location.
    pub async fn begin(&self, repo: &str) -> String {
        let begun = self
            .call("POST", &format!("/v2/{repo}/blobs/uploads/"))
            .send()
            .await
            .expect(202);
        begun.header("location").to_owned()
    }

    /// Uploads a blob.
    pub async fn push_blob(&self, repo: &str, bytes: &[u8]) -> Digest {
        push_blob(self, repo, bytes).await.expect(201);
        Digest::sha256(bytes)
    }
}
