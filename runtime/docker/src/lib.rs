//! The engine that runs pods with Docker, whose daemon may be on another kernel, as with Docker Desktop.
//!
//! A pod is a container of the sandbox, which holds its network and its volumes, and containers that
//! join it. Nothing needs a route from the server to a container: all goes through Docker's socket.
mod answers;
mod archive;
mod client;
mod daemon;
mod engine;
mod error;
mod files;
mod given;
mod host_config;
mod images;
mod load;
mod names;
mod network;
mod part;
mod program;
mod prune;
mod sandbox_image;
mod version;

use std::path::PathBuf;

pub use daemon::{Daemon, Settings};
pub use engine::Docker;
pub use error::Error;
pub use network::Network;
pub use part::part;
pub use program::Program;
pub use prune::{Left, Pruning, prune};

/// Where Docker may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// What `DOCKER_HOST` says.
    pub host: Option<String>,
    /// The user's directory, where desktops have their socket.
    pub home: Option<PathBuf>,
    /// What `XDG_RUNTIME_DIR` says, where one without root has it.
    pub runtime: Option<PathBuf>,
}

impl Places {
    /// Where Docker is, as in `DOCKER_HOST`. No socket is opened.
    pub fn find(&self) -> Result<String, Error> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let places = [
            Some(PathBuf::from("/var/run/docker.sock")),
            self.home
                .as_ref()
                .map(|home| home.join(".docker/run/docker.sock")),
            self.runtime
                .as_ref()
                .map(|runtime| runtime.join("docker.sock")),
        ];
        let mut there = places.iter().flatten().filter(|place| place.exists());
        let found = there
            .next()
            .map(|place| format!("unix://{}", place.display()));
        found.ok_or_else(|| {
            Error::Refused("there is no socket of Docker, and DOCKER_HOST is not set".to_owned())
        })
    }
}
