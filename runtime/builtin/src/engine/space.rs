//! The namespace of the bridge, which lives as long as a pod or the server has it open.
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use super::{BRIDGE, Network, read_json};
use crate::net;
use crate::wire::Shimmed;

/// The bridge's namespace, as a shim that still runs has it open.
pub(super) fn known_space(root: &Path) -> Option<OwnedFd> {
    known_spaces(root).next()
}

/// Whether a shim that still runs has this namespace open.
pub(super) fn is_held(root: &Path, space: &OwnedFd) -> bool {
    let Ok(own) = net::inode(space.as_fd()) else {
        return true;
    };
    known_spaces(root).any(|other| net::inode(other.as_fd()).is_ok_and(|other| other == own))
}

fn known_spaces(root: &Path) -> impl Iterator<Item = OwnedFd> {
    let pods = std::fs::read_dir(root.join("pods")).into_iter().flatten();
    pods.flatten().filter_map(|pod| {
        let shim: Shimmed = read_json(&pod.path().join("shim.json")).ok()?;
        // Another process may have its number by now.
        let own = std::fs::read(format!("/proc/{}/cmdline", shim.pid)).ok()?;
        let folder = pod.path();
        let folder = folder.to_str()?.as_bytes();
        if !own.split(|byte| *byte == 0).any(|word| word == folder) {
            return None;
        }
        let path = format!("/proc/{}/fd/{}", shim.pid, shim.space);
        Some(OwnedFd::from(std::fs::File::open(path).ok()?))
    })
}

pub(super) fn make_space(network: Network) -> Result<OwnedFd, crate::Error> {
    // The thread leaves its namespace for good, so it is one of its own.
    let made = std::thread::spawn(move || net::make_space(BRIDGE, network.gateway, network.prefix));
    match made.join() {
        Ok(space) => space,
        Err(_) => Err(crate::Error::Network("the thread broke off".to_owned())),
    }
}
