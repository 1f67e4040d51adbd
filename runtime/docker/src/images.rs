//! Images of pods: found in our own registry or elsewhere, and loaded into Docker.
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use wharf_runtime::Pull;
use wharf_runtime::engine::{Image, ImageConfig, ImageRequest, ImageSource, Layer, Manifest};

use crate::answers::{self, ListedImage};
use crate::client::Client;
use crate::load::{digits, load};
use crate::names::{sha256, short};
use crate::{Error, files};

/// What is known of an image by the name that pods gave it: `names/<sha256 of it>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    /// What Docker calls it.
    tag: String,
    digest: String,
    size_bytes: u64,
    config: String,
}

/// How the names of images begin that are of a server.
pub(crate) const IMAGES: &str = "wharf-images-";

#[derive(Debug)]
pub(crate) struct Images {
    client: Client,
    architecture: String,
    source: Arc<dyn ImageSource>,
    folder: PathBuf,
    /// What the tags of all images of this server begin with.
    repository: String,
    /// Images that are being loaded.
    loads: Mutex<HashMap<String, Arc<OnceCell<()>>>>,
}

impl Images {
    pub(crate) fn new(
        client: Client,
        architecture: String,
        source: Arc<dyn ImageSource>,
        folder: PathBuf,
        instance: &str,
    ) -> Self {
        Self {
            client,
            architecture,
            source,
            folder,
            repository: format!("{IMAGES}{}", short(instance, 8)),
            loads: Mutex::default(),
        }
    }

    pub(crate) async fn pull(&self, request: &ImageRequest) -> Result<Image, wharf_runtime::Error> {
        let name = self.folder.join("names");
        let name = name.join(format!("{}.json", sha256(request.name.as_bytes())));
        let known: Option<Known> = files::read(name.clone()).await?;
        if let Some(known) = known.filter(|_| request.policy != Pull::Always)
            && self.has(&known.tag).await?
        {
            return Ok(known.image(false));
        }
        if request.policy == Pull::Never {
            return Err(wharf_runtime::Error::Start {
                reason: "ErrImageNeverPull",
                message: format!(
                    "Container image {:?} is not present with pull policy of Never",
                    request.name
                ),
            });
        }
        let manifest = self.source.find(request, &self.architecture).await?;
        let known = self.known(&manifest)?;
        let fetched = self.load(&manifest, &known.tag).await?;
        files::write(self.by_tag(&known.tag), &known).await?;
        files::write(name, &known).await?;
        Ok(known.image(fetched))
    }

    fn by_tag(&self, tag: &str) -> PathBuf {
        let name = format!("{}.json", digits(tag));
        self.folder.join("images").join(name)
    }

    /// Where an image that was pulled came from, by digest.
    pub(crate) async fn digest(&self, tag: &str) -> Result<String, Error> {
        let known: Option<Known> = files::read(self.by_tag(tag)).await?;
        let known = known.ok_or_else(|| Error::Refused(format!("the image {tag} is gone")))?;
        Ok(known.digest)
    }

    fn known(&self, manifest: &Manifest) -> Result<Known, Error> {
        let found = format!("sha256:{}", sha256(&manifest.config));
        let config = String::from_utf8(manifest.config.clone());
        match config {
            Ok(config) if found == manifest.config_digest => Ok(Known {
                tag: format!("{}:{}", self.repository, digits(&manifest.config_digest)),
                digest: format!("{}@{}", manifest.repository, manifest.digest),
                size_bytes: manifest.layers.iter().map(|layer| layer.size).sum(),
                config,
            }),
            _ => Err(Error::Refused(format!(
                "the image's configuration is not {}",
                manifest.config_digest
            ))),
        }
    }

    async fn has(&self, tag: &str) -> Result<bool, Error> {
        let path = format!("/images/{tag}/json");
        let found: Option<answers::Image> = self.client.get(path).find().await?;
        Ok(found.is_some())
    }

