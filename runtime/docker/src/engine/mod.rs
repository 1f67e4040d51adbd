//! The engine: one cluster's part of Docker.
pub(crate) mod containers;
mod events;
mod links;
mod logs;
mod mounts;
mod pods;
mod streams;
pub(crate) mod volumes;

use std::fmt;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio::task::AbortHandle;
use wharf_runtime::engine::{
    AttachSpec, ContainerSpec, Engine, ExecSpec, FoundContainer, FoundPod, Image, ImageRequest,
    LogQuery, Process, Sandbox, SandboxSpec, Usage,
};
use wharf_runtime::{Later, Stream, Volume};

use crate::answers::{Inspected, Listed, Network as FoundNetwork, Volumes};
use crate::client::Client;
use crate::error::or_gone;
use crate::names::Names;
use crate::network::{self, Network};
use crate::{Daemon, Error};
use events::Told;
use links::Links;

/// The engine. A cheap handle; without one its tasks end.
#[derive(Clone)]
pub struct Docker(Arc<Inner>);

struct Inner {
    daemon: Daemon,
    names: Names,
    wanted: Network,
    links: Links,
    told: Arc<Told>,
    listening: AbortHandle,
}

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Docker").field(&self.0.names).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Docker {
    /// Starts the engine of a cluster, which is named by an id that never changes.
    pub async fn start(daemon: &Daemon, cluster: &str, network: Network) -> Result<Self, Error> {
        let names = Names::new(&daemon.0.owner, cluster);
        let told = Arc::<Told>::default();
        network::ensure(&daemon.0.client, &names, network).await?;
        let listening = events::listen(daemon.0.client.clone(), names.clone(), &told);
        Ok(Self(Arc::new(Inner {
            daemon: daemon.clone(),
            names,
            wanted: network,
            links: Links::default(),
            told,
            listening,
        })))
    }

    /// Removes all that a cluster has: containers, volumes, persistent ones too, and its network.
    pub async fn clear(daemon: &Daemon, cluster: &str) -> Result<(), Error> {
        let client = &daemon.0.client;
        let ours = Names::new(&daemon.0.owner, cluster).ours();
        let containers = client.get("/containers/json").query("all", "1");
        let containers: Vec<Listed> = containers.labelled(&ours).json().await?;
        containers::remove_all(client, containers).await?;
        let volumes: Volumes = client.get("/volumes").labelled(&ours).json().await?;
        volumes::remove_all(client, volumes).await?;
        let networks = client.get("/networks").labelled(&ours);
        for network in networks.json::<Vec<FoundNetwork>>().await? {
            let path = format!("/networks/{}", network.id);
            or_gone(client.delete(path).done().await)?;
        }
        daemon.0.clear().await
    }

    fn client(&self) -> &Client {
        &self.0.daemon.0.client
    }

    fn names(&self) -> &Names {
        &self.0.names
    }

    /// A container of ours, by its name or id.
    async fn look(&self, name: &str) -> Result<Option<Inspected>, Error> {
        let call = self.client().get(format!("/containers/{name}/json"));
        let found: Option<Inspected> = call.find().await?;
        Ok(found.filter(|found| self.names().is_ours(&found.config.labels)))
    }
}

impl Engine for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn list(&self) -> Later<'_, Vec<FoundPod>> {
        Box::pin(async { Ok(self.do_list().await?) })
    }

    fn pull<'a>(&'a self, request: &'a ImageRequest) -> Later<'a, Image> {
        Box::pin(self.0.daemon.0.images.pull(request))
    }

    fn start_sandbox<'a>(&'a self, spec: &'a SandboxSpec) -> Later<'a, Sandbox> {
        Box::pin(async { Ok(self.do_start_sandbox(spec).await?) })
    }

    fn link<'a>(&'a self, pod: &'a str) -> Later<'a, Box<dyn Stream>> {
        Box::pin(self.do_link(pod))
    }

    fn remove_pod<'a>(&'a self, pod: &'a str) -> Later<'a, ()> {
        Box::pin(async { Ok(self.do_remove_pod(pod).await?) })
    }

    fn fill<'a>(&'a self, pod: &'a str, volume: &'a Volume, group: Option<u32>) -> Later<'a, ()> {
        Box::pin(async move { Ok(self.do_fill(pod, volume, group).await?) })
    }

    fn remove_volume<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(async { Ok(self.do_remove_volume(id).await?) })
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Later<'a, String> {
        Box::pin(self.do_create(spec))
    }

    fn start<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(self.do_start(id))
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Later<'a, Option<FoundContainer>> {
        Box::pin(async { Ok(self.look(id).await?.and_then(Inspected::found)) })
    }

    fn signal<'a>(&'a self, id: &'a str, signal: &'a str) -> Later<'a, ()> {
        Box::pin(self.do_signal(id, signal))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(async {
            match self.look(id).await? {
                Some(found) => Ok(containers::remove(self.client(), &found.id).await?),
                None => Ok(()),
            }
        })
    }

    fn ended(&self) -> Later<'_, Vec<String>> {
        Box::pin(async { Ok(self.0.told.wait().await) })
    }

    fn exec<'a>(&'a self, id: &'a str, spec: ExecSpec) -> Later<'a, Process> {
        Box::pin(self.do_exec(id, spec))
    }

    fn attach<'a>(&'a self, id: &'a str, spec: AttachSpec) -> Later<'a, Process> {
        Box::pin(self.do_attach(id, spec))
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(self.do_logs(id, query))
    }

    fn read<'a>(&'a self, id: &'a str, path: &'a str, limit: usize) -> Later<'a, Option<Vec<u8>>> {
        Box::pin(self.do_read(id, path, limit))
    }

    fn usage<'a>(&'a self, pod: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        Box::pin(async { Ok(self.do_usage(pod).await?) })
    }
}
