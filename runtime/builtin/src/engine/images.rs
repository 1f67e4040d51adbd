//! Images: layers are unpacked once, each over those below it.
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::OnceCell;
use wharf_runtime::engine::{Image, ImageConfig, ImageRequest, ImageSource, Layer, Manifest};
use wharf_runtime::{Error, Pull};

use super::{blocking, failed};
use crate::files;

/// The architecture that this machine runs, as images name it.
pub(super) const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};

const CHUNK: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Images {
    program: PathBuf,
    root: PathBuf,
    source: Arc<dyn ImageSource>,
    /// Layers that are being unpacked or were, by their short names.
    layers: Mutex<HashMap<String, Arc<OnceCell<()>>>>,
}

/// An image that was unpacked: `images/<digest of its configuration>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Unpacked {
    /// The topmost first.
    pub(super) layers: Vec<String>,
    pub(super) digest: String,
    config: Vec<u8>,
    size_bytes: u64,
}

impl Images {
    pub(super) fn new(program: PathBuf, root: PathBuf, source: Arc<dyn ImageSource>) -> Self {
        Self {
            program,
            root,
            source,
            layers: Mutex::default(),
        }
    }

    pub(super) fn layers_folder(&self) -> PathBuf {
        self.root.join("layers")
    }

    fn path(&self, id: &str) -> PathBuf {
        self.root.join("images").join(format!("{}.json", hex(id)))
    }

    fn name_path(&self, name: &str) -> PathBuf {
        self.root.join("names").join(sha256(name.as_bytes()))
    }

    /// An image that was pulled.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Unpacked>, Error> {
        let path = self.path(id);
        blocking(move || match std::fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(crate::Error::Io(error)),
        })
        .await
    }

    pub(super) async fn pull(&self, request: &ImageRequest) -> Result<Image, Error> {
        let name = self.name_path(&request.name);
        let known = tokio::task::spawn_blocking(move || std::fs::read_to_string(name).ok());
        let known = known.await.map_err(failed)?;
        if let Some(id) = known.filter(|_| request.policy != Pull::Always)
            && let Some(unpacked) = self.find(&id).await?
        {
            return Ok(image(id, &unpacked, false));
        }
        if request.policy == Pull::Never {
            return Err(Error::Start {
                reason: "ErrImageNeverPull",
                message: format!(
                    "Container image {:?} is not present with pull policy of Never",
                    request.name
                ),
            });
        }
        let manifest = self.source.find(request, ARCHITECTURE).await?;
        let id = manifest.config_digest.clone();
        let there = self.find(&id).await?;
        let fetched = there.is_none();
        let unpacked = match there {
            Some(unpacked) => unpacked,
            None => self.unpack(&manifest).await?,
        };
        let (path, text) = (self.name_path(&request.name), id.clone());
        blocking(move || files::write_text(&path, &text)).await?;
        Ok(image(id, &unpacked, fetched))
    }

    async fn unpack(&self, manifest: &Manifest) -> Result<Unpacked, Error> {
        let mut chain = String::new();
        // From the lowest one on.
        let mut names: Vec<String> = Vec::new();
        for layer in &manifest.layers {
            chain = match chain.as_str() {
                "" => layer.diff_id.clone(),
                below => format!(
                    "sha256:{}",
                    sha256(format!("{below} {}", layer.diff_id).as_bytes())
                ),
            };
            let name: String = hex(&chain).chars().take(24).collect();
            let cell = {
                let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(layers.entry(name.clone()).or_default())
            };
            cell.get_or_try_init(|| self.unpack_layer(manifest, layer, &name, &names))
                .await?;
            names.push(name);
        }
        names.reverse();
        let unpacked = Unpacked {
            layers: names,
            digest: format!("{}@{}", manifest.repository, manifest.digest),
            config: manifest.config.clone(),
            size_bytes: manifest.layers.iter().map(|layer| layer.size).sum(),
        };
        let (path, written) = (self.path(&manifest.config_digest), unpacked.clone());
        blocking(move || files::write_json(&path, &written)).await?;
        Ok(unpacked)
    }

    async fn unpack_layer(
        &self,
        manifest: &Manifest,
        layer: &Layer,
        name: &str,
        below: &[String],
    ) -> Result<(), Error> {
        let folder = self.layers_folder();
        let done = folder.join(name);
        if done.exists() {
            return Ok(());
        }
        let scratch = tempfile_in(&self.root.join("scratch")).await?;
        let outcome = self.run_unpack(manifest, layer, &scratch, below).await;
        let outcome = match outcome {
            Ok(()) => {
                let upper = scratch.join("upper");
                blocking(move || files::publish(&upper, &done)).await
            }
            Err(error) => Err(error),
        };
        let _cleaned = blocking(move || files::remove(&scratch)).await;
        outcome
    }

    /// Streams the layer through the process that unpacks it, and compares both digests.
    async fn run_unpack(
        &self,
        manifest: &Manifest,
        layer: &Layer,
        scratch: &Path,
        below: &[String],
    ) -> Result<(), Error> {
        let mut arguments = vec![OsString::from("__unpack"), scratch.join("upper").into()];
        arguments.push(scratch.into());
        arguments.extend(below.iter().rev().map(OsString::from));
        let mut child = Command::new(&self.program)
            .args(arguments)
            .current_dir(self.layers_folder())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut source = self.source.layer(manifest, layer).await?;
        let mut hash = Sha256::new();
        if let Some(mut input) = child.stdin.take() {
            let mut buffer = vec![0; CHUNK];
            loop {
                let n = source.read(&mut buffer).await.map_err(failed)?;
                let bytes = buffer.get(..n).unwrap_or_default();
                if bytes.is_empty() {
                    break;
                }
                hash.update(bytes);
                // What went wrong there is said below.
                if input.write_all(bytes).await.is_err() {
                    break;
                }
            }
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        let broken = |message: String| Error::Start {
            reason: "ErrImagePull",
            message: format!("failed to extract layer {}: {message}", layer.digest),
        };
        if !output.status.success() {
            return Err(broken(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ));
        }
        let digest = format!("sha256:{}", lower_hex(&hash.finalize()));
        if digest != layer.digest {
            return Err(broken(format!("its digest is {digest}")));
        }
        let unpacked = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if unpacked != layer.diff_id {
            return Err(broken(format!(
                "unpacked its digest is {unpacked}, but the image says {}",
                layer.diff_id
            )));
        }
        Ok(())
    }
}

async fn tempfile_in(folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join(format!(
        "{:x}-{:x}",
        std::process::id(),
        jiff::Timestamp::now().as_nanosecond()
    ));
    let made = path.clone();
    blocking(move || std::fs::create_dir_all(made.join("upper")).map_err(crate::Error::Io)).await?;
    Ok(path)
}

fn image(id: String, unpacked: &Unpacked, fetched: bool) -> Image {
    Image {
        id,
        digest: unpacked.digest.clone(),
        size_bytes: unpacked.size_bytes,
        fetched,
        config: ImageConfig::parse(&unpacked.config),
    }
}

/// The digits of a digest.
fn hex(digest: &str) -> &str {
    digest.split_once(':').map_or(digest, |(_, hex)| hex)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    lower_hex(&Sha256::digest(bytes))
}

fn lower_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
