//! Whether this machine lets the engine work.
use std::net::Ipv4Addr;
use std::path::Path;

use crate::{cgroup, net};

/// What the engine misses on this machine, for people to read. None: it can work.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let has_overlay = known.lines().any(|line| line.trim().ends_with("overlay"));
    if !has_overlay && !Path::new("/sys/module/overlay").exists() {
        return Some("the kernel has no overlayfs".to_owned());
    }
    if let Err(error) = cgroup::prepare() {
        return Some(format!("control groups cannot be made: {error}"));
    }
    // In a thread that ends with the namespace that it makes.
    let tried =
        std::thread::spawn(|| net::make_space("wharf-probe", Ipv4Addr::new(192, 0, 2, 1), 24));
    match tried.join() {
        Ok(Ok(_space)) => None,
        Ok(Err(error)) => Some(format!("networks cannot be made: {}", error.chain())),
        Err(_) => Some("networks cannot be made".to_owned()),
    }
}
