//! Removing what engines have and no cluster owns, whichever engine was chosen at the time.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use tokio::io::AsyncRead;
use wharf_docker::{Places, Pruning};
use wharf_runtime::engine::{ImageRequest, ImageSource, Layer, Manifest};
use wharf_runtime::{Engines as _, Error, Later};

use super::builtin::OwnContainers;
use super::{docker, names};

/// Something that was removed, or would be.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

/// Nobody starts anything.
#[derive(Debug)]
pub(super) struct NoImages;

impl ImageSource for NoImages {
    fn find<'a>(&'a self, _: &'a ImageRequest, _: &'a str) -> Later<'a, Manifest> {
        Box::pin(std::future::ready(Err(Error::NoSuchPod)))
    }

    fn layer<'a>(
        &'a self,
        _: &'a Manifest,
        _: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(std::future::ready(Err(Error::NoSuchPod)))
    }
}

/// The clusters of which engines have something in the directory of a server.
pub(crate) fn clusters(folder: &Path) -> (Vec<String>, Vec<String>) {
    let mut own = names(folder);
    own.retain(|name| name != "docker");
    (own, docker::clusters(folder))
}

/// Removes what no cluster owns. `folder` is where the engines of this server keep things, and `owned` are its clusters,
/// which must be asked for after `found`. Docker is asked if it is there; the second part says why it was not.
pub(crate) async fn prune(
    folder: &Path,
    found: (Vec<String>, Vec<String>),
    owned: &[String],
    places: &Places,
    dry_run: bool,
) -> anyhow::Result<(Vec<Left>, Option<String>)> {
    let mut left = own_containers(folder, found.0, owned, dry_run).await?;
    let lost = tokio::task::spawn_blocking(move || wharf_builtin::prune(dry_run)).await?;
    left.extend(lost.into_iter().map(|one| Left {
        kind: one.kind,
        name: one.name,
    }));
    let Ok(host) = places.find() else {
        return Ok((left, None));
    };
    let own = folder.join("docker");
    let is_owned = |at: &str, instance: &str, cluster: &str| {
        let at = Path::new(at);
        let is_ours = at == own;
        docker::is_server(at, instance)
            && docker::is_marked(at, cluster)
            && (!is_ours || owned.iter().any(|id| id == cluster))
    };
    let asked = Pruning {
        host: &host,
        owned: &is_owned,
        dry_run,
    };
    match wharf_docker::prune(&asked).await {
        Ok(lost) => left.extend(lost.into_iter().map(|one| Left {
            kind: one.kind,
            name: one.name,
        })),
        Err(error) => return Ok((left, Some(wharf_types::chain(&error)))),
    }
    for cluster in found.1.iter().filter(|id| !owned.contains(id)) {
        if !dry_run {
            docker::unmark(folder, cluster).context("a file could not be removed")?;
        }
    }
    Ok((left, None))
}

/// What the engine `builtin` has of clusters that are gone.
async fn own_containers(
    folder: &Path,
    found: Vec<String>,
    owned: &[String],
    dry_run: bool,
) -> anyhow::Result<Vec<Left>> {
    let engines = OwnContainers {
        program: PathBuf::new(),
        folder: folder.to_owned(),
        images: Arc::new(NoImages),
        opened: Mutex::default(),
    };
    let mut left = Vec::new();
    for cluster in found.into_iter().filter(|id| !owned.contains(id)) {
        if !dry_run {
            let removed = engines.remove(&cluster).await;
            removed.with_context(|| format!("what the cluster {cluster} had"))?;
        }
        left.push(Left {
            kind: "cluster",
            name: folder.join(cluster).display().to_string(),
        });
    }
    Ok(left)
}
