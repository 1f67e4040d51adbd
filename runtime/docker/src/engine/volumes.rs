//! Volumes: Docker's own, filled through the sandbox that holds them.
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wharf_runtime::engine::SandboxSpec;
use wharf_runtime::{Content, File, Volume, VolumeSource};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Docker;
use super::pods::place;
use crate::answers::{self, Created, Volumes};
use crate::archive::{Owner, Small};
use crate::client::Client;
use crate::error::or_gone;
use crate::names::{Labels, hex};
use crate::part::{DATA, NEXT, WORDS};
use crate::{Error, given};

/// What Docker says of a file in a container, in base64 and JSON.
const STAT: &str = "x-docker-container-path-stat";

/// How Docker writes the bit of a directory whose files belong to its group.
const SETGID: u64 = 1 << 22;

/// The mode that Docker gives a volume that is new.
const NEW: u64 = 0o755;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stat {
    mode: u64,
    pub(super) size: u64,
    link_target: String,
}

/// How Docker is told to keep a volume in memory: what is small, secret or wants to be. None: it is
/// on the disk.
pub(super) fn memory(source: &VolumeSource) -> Option<Value> {
    let (VolumeSource::EmptyDir { memory: true, .. } | VolumeSource::Files(_)) = source else {
        return None;
    };
    let size = match source {
        VolumeSource::EmptyDir {
            limit_bytes: Some(bytes),
            ..
        } => format!(",size={bytes}"),
        _ => String::new(),
    };
    let options = format!("mode=0755,nosuid,nodev{size}");
    Some(json!({ "type": "tmpfs", "device": "tmpfs", "o": options }))
}

/// Makes a volume, unless it is there.
pub(super) async fn make(
    client: &Client,
    name: &str,
    labels: Labels,
    options: Option<Value>,
) -> Result<(), Error> {
    let call = client.post("/volumes/create").body(&json!({
        "Name": name, "Driver": "local", "Labels": labels, "DriverOpts": options,
    }))?;
    let made: answers::Volume = call.json().await?;
    // Docker answers one that is there, whosever it is.
    if made.labels.as_ref() == Some(&labels) {
        return Ok(());
    }
    Err(Error::Refused(format!("the volume {name} is not ours")))
}

pub(crate) async fn remove_all(client: &Client, volumes: Volumes) -> Result<(), Error> {
    for volume in volumes.volumes.into_iter().flatten() {
        let path = format!("/volumes/{}", volume.name);
        or_gone(client.delete(path).done().await)?;
    }
    Ok(())
}

impl Docker {
    pub(super) fn volume_name(&self, pod: &str, volume: &Volume) -> String {
        match &volume.source {
            VolumeSource::Persistent { id, .. } => self.names().persistent(id),
            _ => self.names().volume(pod, &volume.name),
        }
    }

