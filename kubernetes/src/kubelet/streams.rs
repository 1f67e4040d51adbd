//! Logs of containers, and connections to them.
use wharf_runtime::{Error, LogRange, Session, Stream};

use super::{Kubelet, virtuals};
use crate::{Status, fields};

impl Kubelet {
    /// What a container wrote. An empty name means the only one, or the one that an annotation names.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        range: LogRange,
    ) -> Result<Vec<u8>, Status> {
        let found = self.find(namespace, pod, container)?;
        if !found.exists {
            let message = format!(
                "container {:?} in pod {pod:?} is waiting to start: {}",
                found.container, found.reason
            );
            return Err(Status::bad_request(message));
        }
        let engine = self.engine(found.is_virtual);
        match engine.logs(&found.uid, &found.container, range).await {
            // It ended before a restart of the server.
            Err(Error::NoSuchPod) => Ok(Vec::new()),
            answer => answer.map_err(refused),
        }
    }

    /// Connects to a container or a port. The name of the container in `session` may be empty.
    pub async fn connect(
        &self,
        namespace: &str,
        pod: &str,
        mut session: Session,
    ) -> Result<Box<dyn Stream>, Status> {
        let wanted = match &session {
            Session::Exec { container, .. } | Session::Attach { container } => container.clone(),
            Session::PortForward { .. } => self.any_container(namespace, pod)?,
        };
        let found = self.find(namespace, pod, &wanted)?;
        if let Session::Exec { container, .. } | Session::Attach { container } = &mut session {
            container.clone_from(&found.container);
        }
        if ["Succeeded", "Failed"].contains(&found.phase.as_str()) {
            let message = format!(
                "cannot exec into a container in a completed pod; current phase is {}",
                found.phase
            );
            return Err(Status::bad_request(message));
        }
        let engine = self.engine(found.is_virtual);
        engine.connect(&found.uid, session).await.map_err(refused)
    }

    fn any_container(&self, namespace: &str, pod: &str) -> Result<String, Status> {
        let object = self.0.cluster.get("pods", namespace, pod);
        let object = object.ok_or_else(|| Status::not_found("pods", "", pod))?;
        let pod = object.value();
        let first = fields::list(&pod["spec"], "containers").first();
        Ok(first.map_or("", |one| fields::text(one, "name")).to_owned())
    }

    fn find(&self, namespace: &str, name: &str, container: &str) -> Result<Found, Status> {
        let object = self.0.cluster.get("pods", namespace, name);
        let object = object.ok_or_else(|| Status::not_found("pods", "", name))?;
        let pod = object.value();
        let names = |list: &str| {
            let list = fields::list(&pod["spec"], list).iter();
            let names = list.map(|one| fields::text(one, "name").to_owned());
            names.collect::<Vec<String>>()
        };
        let (main, init) = (names("containers"), names("initContainers"));
        let wanted = match (container, main.as_slice()) {
            ("", [only]) => only.clone(),
            ("", _) => {
                let annotations = &pod["metadata"]["annotations"];
                let usual = fields::text(annotations, "kubectl.kubernetes.io/default-container");
                if usual.is_empty() {
                    return Err(Status::bad_request(choose(name, &main, &init)));
                }
                usual.to_owned()
            }
            (container, _) => container.to_owned(),
        };
        let ephemeral = names("ephemeralContainers");
        if ![&main, &init, &ephemeral]
            .into_iter()
            .any(|list| list.contains(&wanted))
        {
            let message = format!("container {wanted} is not valid for pod {name}");
            return Err(Status::bad_request(message));
        }
        let status = &pod["status"];
        let lists = [
            "containerStatuses",
            "initContainerStatuses",
            "ephemeralContainerStatuses",
        ];
        let mut all = lists
            .into_iter()
            .flat_map(|list| fields::list(status, list));
        let of = all.find(|one| fields::text(one, "name") == wanted);
        let waits = of.map(|of| fields::text(&of["state"]["waiting"], "reason"));
        Ok(Found {
            uid: object.uid.clone(),
            exists: of.is_some_and(|of| fields::has(of, "containerID")),
            reason: waits.unwrap_or("ContainerCreating").to_owned(),
            phase: fields::text(status, "phase").to_owned(),
            container: wanted,
            is_virtual: virtuals::is_virtual(&pod),
        })
    }
}

struct Found {
    uid: String,
    container: String,
    /// Whether it was made once.
    exists: bool,
    reason: String,
    phase: String,
    is_virtual: bool,
}

fn choose(pod: &str, main: &[String], init: &[String]) -> String {
    let list = |names: &[String]| format!("[{}]", names.join(" "));
    let main = list(main);
    let message =
        format!("a container name must be specified for pod {pod}, choose one of: {main}");
    if init.is_empty() {
        return message;
    }
    format!("{message} or one of the init containers: {}", list(init))
}

fn refused(error: Error) -> Status {
    match error {
        Error::Unsupported(message) => Status::not_implemented(message),
        Error::NoSuchPod | Error::NoSuchContainer => {
            Status::bad_request("the container does not run")
        }
        error => Status::internal(error),
    }
}