    /// Whether anything had to be loaded.
    async fn load(&self, manifest: &Manifest, tag: &str) -> Result<bool, wharf_runtime::Error> {
        if self.has(tag).await? {
            return Ok(false);
        }
        let cell = {
            let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loads.entry(tag.to_owned()).or_default())
        };
        let loaded = cell.get_or_try_init(|| self.send(manifest, tag)).await;
        // Who comes later asks Docker again, because somebody may have removed it there.
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        loads.remove(tag);
        loaded.map(|()| true)
    }

    async fn send(&self, manifest: &Manifest, tag: &str) -> Result<(), wharf_runtime::Error> {
        let chains = chains(&manifest.layers);
        let mut known = BTreeSet::new();
        for (layer, chain) in manifest.layers.iter().zip(&chains) {
            if files::exists(self.mark(chain)).await? {
                known.insert(layer.digest.clone());
            }
        }
        let mut outcome = Err(Error::Refused(String::new()));
        if !known.is_empty() {
            outcome = load(&self.client, &self.source, manifest, tag, known).await;
            if let Err(error) = &outcome {
                tracing::debug!(%error, tag, "layers are sent to Docker again");
            }
        }
        if outcome.is_err() {
            let all = BTreeSet::new();
            outcome = load(&self.client, &self.source, manifest, tag, all).await;
        }
        outcome.map_err(|error| wharf_runtime::Error::Start {
            reason: "ErrImagePull",
            message: error.chain(),
        })?;
        for chain in &chains {
            files::write(self.mark(chain), &()).await?;
        }
        Ok(())
    }

    /// The file that says that Docker was given this layer over those below it.
    fn mark(&self, chain: &str) -> PathBuf {
        self.folder.join("layers").join(digits(chain))
    }

    /// Removes what no container uses, and forgets it.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        remove_tags(&self.client, &self.repository, None).await?;
        let mut any = false;
        for folder in ["names", "images"] {
            for path in files::list(self.folder.join(folder)).await? {
                let known: Option<Known> = files::read(path.clone()).await?;
                match known {
                    Some(known) if self.has(&known.tag).await? => any = true,
                    _ => files::remove(path).await?,
                }
            }
        }
        if !any {
            for path in files::list(self.folder.join("layers")).await? {
                files::remove(path).await?;
            }
        }
        Ok(())
    }
}

/// Removes images by our own names for them, but for one that is kept and those that are in use.
pub(crate) async fn remove_tags(
    client: &Client,
    repository: &str,
    kept: Option<&str>,
) -> Result<(), Error> {
    let filters = serde_json::json!({ "reference": [repository] });
    let listed: Vec<ListedImage> = client
        .get("/images/json")
        .query("filters", &filters.to_string())
        .json()
        .await?;
    let tags = listed.into_iter().filter_map(|image| image.repo_tags);
    let own = format!("{repository}:");
    let tags = tags.flatten().filter(|tag| tag.starts_with(&own));
    for tag in tags.filter(|tag| Some(tag.as_str()) != kept) {
        match client.delete(format!("/images/{tag}")).done().await {
            Err(error) if error.is_missing() || error.is_conflict() => {}
            other => other?,
        }
    }
    Ok(())
}

impl Known {
    fn image(self, fetched: bool) -> Image {
        Image {
            config: ImageConfig::parse(self.config.as_bytes()),
            id: self.tag,
            digest: self.digest,
            size_bytes: self.size_bytes,
            fetched,
        }
    }
}

/// What each layer is called together with those below it:
/// <https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid>.
fn chains(layers: &[Layer]) -> Vec<String> {
    let mut chains: Vec<String> = Vec::new();
    for layer in layers {
        let chain = match chains.last() {
            None => layer.diff_id.clone(),
            Some(below) => {
                format!(
                    "sha256:{}",
                    sha256(format!("{below} {}", layer.diff_id).as_bytes())
                )
            }
        };
        chains.push(chain);
    }
    chains
}
