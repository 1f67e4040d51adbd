//! Containers of pods.
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use wharf_runtime::engine::{ContainerSpec, Phase, RunAs};

use super::Docker;
use crate::Error;
use crate::answers::{Created, Listed};
use crate::client::Client;
use crate::error::or_gone;
use crate::host_config;
use crate::names::{Kind, label};

/// What stands before a file in an archive: names too long for its head, and the like.
const HEADS: usize = 8;
const BLOCK: usize = 512;

pub(super) fn refused(reason: &'static str, message: String) -> wharf_runtime::Error {
    wharf_runtime::Error::Start { reason, message }
}

/// Docker cannot make the container: its own words.
fn unmade(error: Error) -> wharf_runtime::Error {
    match error {
        Error::Answered { message, .. } => refused("CreateContainerError", message),
        other => other.into(),
    }
}

/// Removes a container with its log and with the volumes that only its image wanted.
pub(super) async fn remove(client: &Client, id: &str) -> Result<(), Error> {
    let call = client.delete(format!("/containers/{id}"));
    let call = call.query("force", "1").query("v", "1");
    match call.done().await {
        // It is being removed already.
        Err(error) if error.is_conflict() => {
            let gone = client.post(format!("/containers/{id}/wait"));
            or_gone(gone.query("condition", "removed").done().await)
        }
        other => or_gone(other),
    }
}

/// Removes containers; those that others join come last.
pub(crate) async fn remove_all(client: &Client, mut all: Vec<Listed>) -> Result<(), Error> {
    let sandbox = |one: &Listed| one.labels.get(label::KIND).map(String::as_str) == Some("sandbox");
    all.sort_by_key(sandbox);
    for one in all {
        remove(client, &one.id).await?;
    }
    Ok(())
}

