//! Clusters that run: the Kubernetes API of each, its controllers, and where it is reached.
//!
//! # Guarantees
//!
//! * A cluster runs from the moment its creation is done until its deletion begins, restarts of the
//!   server included ([`resume`]): a request that comes while it is being opened waits in the queue of
//!   its port, which is taken first.
//! * What EKS says of a cluster (version, access entries, profiles) is in its settings before the
//!   operation that changed it is answered.
//!
//! # Assumptions
//!
//! * Only the worker opens and closes a cluster, one step at a time.
pub(crate) mod access;
mod serve;
mod start;
mod tls;

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use start::{ids, resume};
pub(crate) use start::{open, renew};
use tokio::{sync::mpsc, task::JoinHandle};
use wharf_kubernetes::{
    Cluster,
    api::{Access, ApiServer},
    kubelet::Kubelet,
};

use wharf_runtime::Engines;

use crate::{Cx, Error, Place, pod_addresses::Pools, pods::PodConnection};

/// What a cluster's port shows, and whom it trusts. All of it is PEM.
#[derive(Clone)]
pub struct Credentials {
    pub certificate_pem: String,
    pub key_pem: String,
    /// Who signs the certificates of clients.
    pub client_ca_pem: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The ports of clusters: TLS listeners that belong to the server.
pub trait Listeners: fmt::Debug + Send + Sync {
    /// The name in endpoints, such as `127.0.0.1`.
    fn host(&self) -> String;

    /// Where endpoints begin if clusters are to be reached by a path below the main port.
    fn base(&self) -> Option<String>;

    /// The certificate, as PEM, of who signs what clients see there.
    fn base_authority(&self) -> Option<String>;

    /// Takes a port for a cluster: this one, or another one if it is taken. Nothing is answered yet.
    fn bind(&self, id: &str, port: Option<u16>) -> io::Result<u16>;

    /// Begins to answer at the port that was taken.
    fn serve(&self, cluster: &Running, credentials: &Credentials) -> io::Result<()>;

    /// Shows other credentials from now on.
    fn renew(&self, id: &str, credentials: &Credentials) -> io::Result<()>;

    /// Gives the port back: long answers end, others are finished.
    fn close(&self, id: &str);
}

/// A cluster that runs. A cheap handle.
#[derive(Clone, Debug)]
pub struct Running(Arc<Live>);

#[derive(Debug)]
struct Live {
    id: String,
    at: Place,
    api: ApiServer,
    kubelet: Kubelet,
    /// The instances whose nodes are being drained.
    draining: Mutex<HashSet<String>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Running {
    /// What tells it from all other clusters, also earlier ones of its name.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Where its document is.
    pub fn at(&self) -> &Place {
        &self.0.at
    }

    /// What runs its pods.
    pub fn kubelet(&self) -> &Kubelet {
        &self.0.kubelet
    }

    pub(crate) fn draining(&self) -> MutexGuard<'_, HashSet<String>> {
        let draining = self.0.draining.lock();
        draining.unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a task end with the cluster.
    pub(crate) fn keep(&self, task: JoinHandle<()>) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Its objects.
    pub fn cluster(&self) -> &Cluster {
        self.0.api.cluster()
    }
}

/// All clusters that run.
#[derive(Clone, Debug)]
pub struct Clusters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    live: Mutex<HashMap<String, Running>>,
    listeners: Arc<dyn Listeners>,
    access: Access,
    engines: Arc<dyn Engines>,
    /// Who answers pods that ask for AWS.
    pods: mpsc::Sender<PodConnection>,
    /// Addresses of pods.
    pools: Pools,
}

impl Clusters {
    /// Nothing runs yet. `pods` takes the connections of pods to AWS.
    pub fn new(
        listeners: Arc<dyn Listeners>,
        access: Access,
        engines: Arc<dyn Engines>,
        pods: mpsc::Sender<PodConnection>,
    ) -> Self {
        Self(Arc::new(Shared {
            live: Mutex::default(),
            listeners,
            access,
            engines,
            pods,
            pools: Pools::default(),
        }))
    }

    pub(crate) fn engines(&self) -> &dyn Engines {
        &*self.0.engines
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// Has a pod answered, unless too many wait already: then it sees its connection closed.
    pub fn answer(&self, connection: PodConnection) {
        if let Err(error) = self.0.pods.try_send(connection) {
            tracing::debug!(%error, "a pod is not answered");
        }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.0.pools
    }

    fn live(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        let live = self.0.live.lock();
        live.unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster of an id.
    pub fn by_id(&self, id: &str) -> Option<Running> {
        self.live().get(id).cloned()
    }

    /// The cluster of an account, region and name.
    pub fn at(&self, at: &Place) -> Option<Running> {
        let live = self.live();
        let mut all = live.values();
        let here = |one: &&Running| {
            let own = one.at();
            own.registry == at.registry && own.name == at.cluster()
        };
        all.find(here).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Running> {
        self.live().values().cloned().collect()
    }

    /// Stops a cluster. Without one there is nothing to do.
    pub(crate) async fn close(&self, id: &str) {
        self.0.listeners.close(id);
        let Some(running) = self.live().remove(id) else {
            return;
        };
        let tasks = {
            let mut tasks = running
                .0
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        };
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            drop(task.await);
        }
        self.pools().forget(&running.at().registry, id);
    }

    /// Stops all clusters. What they stored stays.
    pub async fn close_all(&self) {
        for running in self.all() {
            self.close(running.id()).await;
        }
    }
}

/// Removes what a cluster that does not run stored, and what its engine has.
pub(crate) async fn remove_files(cx: &Cx, id: &str) -> Result<(), Error> {
    let removed = cx.clusters.engines().remove(id).await;
    removed.map_err(Error::running)?;
    let file = cx.store.cluster_file(id)?;
    let removed = tokio::task::spawn_blocking(move || {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = file.clone().into_os_string();
            path.push(suffix);
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    });
    removed
        .await
        .map_err(Error::running)?
        .map_err(Error::running)
}

/// Stops all clusters and removes what they stored, for who forgets everything.
pub async fn forget_all(cx: &Cx) -> Result<(), Error> {
    for running in cx.clusters.all() {
        cx.clusters.close(running.id()).await;
        remove_files(cx, running.id()).await?;
    }
    Ok(())
}
