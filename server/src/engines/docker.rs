//! The engine `docker`, whose socket is opened for the first cluster.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::names;
use tokio::sync::OnceCell;
use wharf_docker::{Daemon, Docker, Network, Places, Settings};
use wharf_runtime::engine::{Engine, ImageSource};
use wharf_runtime::{Engines, Error, Later, PodNetwork};

/// What is done where Docker cannot run pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otherwise {
    Fail,
    Simulate,
}

/// Docker, and the directory with what we know of it.
#[derive(Debug)]
pub(super) struct InDocker {
    places: Places,
    /// `instance`: the id of this server. `clusters/<id>`: clusters that have something in Docker.
    folder: PathBuf,
    images: Arc<dyn ImageSource>,
    otherwise: Otherwise,
    /// None: Docker cannot run pods, so they are simulated.
    daemon: OnceCell<Option<Daemon>>,
    opened: Mutex<HashMap<String, Docker>>,
}

fn io(error: std::io::Error) -> Error {
    Error::Failed(Box::new(error))
}

/// Does what waits for the disk where waiting harms nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Error::Failed(Box::new(error)))?;
    done.map_err(io)
}

impl InDocker {
    pub(super) fn new(
        places: Places,
        folder: &Path,
        images: Arc<dyn ImageSource>,
        otherwise: Otherwise,
    ) -> Self {
        Self {
            places,
            folder: folder.join("docker"),
            images,
            otherwise,
            daemon: OnceCell::new(),
            opened: Mutex::default(),
        }
    }

    // Nothing panics while it holds the lock.
    fn opened(&self) -> MutexGuard<'_, HashMap<String, Docker>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, cluster: &str) -> PathBuf {
        self.folder.join("clusters").join(cluster)
    }

    async fn connect(&self) -> Result<Daemon, Error> {
        let folder = self.folder.clone();
        let instance = blocking(move || instance(&folder)).await?;
        let settings = Settings {
            host: self.places.find()?,
            folder: self.folder.clone(),
            instance,
        };
        Ok(Daemon::connect(settings, Arc::clone(&self.images)).await?)
    }

    async fn daemon(&self) -> Result<Option<&Daemon>, Error> {
        let daemon = self.daemon.get_or_try_init(|| async {
            match (self.connect().await, self.otherwise) {
                (Ok(daemon), _) => Ok(Some(daemon)),
                (Err(error), Otherwise::Fail) => Err(error),
                (Err(error), Otherwise::Simulate) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "pods are simulated, because Docker cannot run them");
                    Ok(None)
                }
            }
        });
        Ok(daemon.await?.as_ref())
    }

    async fn do_open(
        &self,
        cluster: &str,
        network: PodNetwork,
    ) -> Result<Option<Arc<dyn Engine>>, Error> {
        if let Some(opened) = self.opened().get(cluster) {
            return Ok(Some(Arc::new(opened.clone())));
        }
        let Some(daemon) = self.daemon().await? else {
            return Ok(None);
        };
        // First of all, so that nothing in Docker is forgotten.
        let mark = self.mark(cluster);
        blocking(move || write(&mark, "")).await?;
        let network = Network {
            gateway: network.gateway,
            prefix: network.prefix,
        };
        let engine = Docker::start(daemon, cluster, network).await?;
        let engine = self
            .opened()
            .entry(cluster.to_owned())
            .or_insert(engine)
            .clone();
        Ok(Some(Arc::new(engine)))
    }

    async fn do_remove(&self, cluster: &str) -> Result<(), Error> {
        let mark = self.mark(cluster);
        let path = mark.clone();
        if !blocking(move || path.try_exists()).await? {
            return Ok(());
        }
        self.opened().remove(cluster);
        if let Some(daemon) = self.daemon().await? {
            Docker::clear(daemon, cluster).await?;
            blocking(move || std::fs::remove_file(mark)).await?;
        }
        Ok(())
    }
}

/// The clusters that may have something in Docker.
pub(super) fn clusters(folder: &Path) -> Vec<String> {
    names(&folder.join("docker").join("clusters"))
}

/// Whether the server with this directory in Docker's labels is the one with this id.
pub(super) fn is_server(folder: &Path, id: &str) -> bool {
    std::fs::read_to_string(folder.join("instance")).is_ok_and(|own| own == id)
}

/// Whether a cluster may have something in Docker, by the directory in Docker's labels.
pub(super) fn is_marked(folder: &Path, cluster: &str) -> bool {
    folder.join("clusters").join(cluster).exists()
}

/// Takes note that a cluster has nothing in Docker.
pub(super) fn unmark(folder: &Path, cluster: &str) -> std::io::Result<()> {
    std::fs::remove_file(folder.join("docker").join("clusters").join(cluster))
}

/// The id of this server, made when it is first asked for.
fn instance(folder: &Path) -> std::io::Result<String> {
    let path = folder.join("instance");
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = uuid::Uuid::new_v4().simple().to_string();
            write(&path, &id)?;
            Ok(id)
        }
        other => other,
    }
}

/// Writes a file so that a reader sees all of it or none.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, path)
}

impl Engines for InDocker {
    fn open<'a>(
        &'a self,
        cluster: &'a str,
        network: PodNetwork,
    ) -> Later<'a, Option<Arc<dyn Engine>>> {
        Box::pin(self.do_open(cluster, network))
    }

    fn remove<'a>(&'a self, cluster: &'a str) -> Later<'a, ()> {
        Box::pin(self.do_remove(cluster))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::prune::NoImages;

    fn nowhere(folder: &Path, otherwise: Otherwise) -> InDocker {
        let places = Places {
            host: Some(format!("unix://{}/no.sock", folder.display())),
            ..Places::default()
        };
        InDocker::new(places, folder, Arc::new(NoImages), otherwise)
    }

    const NETWORK: PodNetwork = PodNetwork {
        gateway: std::net::Ipv4Addr::new(192, 168, 0, 1),
        prefix: 16,
    };

    #[tokio::test]
    async fn without_docker_pods_are_simulated_or_a_cluster_says_why_there_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let auto = nowhere(folder.path(), Otherwise::Simulate);
        assert!(auto.open("c", NETWORK).await.unwrap().is_none());
        let chosen = nowhere(folder.path(), Otherwise::Fail);
        let error = chosen.open("c", NETWORK).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("Docker cannot be reached at"), "{source}");
    }

    #[tokio::test]
    async fn what_was_never_opened_is_removed_without_docker() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = nowhere(folder.path(), Otherwise::Fail);
        chosen.remove("c").await.unwrap();
        assert!(
            !folder.path().join("docker").exists(),
            "nothing was touched"
        );
    }

    #[test]
    fn a_server_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let first = instance(folder.path()).unwrap();
        assert_eq!(instance(folder.path()).unwrap(), first);
        assert_eq!(first.len(), 32);
    }
}