    pub(super) async fn do_remove_volume(&self, id: &str) -> Result<(), Error> {
        let path = format!("/volumes/{}", self.names().persistent(id));
        let found: Option<answers::Volume> = self.client().get(path.as_str()).find().await?;
        match found.and_then(|found| found.labels) {
            Some(labels) if self.names().is_ours(&labels) => {
                or_gone(self.client().delete(path).done().await)
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn do_fill(
        &self,
        pod: &str,
        volume: &Volume,
        group: Option<u32>,
    ) -> Result<(), Error> {
        let sandbox = self.names().sandbox(pod);
        let place = place(volume);
        match &volume.source {
            VolumeSource::EmptyDir { .. } | VolumeSource::Persistent { .. } => {
                let stat = self.stat(&sandbox, &place).await?;
                let new =
                    stat.is_some_and(|stat| stat.mode & 0o777 == NEW && stat.mode & SETGID == 0);
                if !new {
                    return Ok(());
                }
                let mut archive = Small::new(owner(group));
                archive.folder(&inside(&place), group.map_or(0o777, |_| 0o2775))?;
                self.put(&sandbox, archive).await
            }
            VolumeSource::Files(files) => {
                let stamp = stamp(files, group)?;
                let current = self.stat(&sandbox, &format!("{place}/{DATA}")).await?;
                let link = match current {
                    Some(current) if current.link_target == format!("{place}/{stamp}") => {
                        return Ok(());
                    }
                    Some(_) => NEXT,
                    None => DATA,
                };
                let mut archive = Small::new(owner(group));
                add(&mut archive, &inside(&place), &stamp, link, files, group)?;
                self.put(&sandbox, archive).await?;
                match link {
                    NEXT => self.swap(&sandbox, &place).await,
                    _ => Ok(()),
                }
            }
        }
    }

    pub(super) async fn stat(&self, container: &str, path: &str) -> Result<Option<Stat>, Error> {
        let call = self
            .client()
            .head(format!("/containers/{container}/archive"));
        let answer = match call.query("path", path).send().await {
            Err(error) if error.is_missing() => return Ok(None),
            other => other?,
        };
        let stat = answer.headers().get(STAT);
        let stat = stat.and_then(|text| BASE64_STANDARD.decode(text).ok());
        serde_json::from_slice(&stat.unwrap_or_default())
            .map(Some)
            .map_err(Error::Answer)
    }

    /// Writes files into a container, by their whole paths.
    pub(super) async fn put(&self, container: &str, archive: Small) -> Result<(), Error> {
        let call = self
            .client()
            .put(format!("/containers/{container}/archive"));
        call.query("path", "/")
            .archive(archive.finish()?)
            .done()
            .await
    }

    /// Puts the files of a volume in force that were written beside those before.
    async fn swap(&self, container: &str, place: &str) -> Result<(), Error> {
        let mut command = self.0.daemon.0.sandbox.program.clone();
        command.extend(["__docker", "swap", place].map(str::to_owned));
        let call = self.client().post(format!("/containers/{container}/exec"));
        let call = call.body(&json!({ "AttachStderr": true, "Cmd": command }))?;
        let Created { id } = call.json().await?;
        let start = self.client().post(format!("/exec/{id}/start"));
        let start = start.body(&json!({ "Detach": false, "Tty": false }))?;
        let mut output = start.upgrade().await?;
        let mut said = Vec::new();
        let mut reader = tokio::io::AsyncReadExt::take(&mut output, 4096);
        tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut said)
            .await
            .map_err(Error::Io)?;
        let ran = self.client().get(format!("/exec/{id}/json"));
        match ran.json::<answers::Ran>().await?.exit_code {
            Some(0) => Ok(()),
            _ => Err(Error::Refused(format!(
                "the files of a volume cannot be put in force: {}",
                String::from_utf8_lossy(said.get(8..).unwrap_or_default()).trim()
            ))),
        }
    }
}

/// A path of an archive that is unpacked at the root.
fn inside(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

fn owner(group: Option<u32>) -> Owner {
    Owner {
        group: group.unwrap_or(0).into(),
    }
}

fn bytes(file: &File) -> Result<&[u8], Error> {
    match &file.content {
        Content::Bytes(bytes) => Ok(bytes),
        Content::Token { .. } => Err(Error::Refused("a token was not fetched".to_owned())),
    }
}

/// The name of the directory of these files: other files have another.
fn stamp(files: &[File], group: Option<u32>) -> Result<String, Error> {
    let mut hash = Sha256::new();
    hash.update(format!("{group:?}"));
    for file in files {
        let bytes = bytes(file)?;
        let path = file.path.as_str();
        hash.update(format!("{path}\0{}\0{}\0", file.mode, bytes.len()));
        hash.update(bytes);
    }
    let digits = hex(&hash.finalize());
    Ok(format!("..{}", digits.get(..32).unwrap_or_default()))
}

/// What a sandbox is given when it starts: what `do_fill` would write after that, which
/// takes Docker long.
pub(super) fn given(spec: &SandboxSpec) -> Result<Vec<u8>, Error> {
    let mut archive = Small::new(owner(None));
    for name in &spec.containers {
        archive.file(&words(name), 0o666, &[])?;
    }
    // A sandbox may not give files away.
    let volumes = spec.volumes.iter().filter(|_| spec.volume_group.is_none());
    for volume in volumes {
        let place = inside(&place(volume));
        match &volume.source {
            VolumeSource::Files(files) => {
                let stamp = stamp(files, None)?;
                add(&mut archive, &place, &stamp, DATA, files, None)?;
            }
            _ => archive.folder(&place, 0o777)?,
        }
    }
    Ok(given::framed(&archive.finish()?))
}

/// Adds the files of a volume.
fn add(
    archive: &mut Small,
    place: &str,
    stamp: &str,
    link: &str,
    files: &[File],
    group: Option<u32>,
) -> Result<(), Error> {
    let fresh = format!("{place}/{stamp}");
    archive.folder(&fresh, 0o755)?;
    let group_bits = group.map_or(0, |_| 0o040);
    let mut folders = BTreeSet::new();
    for file in files {
        let path = file.path.as_str();
        for (end, _) in path.match_indices('/') {
            let folder = path.get(..end).unwrap_or_default();
            if folders.insert(folder) {
                archive.folder(&format!("{fresh}/{folder}"), 0o755)?;
            }
        }
        archive.file(
            &format!("{fresh}/{path}"),
            file.mode | group_bits,
            bytes(file)?,
        )?;
    }
    // Docker replaces a link by removing it first, which nobody may see: later ones come with the swap.
    if link == DATA {
        let names = files
            .iter()
            .filter_map(|file| file.path.as_str().split('/').next());
        for name in names.collect::<BTreeSet<_>>() {
            archive.link(&format!("{place}/{name}"), &format!("{DATA}/{name}"))?;
        }
    }
    // Last, so that it says that all is there.
    archive.link(&format!("{place}/{link}"), stamp)
}

/// The file for the last words of a container, in an archive.
pub(super) fn words(container: &str) -> String {
    format!("{}/{container}", inside(WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_runtime::SubPath;

    fn file(path: &str, content: &str) -> File {
        File {
            path: SubPath::new(path).unwrap(),
            mode: 0o400,
            content: Content::Bytes(content.into()),
        }
    }

    #[test]
    fn other_files_have_another_name() {
        let of = |files: &[File], group| stamp(files, group).unwrap();
        let one = of(&[file("a", "1")], None);
        assert_eq!(one, of(&[file("a", "1")], None));
        for other in [
            of(&[file("a", "2")], None),
            of(&[file("b", "1")], None),
            of(&[file("a", "1")], Some(1)),
            of(&[file("a", "1"), file("b", "")], None),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn an_archive_has_directories_then_files_then_links() {
        let files = [file("d/e/f", "1"), file("g", "2")];
        let mut archive = Small::new(owner(Some(7)));
        add(&mut archive, "volumes/v", "..s", DATA, &files, Some(7)).unwrap();
        let bytes = archive.finish().unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let (mode, group) = (header.mode().unwrap(), header.gid().unwrap());
                format!("{mode:o} {group} {}", entry.path().unwrap().display())
            })
            .collect();
        assert_eq!(
            entries,
            [
                "755 7 volumes/v/..s",
                "755 7 volumes/v/..s/d",
                "755 7 volumes/v/..s/d/e",
                "440 7 volumes/v/..s/d/e/f",
                "440 7 volumes/v/..s/g",
                "777 7 volumes/v/d",
                "777 7 volumes/v/g",
                "777 7 volumes/v/..data",
            ]
        );
    }
}
