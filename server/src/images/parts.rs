//! What the documents of an image say: which of an index is for a machine, and what its layers are.
use serde::Deserialize;
use wharf_runtime::Error;
use wharf_runtime::engine::Layer;
use wharf_types::Digest;

/// A manifest or an index, as far as running it needs.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    manifests: Vec<Child>,
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

#[derive(Debug, Deserialize)]
struct Child {
    digest: Digest,
    platform: Option<Platform>,
}

#[derive(Debug, Default, Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

/// The configuration of an image, as far as running it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    os: String,
    architecture: String,
    rootfs: Rootfs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rootfs {
    diff_ids: Vec<String>,
}

/// An image cannot be had: what its container waits for.
pub(super) fn no_pull(message: String) -> Error {
    Error::Start {
        reason: "ErrImagePull",
        message,
    }
}

impl Document {
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let read = serde_json::from_slice(bytes);
        read.map_err(|error| no_pull(format!("the manifest of {name} cannot be read: {error}")))
    }

    /// The manifest of an index that is for an architecture of Linux; none if this is no index.
    pub(super) fn child(&self, name: &str, architecture: &str) -> Result<Option<&Digest>, Error> {
        if self.manifests.is_empty() {
            return Ok(None);
        }
        let found = self.manifests.iter().find(|child| {
            let platform = child.platform.as_ref();
            platform.is_some_and(|p| p.os == "linux" && p.architecture == architecture)
        });
        let Some(child) = found else {
            let platforms = self.manifests.iter().filter_map(|c| c.platform.as_ref());
            let mut there: Vec<String> = platforms
                // What BuildKit attests has none.
                .filter(|platform| platform.os != "unknown")
                .map(|platform| format!("{}/{}", platform.os, platform.architecture))
                .collect();
            there.sort();
            there.dedup();
            return Err(foreign(name, architecture, &there.join(", ")));
        };
        Ok(Some(&child.digest))
    }

    /// The layers from the lowest one on, by the image's configuration.
    pub(super) fn layers(
        &self,
        name: &str,
        architecture: &str,
        config: &[u8],
    ) -> Result<Vec<Layer>, Error> {
        let read: Result<Config, _> = serde_json::from_slice(config);
        let read = read.map_err(|error| {
            no_pull(format!(
                "the configuration of {name} cannot be read: {error}"
            ))
        })?;
        let is_linux = read.os.is_empty() || read.os == "linux";
        let fits = read.architecture.is_empty() || read.architecture == architecture;
        if !is_linux || !fits {
            let there = format!("{}/{}", read.os, read.architecture);
            return Err(foreign(name, architecture, &there));
        }
        let diff_ids = read.rootfs.diff_ids;
        if diff_ids.len() != self.layers.len() {
            let (layers, stated) = (self.layers.len(), diff_ids.len());
            return Err(no_pull(format!(
                "{name} has {layers} layers, but its configuration names {stated}: it is not an image that can be run"
            )));
        }
        let pairs = self.layers.iter().zip(diff_ids);
        Ok(pairs
            .map(|(layer, diff_id)| Layer {
                digest: layer.digest.to_string(),
                size: layer.size,
                media_type: layer.media_type.clone(),
                diff_id,
            })
            .collect())
    }
}

fn foreign(name: &str, architecture: &str, there: &str) -> Error {
    no_pull(format!(
        "{name} is for {there}, and this machine runs linux/{architecture}: build it with `docker build --platform linux/{architecture}`, or for several with `docker buildx build`"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    fn document(value: &serde_json::Value) -> Document {
        Document::read("shop:1", value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_manifest_for_the_machine_is_taken_or_what_there_is_is_told() {
        let index = document(&json!({ "manifests": [
            { "digest": digest("a"), "platform": { "os": "linux", "architecture": "arm64" } },
            { "digest": digest("b"), "platform": { "os": "linux", "architecture": "amd64" } },
            { "digest": digest("c"), "platform": { "os": "unknown", "architecture": "unknown" } },
        ]}));
        let amd = index.child("shop:1", "amd64").unwrap().unwrap();
        assert_eq!(amd.to_string(), digest("b"));
        let none = index.child("shop:1", "riscv64").unwrap_err().to_string();
        assert!(
            none.starts_with(
                "shop:1 is for linux/amd64, linux/arm64, and this machine runs linux/riscv64: "
            ),
            "{none}"
        );
    }

    #[test]
    fn layers_go_with_what_they_are_unpacked() {
        let manifest = document(&json!({
            "config": { "digest": digest("c"), "size": 2 },
            "layers": [{ "mediaType": "m", "digest": digest("a"), "size": 3 }],
        }));
        assert!(manifest.child("shop:1", "amd64").unwrap().is_none());
        let config = |architecture: &str, ids: &[&str]| {
            let config = json!({ "os": "linux", "architecture": architecture, "rootfs": { "diff_ids": ids } });
            config.to_string().into_bytes()
        };
        let layers = manifest.layers("shop:1", "amd64", &config("amd64", &["sha256:d"]));
        assert_eq!(
            layers.unwrap(),
            [Layer {
                digest: digest("a"),
                size: 3,
                media_type: "m".to_owned(),
                diff_id: "sha256:d".to_owned(),
            }]
        );
        for bad in [config("arm64", &["sha256:d"]), config("amd64", &[])] {
            assert!(manifest.layers("shop:1", "amd64", &bad).is_err());
        }
    }
}
