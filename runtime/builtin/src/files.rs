//! Small things with files.
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::Serialize;

use crate::Error;

/// Writes a file so that readers see the old one or the new one.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(Error::Wire)?;
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new).map_err(Error::Io)?;
    file.write_all(&bytes).map_err(Error::Io)?;
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
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    UnixListener::bind(short.join(name)).map_err(Error::Io)
}

pub(crate) fn open_folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(Error::step("open a directory"))
}

/// A file or directory that is held open, so that nobody can put another in its place.
pub(crate) struct Held {
    fd: OwnedFd,
    pub(crate) is_dir: bool,
}

impl Held {
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }
}

/// Opens what is at a path below a directory, without following any link, and makes directories
/// where nothing is.
pub(crate) fn open_or_make(folder: &Path, path: &str) -> Result<Held, Error> {
    let mut fd = open_folder(folder)?;
    let mut is_dir = true;
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let open = || rustix::fs::openat2(&fd, part, flags, Mode::empty(), beneath);
        let next = match open() {
            Err(rustix::io::Errno::NOENT) => {
                rustix::fs::mkdirat(&fd, part, 0o777.into())
                    .map_err(Error::step("make a directory"))?;
                rustix::fs::chmodat(&fd, part, 0o777.into(), rustix::fs::AtFlags::empty())
                    .map_err(Error::step("make a directory"))?;
                open()
            }
            other => other,
        };
        let next = next.map_err(Error::step("open a part of a volume"))?;
        let kind = rustix::fs::fstat(&next).map_err(Error::step("open a part of a volume"))?;
        match FileType::from_raw_mode(kind.st_mode) {
            FileType::Directory => is_dir = true,
            FileType::RegularFile => is_dir = false,
            _ => {
                return Err(Error::Refused(format!(
                    "the subPath {path:?} is no file or directory"
                )));
            }
        }
        fd = next;
    }
    Ok(Held { fd, is_dir })
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
