//! Unpacking one layer, in a process of its own.
//!
//! The layers below it are mounted as an overlay with the new layer's directory on top, and the
//! process changes its root to it. Paths and links of the archive then cannot lead anywhere else,
//! files replace and remove what is below as the specification says, and the kernel writes the
//! whiteouts. The mounts are of a namespace that ends with the process.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/layer.md>
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Timespec, Timestamps, Uid, XattrFlags};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::thread::UnshareFlags;
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

use crate::Error;

/// What a layer may hold at the most.
const ENTRIES: u64 = 5_000_000;
const BYTES: u64 = 256 << 30;

/// The largest window of a zstd frame, which is memory.
const WINDOW: u64 = 128 << 20;

/// What marks a removed file.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Unpacks the layer on standard input over `lowers` (the topmost first) into `upper`, with
/// `scratch` to work in, and prints the digest of the unpacked archive.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let [upper, scratch, lowers @ ..] = arguments else {
        return Err(Error::Usage);
    };
    let root = mount(Path::new(upper), Path::new(scratch), lowers)?;
    rustix::process::chroot(&root).map_err(Error::step("chroot"))?;
    rustix::process::chdir("/").map_err(Error::step("chdir"))?;
    let digest = unpack(io::stdin().lock())?;
    println_digest(&digest)
}

#[expect(
    clippy::print_stdout,
    reason = "the answer to the process that started this one"
)]
fn println_digest(digest: &str) -> Result<(), Error> {
    println!("{digest}");
    io::stdout().flush().map_err(Error::Io)
}

/// Shows the layers below and the new one as one directory.
fn mount(upper: &Path, scratch: &Path, lowers: &[OsString]) -> Result<PathBuf, Error> {
    // Nothing else runs in this process.
    let own = UnshareFlags::NEWNS;
    unshare(own)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).map_err(Error::step("mount"))?;
    if lowers.is_empty() {
        return Ok(upper.to_owned());
    }
    let (work, root) = (scratch.join("work"), scratch.join("root"));
    fs::create_dir_all(&work).map_err(Error::Io)?;
    fs::create_dir_all(&root).map_err(Error::Io)?;
    overlay(lowers, upper, &work, &root)?;
    Ok(root)
}

/// Leaves namespaces for new ones.
pub(crate) fn unshare(flags: UnshareFlags) -> Result<(), Error> {
    #[expect(
        unsafe_code,
        reason = "no file descriptors are shared or torn apart by these flags"
    )]
    // SAFETY: the flags ask for namespaces, not for a table of file descriptors of its own.
    let done = unsafe { rustix::thread::unshare_unsafe(flags) };
    done.map_err(Error::step("unshare"))
}

/// Mounts an overlay. The layers' paths are short and relative to their common directory, as the
/// kernel takes a page of options at the most.
pub(crate) fn overlay(
    lowers: &[OsString],
    upper: &Path,
    work: &Path,
    root: &Path,
) -> Result<(), Error> {
    let mut options = OsString::from("lowerdir=");
    options.push(lowers.join(OsStr::new(":")));
    for (name, path) in [(",upperdir=", upper), (",workdir=", work)] {
        options.push(name);
        options.push(path);
    }
    let options = std::ffi::CString::new(options.as_bytes()).map_err(|_nul| Error::Usage)?;
    rustix::mount::mount(
        "overlay",
        root,
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .map_err(Error::step("mount an overlay"))
}

/// Unpacks an archive, compressed or not, into the root directory.
fn unpack(source: impl Read) -> Result<String, Error> {
    let mut source = BufReader::with_capacity(64 << 10, source);
    let head = io::BufRead::fill_buf(&mut source).map_err(Error::Io)?;
    let plain: Box<dyn Read + '_> = match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(zstd(source)?)
        }
        _ => Box::new(source),
    };
    let mut hashed = Hashed {
        source: plain,
        hash: Sha256::new(),
    };
    let mut archive = Archive::new((&mut hashed).take(BYTES));
    let mut directories = Vec::new();
    let mut entries = 0;
    for entry in archive.entries().map_err(Error::Io)? {
        let mut entry = entry.map_err(Error::Io)?;
        entries += 1;
        if entries > ENTRIES {
            return Err(Error::Layer("it has too many entries".to_owned()));
        }
        write(&mut entry, &mut directories)?;
    }
    // What follows the end of the archive belongs to its digest.
    io::copy(&mut hashed, &mut io::sink()).map_err(Error::Io)?;
    // Writing into a directory changes its time: set last, the deepest first.
    for (path, time) in directories.iter().rev() {
        set_time(path, *time)?;
    }
    let mut text = "sha256:".to_owned();
    for byte in hashed.hash.finalize() {
        let _infallible = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn zstd<R: Read>(source: R) -> Result<impl Read, Error> {
    let mut decoder = ruzstd::decoding::FrameDecoder::new();
    decoder.set_max_window_size(WINDOW);
    ruzstd::decoding::StreamingDecoder::new_with_decoder(source, decoder)
        .map_err(|error| Error::Layer(error.to_string()))
}

struct Hashed<R> {
    source: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

/// The path below the root, without steps back. None: it is the root itself.
fn inside(path: &Path) -> Result<Option<PathBuf>, Error> {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir => {}
            _ => return Err(Error::Layer(format!("{} steps back", path.display()))),
        }
    }
    Ok((clean != Path::new("/")).then_some(clean))
}

