//! What containers see of their pod's volumes.
use wharf_runtime::engine::{ContainerSpec, MountedVolume};

use super::Docker;
use super::containers::refused;
use super::pods::{FILES, VOLUMES};
use super::volumes::words;
use crate::Error;
use crate::answers::Inspected;
use crate::archive::{Owner, Small};
use crate::host_config::{Mount, Part};
use crate::part::{DATA, WORDS};
use crate::version::SUB_PATHS;

impl Docker {
    pub(super) async fn mounts(
        &self,
        spec: &ContainerSpec,
        sandbox: &Inspected,
    ) -> Result<Vec<Mount>, wharf_runtime::Error> {
        let mut mounts = Vec::new();
        for mount in &spec.mounts {
            mounts.push(self.mount(mount, sandbox).await?);
        }
        let path = spec.termination_path.as_str();
        if mounts.iter().all(|mount| mount.path != path) {
            mounts.push(self.words(spec, sandbox, path).await?);
        }
        Ok(mounts)
    }

    /// What a container sees of a volume, which the sandbox has whole.
    async fn mount(
        &self,
        mount: &MountedVolume,
        sandbox: &Inspected,
    ) -> Result<Mount, wharf_runtime::Error> {
        let sub_path = mount.sub_path.as_ref();
        let sub_path = sub_path.map(|path| path.as_str().trim_end_matches('/'));
        // Files are ours, whatever a container would like to do with them.
        let (held, part, read_only) = if let Some(held) = sandbox.volume(FILES, &mount.volume) {
            let part = match sub_path {
                None => Part::Whole,
                Some(path) => self.part(&held.source, format!("{DATA}/{path}")),
            };
            (held, part, true)
        } else if let Some(held) = sandbox.volume(VOLUMES, &mount.volume) {
            let part = match sub_path {
                None => Part::Whole,
                Some(path) => self.below(&sandbox.id, &mount.volume, path).await?,
            };
            (held, part, mount.read_only)
        } else {
            return Err(refused(
                "CreateContainerConfigError",
                format!("the pod has no volume {}", mount.volume),
            ));
        };
        Ok(Mount {
            volume: held.name.clone(),
            path: mount.path.to_string(),
            part,
            read_only,
        })
    }

    /// A part of a volume that containers can write into, made if it is not there.
    async fn below(
        &self,
        sandbox: &str,
        volume: &str,
        path: &str,
    ) -> Result<Part, wharf_runtime::Error> {
        let api = self.0.daemon.0.api;
        if api < SUB_PATHS {
            return Err(refused(
                "CreateContainerConfigError",
                format!(
                    "subPath {path:?} of a volume that containers write needs Docker Engine 26 (API {SUB_PATHS}), this one has API {api}"
                ),
            ));
        }
        let place = format!("{VOLUMES}/{volume}");
        if self
            .stat(sandbox, &format!("{place}/{path}"))
            .await?
            .is_none()
        {
            let mut archive = Small::new(Owner::default());
            let ends = path.match_indices('/').map(|(end, _)| end);
            for end in ends.chain([path.len()]) {
                let folder = format!("{place}/{}", path.get(..end).unwrap_or_default());
                if self.stat(sandbox, &folder).await?.is_none() {
                    archive.folder(folder.trim_start_matches('/'), 0o777)?;
                }
            }
            self.put(sandbox, archive).await?;
        }
        Ok(Part::Below(path.to_owned()))
    }

    /// A part of a volume that no container can write into.
    fn part(&self, source: &str, path: String) -> Part {
        if self.0.daemon.0.api >= SUB_PATHS {
            Part::Below(path)
        } else {
            Part::At(format!("{source}/{path}"))
        }
    }

    /// The file for the last words of a container.
    async fn words(
        &self,
        spec: &ContainerSpec,
        sandbox: &Inspected,
        path: &str,
    ) -> Result<Mount, Error> {
        let held = sandbox.volume(WORDS, "");
        let held = held.ok_or_else(|| Error::Refused("the sandbox has no words".to_owned()))?;
        let file = words(&spec.name);
        // Of a first container it is there and empty; those of another are not its own.
        let stat = self.stat(&sandbox.id, &format!("/{file}")).await?;
        if stat.is_none_or(|stat| stat.size > 0) {
            let mut archive = Small::new(Owner::default());
            archive.file(&file, 0o666, &[])?;
            self.put(&sandbox.id, archive).await?;
        }
        Ok(Mount {
            volume: held.name.clone(),
            path: path.to_owned(),
            part: self.part(&held.source, spec.name.clone()),
            read_only: false,
        })
    }
}
