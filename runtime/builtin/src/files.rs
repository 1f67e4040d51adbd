//! Small things with files.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::Serialize;

use crate::Error;

/// Writes a file so that readers see the old one or the new one.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(Error::Wire)?;
    write(path, &bytes)
}

/// Each writer has a file of its own until it is whole: several may write the same.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{count}.new", std::process::id()));
    fs::write(&new, bytes).map_err(Error::Io)?;
    fs::rename(&new, path).map_err(Error::Io)
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::Io)
}

/// Listens at a path, however long it is.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, Error> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::Usage);
    };
    let folder = open_folder(folder)?;
    UnixListener::bind(short(&folder).join(name)).map_err(Error::Io)
}

/// A short path to what is held open.
pub(crate) fn short(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text.as_bytes())
}

/// Removes a file or a directory with all that is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::Io(error)),
        _ => Ok(()),
    }
}

/// Moves a finished directory to its name, on the disk before it is seen there.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<(), Error> {
    let folder = fs::File::open(from).map_err(Error::Io)?;
    rustix::fs::syncfs(&folder).map_err(Error::step("write to the disk"))?;
    match fs::rename(from, to) {
        // Somebody else was faster.
        Err(_) if to.exists() => Ok(()),
        other => other.map_err(Error::Io),
    }
}

pub(crate) fn open_folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(Error::step("open a directory"))
}

/// Locks the directory of a pod: its shim holds it for as long as it lives.
pub(crate) fn lock_folder(path: &Path) -> Result<fs::File, Error> {
    let folder = fs::File::open(path).map_err(Error::Io)?;
    folder.lock().map_err(Error::Io)?;
    Ok(folder)
}

/// Whether somebody holds the lock of a directory, if that is there.
pub(crate) fn is_locked(path: &Path) -> bool {
    let Ok(folder) = fs::File::open(path) else {
        return false;
    };
    // Shared, so that two who look do not see each other.
    matches!(folder.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}

/// A file or directory that is held open, so that nobody can put another in its place.
pub(crate) struct Held {
    fd: OwnedFd,
    pub(crate) is_dir: bool,
}

impl Held {
    pub(crate) fn path(&self) -> PathBuf {
        short(&self.fd)
    }
}

/// Opens what is at a path below a directory, which no link leads out of, and makes directories where
/// nothing is.
pub(crate) fn open_or_make(folder: &Path, path: &str) -> Result<Held, Error> {
    let folder = open_folder(folder)?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let open = |path: &str| rustix::fs::openat2(&folder, path, flags, Mode::empty(), beneath);
    let mut done = String::from(".");
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        let parent = done.clone();
        done = format!("{done}/{part}");
        if let Err(rustix::io::Errno::NOENT) = open(&done) {
            let parent = open(&parent).map_err(Error::step("open a part of a volume"))?;
            let made = rustix::fs::mkdirat(&parent, part, 0o777.into());
            made.map_err(Error::step("make a directory"))?;
            // A container may have put a link in its place meanwhile.
            let new = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(&parent, part, new, Mode::empty())
                .and_then(|made| rustix::fs::fchmod(made, 0o777.into()))
                .map_err(Error::step("make a directory"))?;
        }
    }
    let fd = open(&done).map_err(Error::step("open a part of a volume"))?;
    let kind = rustix::fs::fstat(&fd).map_err(Error::step("open a part of a volume"))?;
    match FileType::from_raw_mode(kind.st_mode) {
        kind @ (FileType::Directory | FileType::RegularFile) => Ok(Held {
            fd,
            is_dir: kind == FileType::Directory,
        }),
        _ => Err(Error::Refused(format!(
            "the subPath {path:?} is no file or directory"
        ))),
    }
}

/// Makes a directory in a container's root, links taken as the container would take them.
pub(crate) fn make_inside(root: &Path, path: &str) -> Result<(), Error> {
    let root = open_folder(root)?;
    let mut done = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        done.push('/');
        done.push_str(part);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let open = |path: &str| rustix::fs::openat2(&root, path, flags, Mode::empty(), inside);
        if open(&done).is_ok() {
            continue;
        }
        let parent = done.strip_suffix(part).unwrap_or("/");
        let parent = open(parent).map_err(Error::step("open a directory"))?;
        rustix::fs::mkdirat(&parent, part, 0o755.into())
            .map_err(Error::step("make a directory"))?;
    }
    Ok(())
}

/// Takes a descriptor that is sent over a socket.
pub(crate) fn receive(stream: &UnixStream) -> Result<OwnedFd, Error> {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 256];
    let mut parts = [rustix::io::IoSliceMut::new(&mut bytes)];
    rustix::net::recvmsg(stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        .map_err(Error::step("receive a terminal"))?;
    let mut sent = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    sent.next()
        .ok_or_else(|| Error::Refused("no terminal came".to_owned()))
}
