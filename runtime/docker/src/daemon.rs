//! Docker itself, as all clusters of a server use it.
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::sync::OnceCell;
use wharf_runtime::engine::ImageSource;

use crate::answers::{Created, Waited};
use crate::client::{Address, Client};
use crate::error::or_gone;
use crate::images::{Images, remove_tags};
use crate::names::{Kind, Names, Owner};
use crate::prune::machine;
use crate::sandbox_image::{SandboxImage, prepare};
use crate::version::{Api, Version};
use crate::{Error, host_config};

/// How much of what the probe says is read.
const SAID_BYTES: u64 = 4096;

/// Where Docker is and whose things are ours.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As in `DOCKER_HOST`; [`crate::Places`] knows the usual ones.
    pub host: String,
    /// Where to remember which images Docker was given.
    pub folder: PathBuf,
    /// The server, by an id that is its own and never changes.
    pub instance: String,
}

/// A Docker that can run pods. A cheap handle.
#[derive(Clone, Debug)]
pub struct Daemon(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) api: Api,
    pub(crate) owner: Owner,
    /// What Docker takes for the host: the same for all containers.
    pub(crate) host: OnceCell<Option<IpAddr>>,
    architecture: String,
    pub(crate) images: Images,
    pub(crate) sandbox: SandboxImage,
}

impl Daemon {
    /// Connects to Docker and makes sure that it can run pods; the error says what it misses. No
    /// socket is touched before.
    pub async fn connect(settings: Settings, source: Arc<dyn ImageSource>) -> Result<Self, Error> {
        let client = Client::new(Address::parse(&settings.host)?);
        let version: Version = client.get("/version").json().await?;
        let api = version.agree().map_err(|why| {
            Error::Refused(format!(
                "Docker at {} cannot be used: {why}",
                client.address()
            ))
        })?;
        let client = client.speaking(api);
        let sandbox = prepare(&client, &version.arch, &settings.instance).await?;
        let owner = Owner {
            instance: settings.instance.clone(),
            folder: settings.folder.display().to_string(),
            machine: machine(),
        };
        probe(&client, &sandbox, &owner).await?;
        let images = Images::new(
            client.clone(),
            version.arch.clone(),
            source,
            settings.folder,
            &settings.instance,
        );
        Ok(Self(Arc::new(Shared {
            client,
            api,
            owner,
            host: OnceCell::new(),
            architecture: version.arch,
            images,
            sandbox,
        })))
    }
}

impl Shared {
    /// Loads the sandbox's image again, which somebody has removed.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let loaded = prepare(&self.client, &self.architecture, &self.owner.instance).await?;
        if loaded.tag == self.sandbox.tag {
            return Ok(());
        }
        Err(Error::Refused(
            "this program was replaced while it ran".to_owned(),
        ))
    }

    /// Removes all images of this server that no container uses.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        self.images.clear().await?;
        let tag = self.sandbox.tag.as_str();
        let repository = tag
            .split_once(':')
            .map_or(tag, |(repository, _)| repository);
        remove_tags(&self.client, repository, None).await
    }
}

/// Makes sure that containers have `nf_tables`, by making a table in one.
async fn probe(client: &Client, image: &SandboxImage, owner: &Owner) -> Result<(), Error> {
    let names = Names::new(owner, "");
    let name = names.sandbox("probe");
    let path = format!("/containers/{name}");
    let remove = || client.delete(path.as_str()).query("force", "1").done();
    // Of a server that was stopped halfway.
    or_gone(remove().await)?;
    let mut command = image.program.clone();
    command.extend(["__docker", "probe"].map(str::to_owned));
    let mut config = host_config::sandbox("none", &[], &[]);
    config["LogConfig"] = host_config::log();
    let call = client.post("/containers/create").query("name", &name);
    let call = call.body(&json!({
        "Image": image.tag,
        "Entrypoint": command,
        "Labels": names.labels(Kind::Sandbox),
        "HostConfig": config,
    }))?;
    let Created { id } = call.json().await?;
    let outcome = tried(client, &id).await;
    or_gone(remove().await)?;
    outcome
}

async fn tried(client: &Client, id: &str) -> Result<(), Error> {
    client
        .post(format!("/containers/{id}/start"))
        .done()
        .await?;
    let wait = client.post(format!("/containers/{id}/wait"));
    let Waited { status_code } = wait.json().await?;
    if status_code == 0 {
        return Ok(());
    }
    let log = client.get(format!("/containers/{id}/logs"));
    let log = log.query("stderr", "1").stream().await?;
    let mut said = Vec::new();
    log.take(SAID_BYTES)
        .read_to_end(&mut said)
        .await
        .map_err(Error::Io)?;
    // After the head of the frame.
    let said = String::from_utf8_lossy(said.get(8..).unwrap_or_default()).into_owned();
    Err(Error::Refused(format!(
        "containers of Docker have no nf_tables, which services need: {} (exit code {status_code})",
        said.trim()
    )))
}
