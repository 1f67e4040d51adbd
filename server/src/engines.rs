//! What runs the pods of clusters, as the operator chose it.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharf_builtin::Builtin;
use wharf_runtime::engine::{Engine, ImageSource};
use wharf_runtime::{Engines, Error, Later, NoEngines, PodNetwork};

use crate::config::EngineChoice;

/// Chooses an engine and says which. `folder` is where it may keep things. Blocks.
pub(crate) fn choose(
    choice: EngineChoice,
    folder: PathBuf,
    images: Arc<dyn ImageSource>,
) -> Result<Arc<dyn Engines>, String> {
    if choice == EngineChoice::Simulated {
        return Ok(Arc::new(NoEngines));
    }
    let missing = wharf_builtin::missing();
    if choice == EngineChoice::Builtin
        && let Some(missing) = missing
    {
        return Err(format!("engine: builtin cannot work here: {missing}"));
    }
    if let Some(missing) = missing {
        tracing::info!(
            "pods will be simulated, because no engine can run them: builtin: {missing}"
        );
        return Ok(Arc::new(NoEngines));
    }
    let program = std::env::current_exe();
    let program =
        program.map_err(|error| format!("engine: this program cannot be found: {error}"))?;
    tracing::info!("pods will run in containers of this program (engine builtin)");
    Ok(Arc::new(OwnContainers {
        program,
        folder,
        images,
        opened: Mutex::default(),
    }))
}

/// The engine `builtin`, a directory for each cluster.
#[derive(Debug)]
struct OwnContainers {
    program: PathBuf,
    folder: PathBuf,
    images: Arc<dyn ImageSource>,
    opened: Mutex<HashMap<String, Builtin>>,
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
