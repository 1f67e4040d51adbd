//! Libcontainer leaves descriptors open when it fails, and sockets of commands behind.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libcontainer::error::LibcontainerError;

use crate::{Error, files};

/// Makes a process; if that fails nothing stays open that was not before.
pub(super) fn build<T>(make: impl FnOnce() -> Result<T, LibcontainerError>) -> Result<T, Error> {
    let before = open()?;
    let made = make();
    if made.is_err() {
        for fd in open()?.difference(&before) {
            // That of the list itself is closed already.
            let _closed = nix::unistd::close(*fd);
        }
    }
    Ok(made?)
}

fn open() -> Result<BTreeSet<i32>, Error> {
    let entries = fs::read_dir("/proc/self/fd").map_err(Error::Io)?;
    let names = entries.flatten().map(|entry| entry.file_name());
    Ok(names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect())
}

/// Removes the sockets by which commands were told to start, in the container's state.
pub(super) fn sweep(state: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(state).map_err(Error::Io)?.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"tenant-notify-")
        {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}
