//! The engine `builtin`.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharf_builtin::Builtin;
use wharf_runtime::engine::{Engine, ImageSource};
use wharf_runtime::{Engines, Error, Later, PodNetwork};

/// The engine `builtin`, a directory for each cluster.
#[derive(Debug)]
pub(super) struct OwnContainers {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) images: Arc<dyn ImageSource>,
    pub(super) opened: Mutex<HashMap<String, Builtin>>,
}

impl OwnContainers {
    // Nothing panics while it holds the lock.
    fn opened(&self) -> MutexGuard<'_, HashMap<String, Builtin>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn of(&self, cluster: &str, network: PodNetwork) -> Result<Builtin, Error> {
        if let Some(opened) = self.opened().get(cluster) {
            return Ok(opened.clone());
        }
        let network = wharf_builtin::Network {
            gateway: network.gateway,
            prefix: network.prefix,
        };
        let (program, folder) = (self.program.clone(), self.folder.join(cluster));
        let engine = Builtin::start(program, folder, network, Arc::clone(&self.images)).await?;
        Ok(self
            .opened()
            .entry(cluster.to_owned())
            .or_insert(engine)
            .clone())
    }
}

impl Engines for OwnContainers {
    fn open<'a>(
        &'a self,
        cluster: &'a str,
        network: PodNetwork,
    ) -> Later<'a, Option<Arc<dyn Engine>>> {
        Box::pin(async move {
            let engine = self.of(cluster, network).await?;
            Ok(Some(Arc::new(engine) as Arc<dyn Engine>))
        })
    }

    fn remove<'a>(&'a self, cluster: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            let folder = self.folder.join(cluster);
            if !tokio::fs::try_exists(&folder).await.unwrap_or(true) {
                return Ok(());
            }
            let network = PodNetwork {
                gateway: std::net::Ipv4Addr::UNSPECIFIED,
                prefix: 0,
            };
            let opened = self.opened().remove(cluster);
            let engine = if let Some(engine) = opened {
                engine
            } else {
                let engine = self.of(cluster, network).await?;
                self.opened().remove(cluster);
                engine
            };
            for pod in engine.list().await? {
                engine.remove_pod(&pod.id).await?;
            }
            drop(engine);
            let removed = tokio::fs::remove_dir_all(folder).await;
            removed.map_err(|error| Error::Failed(Box::new(error)))
        })
    }
}
