//! What a sandbox is given when it starts, on its standard input: an archive after its length.
//!
//! # Guarantees
//! * What is there stays as it is: a sandbox may be started anew under containers that run.
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path};

use tar::EntryType;

use crate::part::{DATA, WORDS};

/// The mode of a volume's directory that nobody has used.
const NEW: u32 = 0o755;

/// The archive as it is sent.
pub(crate) fn framed(archive: &[u8]) -> Vec<u8> {
    let length = u64::try_from(archive.len()).unwrap_or(u64::MAX);
    [&length.to_be_bytes(), archive].concat()
}

/// Reads the archive and unpacks it. Of an archive that breaks off nothing is: its server is gone, and
/// the next one writes what is missing.
pub(crate) fn take(input: &mut impl Read, root: &Path) -> io::Result<()> {
    let mut length = [0; 8];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
        other => other?,
    }
    let length = u64::from_be_bytes(length);
    let mut archive = Vec::new();
    let read = input.take(length).read_to_end(&mut archive)?;
    if u64::try_from(read).is_ok_and(|read| read == length) {
        unpack(&archive, root)?;
    }
    Ok(())
}

fn unpack(archive: &[u8], root: &Path) -> io::Result<()> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let parts = path.components();
        if !parts
            .clone()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(io::Error::other("a path leads elsewhere"));
        }
        let volume: std::path::PathBuf = parts.take(2).collect();
        if is_there(&root.join(volume).join(DATA)) {
            continue;
        }
        let (place, mode) = (root.join(&path), entry.header().mode()?);
        match entry.header().entry_type() {
            EntryType::Directory => {
                if !is_there(&place) {
                    fs::create_dir(&place)?;
                } else if !is_new(&place)? {
                    continue;
                }
                fs::set_permissions(&place, Permissions::from_mode(mode))?;
            }
            // The words of a container that has ended.
            EntryType::Regular if is_there(&place) && of_words(&path) => {}
            EntryType::Regular => {
                // Of two with one name the last counts.
                if is_there(&place) {
                    fs::remove_file(&place)?;
                }
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&place)?;
                io::copy(&mut entry, &mut file)?;
                file.set_permissions(Permissions::from_mode(mode))?;
            }
            EntryType::Symlink if !is_there(&place) => {
                let target = entry.link_name()?;
                symlink(target.unwrap_or_default(), &place)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether nobody has used a volume: Docker has just made its directory.
fn is_new(folder: &Path) -> io::Result<bool> {
    let is = fs::metadata(folder)?;
    // We may not change what is somebody else's.
    let ours = rustix::process::geteuid().as_raw();
    Ok(is.permissions().mode() & 0o7777 == NEW
        && is.uid() == ours
        && fs::read_dir(folder)?.next().is_none())
}

fn of_words(path: &Path) -> bool {
    Path::new("/").join(path).starts_with(WORDS)
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Owner, Small};

    fn archive(content: &str) -> Vec<u8> {
        let mut archive = Small::new(Owner::default());
        archive.file("words/main", 0o666, b"").unwrap();
        archive.folder("volumes/empty", 0o777).unwrap();
        archive.folder("files/v/..1", 0o755).unwrap();
        let bytes = content.as_bytes();
        archive.file("files/v/..1/key", 0o400, bytes).unwrap();
        archive.link("files/v/key", "..data/key").unwrap();
        archive.link("files/v/..data", "..1").unwrap();
        framed(&archive.finish().unwrap())
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["words", "volumes/empty", "files/v"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_sandbox_takes_its_archive_and_nothing_after_it() {
        let root = root();
        let at = |path: &str| root.path().join(path);
        let mut input = archive("secret");
        input.extend(b"link");
        let mut input = &input[..];
        take(&mut input, root.path()).unwrap();
        assert_eq!(input, b"link");
        assert_eq!(fs::read_to_string(at("files/v/key")).unwrap(), "secret");
        assert_eq!(mode(&at("files/v/key")), 0o400);
        assert_eq!(mode(&at("words/main")), 0o666);
        assert_eq!(mode(&at("volumes/empty")), 0o777);
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let root = root();
        let at = |path: &str| root.path().join(path);
        take(&mut &archive("old")[..], root.path()).unwrap();
        fs::write(at("words/main"), "bye").unwrap();
        // A container has chosen the mode itself.
        fs::write(at("volumes/empty/data"), "").unwrap();
        fs::set_permissions(at("volumes/empty"), Permissions::from_mode(0o755)).unwrap();
        take(&mut &archive("new")[..], root.path()).unwrap();
        assert_eq!(fs::read_to_string(at("files/v/key")).unwrap(), "old");
        assert_eq!(fs::read_to_string(at("words/main")).unwrap(), "bye");
        assert_eq!(mode(&at("volumes/empty")), 0o755);
    }

    #[test]
    fn of_two_files_with_one_name_the_last_counts() {
        let root = root();
        let mut twice = Small::new(Owner::default());
        twice.folder("files/v/..1", 0o755).unwrap();
        for content in ["base", "override"] {
            let bytes = content.as_bytes();
            twice.file("files/v/..1/key", 0o400, bytes).unwrap();
        }
        take(&mut &framed(&twice.finish().unwrap())[..], root.path()).unwrap();
        let key = root.path().join("files/v/..1/key");
        assert_eq!(fs::read_to_string(key).unwrap(), "override");
    }

    #[test]
    fn of_an_archive_that_breaks_off_nothing_is_taken() {
        let whole = archive("secret");
        for length in [0, 3, 8, whole.len() - 1] {
            let root = root();
            take(&mut &whole[..length], root.path()).unwrap();
            assert!(!is_there(&root.path().join("words/main")), "{length}");
        }
    }
}
