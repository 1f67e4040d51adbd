//! What runs the pods of clusters, as the operator chose it.
mod builtin;
mod docker;
mod prune;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use wharf_docker::Places;
use wharf_runtime::engine::ImageSource;
use wharf_runtime::{Engines, NoEngines};

use crate::config::EngineChoice;
use builtin::OwnContainers;
use docker::{InDocker, Otherwise};
pub(crate) use prune::{clusters, prune};

/// The names of what is in a directory, if it is there.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Chooses an engine and says which. `folder` is where it may keep things. Blocks, but opens no socket.
pub(crate) fn choose(
    choice: EngineChoice,
    folder: PathBuf,
    images: Arc<dyn ImageSource>,
    docker: Places,
) -> Result<Arc<dyn Engines>, String> {
    match choice {
        EngineChoice::Simulated => return Ok(Arc::new(NoEngines)),
        EngineChoice::Docker => {
            tracing::info!("pods will run in Docker (engine docker)");
            let engines = InDocker::new(docker, &folder, images, Otherwise::Fail);
            return Ok(Arc::new(engines));
        }
        EngineChoice::Builtin | EngineChoice::Auto => {}
    }
    match (wharf_builtin::missing(), choice) {
        (None, _) => {
            let program = std::env::current_exe();
            let program = program
                .map_err(|error| format!("engine: this program cannot be found: {error}"))?;
            tracing::info!("pods will run in containers of this program (engine builtin)");
            Ok(Arc::new(OwnContainers {
                program,
                folder,
                images,
                opened: Mutex::default(),
            }))
        }
        (Some(missing), EngineChoice::Builtin) => {
            Err(format!("engine: builtin cannot work here: {missing}"))
        }
        (Some(missing), _) => {
            tracing::info!(
                "pods will run in Docker, or be simulated if that does not work, which is tried with the first cluster: builtin: {missing}"
            );
            let engines = InDocker::new(docker, &folder, images, Otherwise::Simulate);
            Ok(Arc::new(engines))
        }
    }
}
