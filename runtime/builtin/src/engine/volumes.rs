//! Volumes: directories of the pod's or of the engine's own.
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use wharf_runtime::{Content, File, Volume, VolumeSource};

use crate::{Error, files};

/// The link to the directory that has a volume's files now, as kubelets name it.
const DATA: &str = "..data";

/// Makes a volume, and answers where it is.
pub(super) fn fill(
    folder: &Path,
    persistent: &Path,
    volume: &Volume,
    group: Option<u32>,
) -> Result<PathBuf, Error> {
    let path = match &volume.source {
        VolumeSource::Persistent { id, .. } => persistent.join(id),
        _ => folder.join(&volume.name),
    };
    let new = !path.exists();
    fs::create_dir_all(&path).map_err(Error::Io)?;
    match &volume.source {
        VolumeSource::EmptyDir { .. } | VolumeSource::Persistent { .. } if new => {
            files::set_mode(&path, 0o777)?;
            own(&path, group)?;
        }
        VolumeSource::EmptyDir { .. } | VolumeSource::Persistent { .. } => {}
        VolumeSource::Files(list) => write(&path, list, group)?,
    }
    Ok(path)
}

/// Gives a directory to the group that the pod's containers have in common.
fn own(path: &Path, group: Option<u32>) -> Result<(), Error> {
    if let Some(group) = group {
        chown(path, None, Some(group)).map_err(Error::Io)?;
        files::set_mode(path, 0o2775)?;
    }
    Ok(())
}

/// Puts all files in place at once: readers see the old ones or the new ones.
fn write(path: &Path, list: &[File], group: Option<u32>) -> Result<(), Error> {
    let current = fs::read_link(path.join(DATA)).ok();
    if current
        .as_ref()
        .is_some_and(|current| is_same(&path.join(current), list))
    {
        return Ok(());
    }
    let stamp = format!("..{}", jiff::Timestamp::now().as_nanosecond());
    let fresh = path.join(&stamp);
    fs::create_dir_all(&fresh).map_err(Error::Io)?;
    files::set_mode(&fresh, 0o755)?;
    for file in list {
        let Content::Bytes(bytes) = &file.content else {
            return Err(Error::Refused("a token was not fetched".to_owned()));
        };
        let place = fresh.join(file.path.as_str());
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(Error::Io)?;
        }
        fs::write(&place, bytes).map_err(Error::Io)?;
        let group_bits = if group.is_some() { 0o040 } else { 0 };
        fs::set_permissions(&place, fs::Permissions::from_mode(file.mode | group_bits))
            .map_err(Error::Io)?;
        if let Some(group) = group {
            chown(&place, None, Some(group)).map_err(Error::Io)?;
        }
    }
    let link = path.join("..data_tmp");
    files::remove(&link)?;
    symlink(&stamp, &link).map_err(Error::Io)?;
    fs::rename(&link, path.join(DATA)).map_err(Error::Io)?;
    let names = list
        .iter()
        .filter_map(|file| file.path.as_str().split('/').next());
    let names: Vec<&str> = names.collect();
    for name in &names {
        if fs::symlink_metadata(path.join(name)).is_err() {
            symlink(Path::new(DATA).join(name), path.join(name)).map_err(Error::Io)?;
        }
    }
    for entry in fs::read_dir(path).map_err(Error::Io)? {
        let entry = entry.map_err(Error::Io)?;
        let name = entry.file_name();
        let kept = name == DATA || name == stamp.as_str() || names.iter().any(|one| name == *one);
        if !kept {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

fn is_same(folder: &Path, list: &[File]) -> bool {
    let same = |file: &File| {
        let Content::Bytes(bytes) = &file.content else {
            return false;
        };
        fs::read(folder.join(file.path.as_str())).is_ok_and(|there| there == *bytes)
    };
    count(folder) == list.len() && list.iter().all(same)
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            count(&entry.path())
        } else {
            1
        }
    };
    entries.map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_runtime::SubPath;

    fn file(path: &str, content: &str) -> File {
        File {
            path: SubPath::new(path).unwrap(),
            mode: 0o644,
            content: Content::Bytes(content.into()),
        }
    }

    #[test]
    fn files_change_together_and_go_when_they_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let volume = |list: Vec<File>| Volume {
            name: "v".to_owned(),
            source: VolumeSource::Files(list),
        };
        let fill = |list| fill(folder.path(), folder.path(), &volume(list), None).unwrap();
        let path = fill(vec![file("a", "1"), file("d/b", "2")]);
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "1");
        assert_eq!(fs::read_to_string(path.join("d/b")).unwrap(), "2");
        let before = fs::read_link(path.join(DATA)).unwrap();
        fill(vec![file("a", "1"), file("d/b", "2")]);
        assert_eq!(
            fs::read_link(path.join(DATA)).unwrap(),
            before,
            "nothing changed"
        );
        fill(vec![file("a", "3")]);
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "3");
        assert!(!path.join("d").exists() && !path.join(before).exists());
    }
}