impl Docker {
    pub(super) async fn do_create(
        &self,
        spec: &ContainerSpec,
    ) -> Result<String, wharf_runtime::Error> {
        let name = self.names().container(&spec.pod, &spec.name, spec.attempt);
        let sandbox = self.look(&self.names().sandbox(&spec.pod)).await?;
        let sandbox = sandbox.ok_or(wharf_runtime::Error::NoSuchPod)?;
        if let Some(found) = self.look(&name).await? {
            if !found.is_outdated(&spec.image, &host_config::joins(&sandbox.id)) {
                return Ok(found.id);
            }
            remove(self.client(), &found.id).await?;
        }
        let user = user(&spec.run_as)?;
        let mounts = self.mounts(spec, &sandbox).await?;
        let mut labels = self.names().of_pod(Kind::Container, &spec.pod);
        labels.extend(
            [
                (label::CONTAINER, spec.name.clone()),
                (label::ATTEMPT, spec.attempt.to_string()),
                (
                    label::IMAGE,
                    self.0.daemon.0.images.digest(&spec.image).await?,
                ),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let env: Vec<String> = spec
            .env
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let call = self
            .client()
            .post("/containers/create")
            .query("name", &name);
        let call = call.body(&json!({
            "Image": spec.image,
            // Nothing of the image's own words is left, because this is all of them.
            "Entrypoint": spec.argv,
            "Cmd": [],
            "Env": env,
            "WorkingDir": spec.working_dir,
            "User": user,
            "Tty": spec.input.tty,
            "OpenStdin": spec.input.open,
            "StdinOnce": spec.input.once,
            // Probes are the pod's, not the image's.
            "Healthcheck": { "Test": ["NONE"] },
            "Labels": labels,
            "HostConfig": host_config::container(spec, &sandbox.id, &mounts),
        }))?;
        match call.json::<Created>().await {
            Ok(created) => Ok(created.id),
            Err(error) if error.is_conflict() => match self.look(&name).await? {
                Some(found) => Ok(found.id),
                None => Err(unmade(error)),
            },
            Err(error) => Err(unmade(error)),
        }
    }

    pub(super) async fn do_start(&self, id: &str) -> Result<(), wharf_runtime::Error> {
        let found = self.look(id).await?;
        let found = found.ok_or(wharf_runtime::Error::NoSuchContainer)?;
        if found.state.phase() != Phase::Created {
            return Ok(());
        }
        let call = self
            .client()
            .post(format!("/containers/{}/start", found.id));
        let Err(error) = call.done().await else {
            return Ok(());
        };
        // What Docker could not run has ended, and says why itself.
        match self.look(id).await? {
            Some(found) if found.state.phase() != Phase::Created => Ok(()),
            _ => Err(unmade(error)),
        }
    }

    pub(super) async fn do_signal(
        &self,
        id: &str,
        signal: &str,
    ) -> Result<(), wharf_runtime::Error> {
        let Some(found) = self.look(id).await? else {
            return Ok(());
        };
        let call = self.client().post(format!("/containers/{}/kill", found.id));
        match call.query("signal", signal).done().await {
            // It has ended.
            Err(error) if error.is_conflict() || error.is_missing() => Ok(()),
            Err(Error::Answered {
                status: 400,
                message,
            }) => Err(wharf_runtime::Error::Unsupported(message)),
            other => Ok(other?),
        }
    }

    pub(super) async fn do_read(
        &self,
        id: &str,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, wharf_runtime::Error> {
        let Some(found) = self.look(id).await? else {
            return Ok(None);
        };
        Ok(read(self.client(), &found.id, path, limit).await?)
    }
}

/// Reads the start of a file of a container. None: there is none.
pub(super) async fn read(
    client: &Client,
    id: &str,
    path: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, Error> {
    let call = client.get(format!("/containers/{id}/archive"));
    match call.query("path", path).stream().await {
        Ok(archive) => first_file(archive, limit).await.map_err(Error::Io),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the start of the first thing in an archive. None: it is no file.
async fn first_file(
    mut archive: impl AsyncRead + Unpin,
    limit: usize,
) -> std::io::Result<Option<Vec<u8>>> {
    for _ in 0..HEADS {
        let mut block = [0; BLOCK];
        archive.read_exact(&mut block).await?;
        let header = tar::Header::from_byte_slice(&block);
        let size = header.entry_size()?;
        match header.entry_type() {
            tar::EntryType::Regular => {
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                let mut bytes = Vec::new();
                let mut start = (&mut archive).take(size.min(limit));
                start.read_to_end(&mut bytes).await?;
                return Ok(Some(bytes));
            }
            tar::EntryType::XHeader
            | tar::EntryType::XGlobalHeader
            | tar::EntryType::GNULongName => {
                let skipped = size.next_multiple_of(u64::try_from(BLOCK).unwrap_or(1));
                let mut skipped = (&mut archive).take(skipped);
                tokio::io::copy(&mut skipped, &mut tokio::io::sink()).await?;
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// As Docker reads it: `user`, `user:group`, by name or number.
fn user(run_as: &RunAs) -> Result<String, wharf_runtime::Error> {
    let (user, group) = match run_as.image_user.split_once(':') {
        Some((user, group)) => (user, Some(group.to_owned())),
        None => (run_as.image_user.as_str(), None),
    };
    let group = match (run_as.group, run_as.user) {
        (Some(group), _) => Some(group.to_string()),
        (None, None) => group,
        // The image's group is of its own user.
        (None, Some(_)) => None,
    };
    let user = run_as
        .user
        .map_or_else(|| user.to_owned(), |user| user.to_string());
    let user = if user.is_empty() {
        "0".to_owned()
    } else {
        user
    };
    if run_as.must_not_be_root {
        not_root(&user)?;
    }
    Ok(match group {
        Some(group) => format!("{user}:{group}"),
        None => user,
    })
}

/// As kubelets see it: <https://kubernetes.io/docs/concepts/security/pod-security-standards/>.
fn not_root(user: &str) -> Result<(), wharf_runtime::Error> {
    let message = match user.parse::<u32>() {
        Ok(0) => "container has runAsNonRoot and image will run as root".to_owned(),
        Ok(_) => return Ok(()),
        Err(_) => format!(
            "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root"
        ),
    };
    Err(refused("CreateContainerConfigError", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Owner, Small};

    fn run_as(image: &str, user: Option<u32>, group: Option<u32>) -> RunAs {
        RunAs {
            image_user: image.to_owned(),
            user,
            group,
            other_groups: Vec::new(),
            must_not_be_root: false,
        }
    }

    #[test]
    fn a_user_of_the_spec_takes_the_place_of_the_images() {
        let of = |image, uid, gid| user(&run_as(image, uid, gid)).unwrap();
        assert_eq!(of("", None, None), "0");
        assert_eq!(of("shop:staff", None, None), "shop:staff");
        assert_eq!(of("shop:staff", Some(7), None), "7");
        assert_eq!(of("shop:staff", None, Some(8)), "shop:8");
        assert_eq!(of("shop", Some(7), Some(8)), "7:8");
    }

    #[test]
    fn root_is_refused_where_it_must_not_be() {
        let refused = |image, uid| {
            let mut run_as = run_as(image, uid, None);
            run_as.must_not_be_root = true;
            user(&run_as).is_err()
        };
        assert!(refused("", None) && refused("0:5", None) && refused("7", Some(0)));
        assert!(refused("shop", None), "nobody knows who that is");
        assert!(!refused("7", None) && !refused("", Some(7)));
    }

    #[tokio::test]
    async fn the_first_file_of_an_archive_is_read_to_its_limit() {
        let mut archive = Small::new(Owner::default());
        archive.file("log", 0o644, b"last words").unwrap();
        let bytes = archive.finish().unwrap();
        let read = |limit| first_file(&bytes[..], limit);
        assert_eq!(read(4096).await.unwrap().unwrap(), b"last words");
        assert_eq!(read(4).await.unwrap().unwrap(), b"last");
        let mut archive = Small::new(Owner::default());
        archive.link("log", "/etc/passwd").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(first_file(&bytes[..], 10).await.unwrap(), None);
    }
}
