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
mod host_config;
mod images;
mod load;
mod names;
mod network;
mod part;
mod sandbox_image;
mod version;

use std::path::Path;

pub use daemon::{Daemon, Settings};
pub use engine::Docker;
pub use error::Error;
pub use network::Network;
pub use part::part;

/// Where Docker is, as in `DOCKER_HOST`, if that is not set: on Linux, on a desktop, without root.
/// None: nowhere.
pub fn usual_host(home: Option<&Path>, runtime: Option<&Path>) -> Option<String> {
    let places = [
        Some(Path::new("/var/run/docker.sock").to_owned()),
        home.map(|home| home.join(".docker/run/docker.sock")),
        runtime.map(|runtime| runtime.join("docker.sock")),
    ];
    let mut places = places.into_iter().flatten();
    let place = places.find(|place| place.exists())?;
    Some(format!("unix://{}", place.display()))
}