fn write<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    directories: &mut Vec<(PathBuf, u64)>,
) -> Result<(), Error> {
    let path = entry.path().map_err(Error::Io)?.into_owned();
    let time = entry.header().mtime().unwrap_or(0);
    let Some(path) = inside(&path)? else {
        let mode = entry.header().mode().map_err(Error::Io)?;
        return fs::set_permissions("/", fs::Permissions::from_mode(mode & 0o7777))
            .map_err(Error::Io);
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(Error::Io)?;
    if name.as_bytes() == OPAQUE {
        return clear(parent);
    }
    if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
        return remove(&parent.join(OsStr::from_bytes(hidden)));
    }
    let kind = entry.header().entry_type();
    let there = fs::symlink_metadata(&path).ok();
    // A directory over a directory only changes what it is; everything else replaces.
    if there.is_some_and(|there| !(there.is_dir() && kind == EntryType::Directory)) {
        remove(&path)?;
    }
    let link = entry
        .link_name()
        .map_err(Error::Io)?
        .map(|link| link.into_owned());
    match (kind, link) {
        (EntryType::Directory, _) => {
            if let Err(error) = fs::create_dir(&path)
                && error.kind() != io::ErrorKind::AlreadyExists
            {
                return Err(Error::Io(error));
            }
            directories.push((path.clone(), time));
        }
        (EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse, _) => {
            let mut file = create(&path)?;
            io::copy(entry, &mut file).map_err(Error::Io)?;
        }
        (EntryType::Symlink, Some(link)) => {
            std::os::unix::fs::symlink(link, &path).map_err(Error::Io)?;
        }
        (EntryType::Link, Some(link)) => {
            let Some(target) = inside(&link)? else {
                return Ok(());
            };
            // What it names has its owner and mode already.
            return fs::hard_link(target, &path).map_err(Error::Io);
        }
        (EntryType::Fifo, _) => {
            rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
                .map_err(Error::step("mknod"))?;
        }
        // Devices of images are never made: containers have their own, and no others.
        _ => return Ok(()),
    }
    adorn(entry, &path, kind)?;
    if kind != EntryType::Directory {
        set_time(&path, time)?;
    }
    Ok(())
}

fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(Error::Io)
}

/// Owner, extended attributes and mode, in this order: a change of owner takes set-user-id bits away.
fn adorn<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    path: &Path,
    kind: EntryType,
) -> Result<(), Error> {
    let id = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    let uid = Uid::from_raw(id(entry.header().uid()));
    let gid = Gid::from_raw(id(entry.header().gid()));
    rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(Error::step("chown"))?;
    if let Ok(Some(extensions)) = entry.pax_extensions() {
        for extension in extensions.flatten() {
            let name = extension.key_bytes().strip_prefix(b"SCHILY.xattr.");
            // Those of `trusted.` and `system.` are the overlay's and the kernel's business.
            let Some(name) =
                name.filter(|name| name.starts_with(b"user.") || *name == b"security.capability")
            else {
                continue;
            };
            let set = rustix::fs::lsetxattr(
                path,
                OsStr::from_bytes(name),
                extension.value_bytes(),
                XattrFlags::empty(),
            );
            if let Err(error) = set
                && error != rustix::io::Errno::OPNOTSUPP
            {
                return Err(Error::step("set an attribute")(error));
            }
        }
    }
    if kind != EntryType::Symlink {
        let mode = entry.header().mode().map_err(Error::Io)? & 0o7777;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::Io)?;
    }
    Ok(())
}

fn set_time(path: &Path, secs: u64) -> Result<(), Error> {
    let time = Timespec {
        tv_sec: i64::try_from(secs).unwrap_or(0),
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(Error::step("set a time"))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path).map_err(Error::Io),
        Ok(_) => fs::remove_file(path).map_err(Error::Io),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Io(error)),
    }
}

/// Removes everything of a directory that is of the layers below it.
fn clear(directory: &Path) -> Result<(), Error> {
    // What this layer itself brought has come before or comes after: a whole directory is replaced
    // first of all by those who write layers, so only entries of before are here.
    for entry in fs::read_dir(directory).map_err(Error::Io)? {
        remove(&entry.map_err(Error::Io)?.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let clean = |path: &str| inside(Path::new(path));
        assert_eq!(clean("./etc/passwd").unwrap(), Some("/etc/passwd".into()));
        assert_eq!(clean("/etc//x/.").unwrap(), Some("/etc/x".into()));
        assert_eq!(clean("./").unwrap(), None);
        assert!(clean("a/../../x").is_err());
    }
}
