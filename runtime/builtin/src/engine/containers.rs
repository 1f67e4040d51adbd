//! Containers of pods, as their shims make them.
use wharf_runtime::Error;
use wharf_runtime::engine::{ContainerSpec, FoundContainer, Phase, Process};

use super::found::{container, lose};
use super::images::sha256;
use super::plan::plan;
use super::shims::Connection;
use super::{Builtin, blocking, done, failed, lock, read_json};
use crate::files;
use crate::wire::{Answer, Plan, Request};

impl Builtin {
    pub(super) async fn do_create(&self, spec: &ContainerSpec) -> Result<String, Error> {
        let image = self.0.images.find(&spec.image).await?;
        let image = image.ok_or_else(|| Error::Start {
            reason: "CreateContainerError",
            message: format!("the image {} is gone", spec.image),
        })?;
        let id = sha256(format!("{}/{}/{}", spec.pod, spec.name, spec.attempt).as_bytes());
        let folder = self.pod(&spec.pod);
        let plan = plan(&id, spec, &image, &folder)?;
        let place = folder.join("containers").join(&id);
        lock(&self.0.pods).insert(id.clone(), spec.pod.clone());
        let (old, new) = (place.join("plan.json"), plan.clone());
        let differs = blocking(move || Ok(read_json::<Plan>(&old).is_ok_and(|old| old != new)));
        if differs.await?
            && let Some(found) = self.do_inspect(&id).await?
            && found.phase == Phase::Created
        {
            let id = id.clone();
            done(self.ask(&spec.pod, &Request::Remove { id }).await?)?;
        }
        blocking(move || {
            std::fs::create_dir_all(&place).map_err(crate::Error::Io)?;
            files::write_json(&place.join("plan.json"), &plan)
        })
        .await?;
        let request = Request::Create { id: id.clone() };
        match self.ask(&spec.pod, &request).await? {
            Answer::Failed(message) => Err(Error::Start {
                reason: if message.contains("runAsNonRoot") {
                    "CreateContainerConfigError"
                } else {
                    "CreateContainerError"
                },
                message,
            }),
            answer => done(answer).map(|()| id),
        }
    }

    pub(super) async fn do_inspect(&self, id: &str) -> Result<Option<FoundContainer>, Error> {
        let Ok((folder, pod)) = self.container(id) else {
            return Ok(None);
        };
        let place = folder.clone();
        let found = tokio::task::spawn_blocking(move || container(&place))
            .await
            .map_err(failed)?;
        let Some(mut found) = found else {
            return Ok(None);
        };
        if matches!(found.phase, Phase::Running { .. })
            && Connection::open(&self.pod(&pod)).await?.is_none()
        {
            lose(&mut found);
        }
        Ok(Some(found))
    }

    pub(super) async fn do_stream(
        &self,
        id: &str,
        request: Request,
        stdin: bool,
    ) -> Result<Process, Error> {
        let (_, pod) = self.container(id)?;
        let connection = Connection::open(&self.pod(&pod)).await?;
        let mut connection = connection.ok_or(Error::NoSuchContainer)?;
        match connection.ask(&request).await? {
            Answer::Stream { tty } => Ok(connection.into_process(tty, stdin)),
            answer => match done(answer) {
                Ok(()) => Err(Error::NoSuchContainer),
                Err(error) => Err(error),
            },
        }
    }
}
