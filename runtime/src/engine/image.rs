//! Images: what is asked for, what they say of themselves, and where they come from.
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::AsyncRead;

use crate::{Later, Pull, PullSecret};

/// An image as a pod names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRequest {
    /// As written: `shop`, `localhost:4566/shop:1`, `….amazonaws.com/shop@sha256:…`.
    pub name: String,
    pub policy: Pull,
    /// Passwords that the pod brings for registries that are not ours.
    pub secrets: Vec<PullSecret>,
}

/// An image that is ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What the engine calls it.
    pub id: String,
    /// Where it came from, by digest: `localhost:4566/shop@sha256:…`.
    pub digest: String,
    pub size_bytes: u64,
    /// Whether anything of it had to be fetched.
    pub fetched: bool,
    pub config: ImageConfig,
}

/// What an image says of how it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    /// `user`, `user:group`, by name or by number; empty is root.
    pub user: String,
    pub working_dir: String,
    pub stop_signal: Option<String>,
    pub labels: BTreeMap<String, String>,
}

impl ImageConfig {
    /// Reads an image's configuration. What is missing or makes no sense there is as if it were not.
    pub fn parse(config: &[u8]) -> Self {
        let whole: Value = serde_json::from_slice(config).unwrap_or_default();
        let config = &whole["config"];
        let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
        let words = |key: &str| {
            let words = config[key].as_array().into_iter().flatten();
            let words = words.filter_map(|word| word.as_str().map(ToOwned::to_owned));
            words.collect::<Vec<_>>()
        };
        let pair = |text: String| {
            let (key, value) = text.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        let labels = config["Labels"].as_object().into_iter().flatten();
        let labels =
            labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Self {
            entrypoint: words("Entrypoint"),
            command: words("Cmd"),
            env: words("Env").into_iter().filter_map(pair).collect(),
            user: text("User"),
            working_dir: text("WorkingDir"),
            stop_signal: Some(text("StopSignal")).filter(|signal| !signal.is_empty()),
            labels: labels.collect(),
        }
    }
}

/// Finds images and reads them: our own registry without HTTP, others by it.
pub trait ImageSource: Send + Sync + fmt::Debug {
    /// Finds the image for an architecture (`amd64`) of Linux. Errors are [`crate::Error::Start`]
    /// with `ErrImagePull` or `InvalidImageName`, and say what to do.
    fn find<'a>(&'a self, request: &'a ImageRequest, architecture: &'a str) -> Later<'a, Manifest>;

    /// A layer of an image that was found, compressed as it is stored. Who reads it compares its
    /// digest.
    fn layer<'a>(
        &'a self,
        manifest: &'a Manifest,
        layer: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>>;
}

/// An image of one platform, without its layers.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The registry and repository in full, without tag: `localhost:4566/shop`.
    pub repository: String,
    /// The digest of what was named: an index, if it was one.
    pub digest: String,
    /// The digest of the image's configuration: what it is called where images are unpacked.
    pub config_digest: String,
    /// The configuration, byte for byte.
    pub config: Vec<u8>,
    /// From the lowest one on.
    pub layers: Vec<Layer>,
    /// What the source needs to read the layers; nobody else looks into it.
    pub place: Arc<dyn Any + Send + Sync>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub digest: String,
    pub size: u64,
    pub media_type: String,
    /// The digest of the layer when it is not compressed.
    pub diff_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_as_far_as_it_makes_sense() {
        let config = ImageConfig::parse(
            br#"{"config":{"Entrypoint":["/e"],"Cmd":null,"Env":["A=b=c","none"],"User":"1:2",
                "WorkingDir":"/w","StopSignal":"SIGQUIT","Labels":{"a":"b","c":1}}}"#,
        );
        assert_eq!((config.entrypoint.len(), config.command.len()), (1, 0));
        assert_eq!(config.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(
            (config.user.as_str(), config.working_dir.as_str()),
            ("1:2", "/w")
        );
        assert_eq!(config.stop_signal.as_deref(), Some("SIGQUIT"));
        assert_eq!(config.labels.len(), 1);
        assert_eq!(ImageConfig::parse(b"no JSON"), ImageConfig::default());
    }
}
