//! The server's side of what runs inside every pod: its table, its streams and its questions.
//!
//! ```text
//! cluster ── Table (one generation) ─┬─ task of pod 1 ── Mux ══ Engine::link ══ sandbox in pod 1
//!                                    └─ task of pod 2 ── …
//! probes, port-forward ── Dial ──────── streams of the Mux ──── applications
//! API, metadata ───────── Gates ─────── streams of the Mux ──── applications
//! ```
//!
//! # Guarantees
//! * [`Network::join`] answers after the sandbox has put a whole table in force.
//! * A change of the table reaches all pods as one commit each; a pod that is slow gets several
//!   changes in one.
//! * A link that breaks is made again, with waits that grow, and the whole table is sent anew: the
//!   server may be restarted at any time. Streams of a link end with it.
//!
//! # Assumptions
//! * The sandbox is as hostile as what runs beside it. It is believed in which pod it is, and nothing
//!   else; what it may hold here is bounded for each link.
mod dial;
mod driver;
mod gates;
mod link;
mod resolv_conf;
mod resolver;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use dial::{Address, Dial, DialError, Dialled, Reach};
use driver::{Driver, Home, Parts, Progress};
pub use gates::{Caller, Gates, NoGates};
use link::Link;
pub use resolver::{HostResolver, Resolver};
use stream::LinkStream;
pub use table::{Row, Table};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
/// The words of the table.
pub use wharf_sandbox::table::{
    AddressRange, Config, Host, Listener, LocalName, Protocol, Service, ServiceKey, ServicePort,
    Upstream,
};

use crate::engine::{Engine, HOST_NAME, Sandbox};
use crate::worker::Network;
use crate::{Error, Later, PodSpec, Stream};

/// How long a pod may take to know its cluster.
const JOIN: Duration = Duration::from_secs(30);
/// How long a dial waits for a link that is being made again.
const LINK: Duration = Duration::from_secs(5);

/// What the links of a cluster need to know.
pub struct LinkSettings {
    /// The configuration of every pod, but for its own addresses and its `resolv.conf`.
    pub config: Config,
    pub table: Table,
    pub gates: Arc<dyn Gates>,
    pub resolver: Arc<dyn Resolver>,
    /// The node of a pod; empty if it has none.
    pub node_of: NodeOf,
}

impl fmt::Debug for LinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSettings").finish_non_exhaustive()
    }
}

/// Finds the node of a pod.
pub type NodeOf = Box<dyn Fn(&PodSpec) -> String + Send + Sync>;

/// The links to the pods of a cluster. A cheap handle; without one the links end.
#[derive(Clone, Debug)]
pub struct PodLinks(Arc<Inner>);

struct Inner {
    parts: Parts,
    config: Config,
    node_of: NodeOf,
    pods: Mutex<HashMap<String, Entry>>,
    /// Tells that a pod has come.
    came: watch::Sender<()>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodLinks").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Entry {
    home: watch::Sender<Arc<Home>>,
    progress: watch::Receiver<Progress>,
    link: watch::Receiver<Option<Arc<Link>>>,
    task: AbortHandle,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PodLinks {
    pub fn new(engine: Arc<dyn Engine>, settings: LinkSettings) -> Self {
        Self(Arc::new(Inner {
            parts: Parts {
                engine,
                table: settings.table,
                gates: settings.gates,
                resolver: settings.resolver,
            },
            config: settings.config,
            node_of: settings.node_of,
            pods: Mutex::default(),
            came: watch::Sender::new(()),
        }))
    }

    // Nothing panics while it holds the lock.
    fn pods(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self, pod: &PodSpec, sandbox: Sandbox) -> Arc<Home> {
        let ip = sandbox.ip.or(pod.ip);
        let mut config = self.0.config.clone();
        config.addresses = ip.into_iter().collect();
        config.names.extend(sandbox.host.map(|host| LocalName {
            name: HOST_NAME.to_owned(),
            addresses: vec![host],
        }));
        config.resolv_conf = Some(resolv_conf::text(&pod.dns));
        Arc::new(Home {
            caller: Caller {
                pod: pod.id.clone(),
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                ip,
            },
            node: (self.0.node_of)(pod),
            config,
        })
    }

    /// Begins or changes the link of a pod.
    fn enter(&self, home: &Arc<Home>, kept: bool) {
        let pod = &home.caller.pod;
        let mut pods = self.pods();
        if kept && let Some(entry) = pods.get(pod) {
            entry.home.send_if_modified(|known| {
                let differs = known != home;
                known.clone_from(home);
                differs
            });
            return;
        }
        let (home_sender, receiver) = watch::channel(Arc::clone(home));
        let (progress, told) = watch::channel(Progress::Joining(None));
        let (link, links) = watch::channel(None);
        let driver = Driver {
            parts: self.0.parts.clone(),
            home: receiver,
            progress,
            link,
        };
        let entry = Entry {
            home: home_sender,
            progress: told,
            link: links,
            task: tokio::spawn(driver.run()).abort_handle(),
        };
        // The one before, of a sandbox that is gone, ends here.
        pods.insert(pod.clone(), entry);
        drop(pods);
        self.0.came.send_replace(());
    }

    async fn do_joined(&self, pod: &str) -> Result<(), Error> {
        let (home, mut progress) = {
            let pods = self.pods();
            let entry = pods.get(pod).ok_or(Error::NoSuchPod)?;
            (Arc::clone(&entry.home.borrow()), entry.progress.clone())
        };
        let done = progress.wait_for(|progress| match progress {
            Progress::Joining(_) => false,
            Progress::Joined(known) => *known == home,
            Progress::Failed(_) => true,
        });
        let outcome = match timeout(JOIN, done).await {
            Ok(Ok(done)) => match &*done {
                Progress::Failed(why) => Err(why.clone()),
                _ => Ok(()),
            },
            Ok(Err(_)) => Err("the pod has left".to_owned()),
            Err(_) => Err(String::new()),
        };
        let why = match outcome {
            Ok(()) => return Ok(()),
            Err(why) if !why.is_empty() => why,
            Err(_) => match &*progress.borrow() {
                Progress::Joining(Some(last)) => last.clone(),
                _ => "the sandbox did not take the table in time".to_owned(),
            },
        };
        Err(Error::Start {
            reason: "FailedCreatePodSandBox",
            message: format!("the pod could not be told of its cluster: {why}"),
        })
    }

    /// Waits for a pod that is not there yet, for a while.
    async fn entered(&self, pod: &str) {
        let mut came = self.0.came.subscribe();
        let wait =
            async { while !self.pods().contains_key(pod) && came.changed().await.is_ok() {} };
        // Whoever asks sees whether it has come.
        let _late = timeout(LINK, wait).await;
    }

    /// The pod that has an address.
    fn owner(&self, ip: IpAddr) -> Option<String> {
        let pods = self.pods();
        let found = pods
            .iter()
            .find(|(_, entry)| entry.home.borrow().caller.ip == Some(ip));
        found.map(|(pod, _)| pod.clone())
    }

    /// Where a connection goes that a pod makes: the pod that listens, and the address in it.
    fn route(&self, pod: &str, to: SocketAddr) -> Result<(String, SocketAddr), DialError> {
        let (own, node) = {
            let pods = self.pods();
            let entry = pods.get(pod).ok_or(DialError::NoLink)?;
            let home = entry.home.borrow();
            (home.caller.ip, home.node.clone())
        };
        if to.ip().is_loopback() || own == Some(to.ip()) {
            return Ok((pod.to_owned(), to));
        }
        let to = match self.0.parts.table.endpoints(to, &node) {
            Some(endpoints) => *endpoints.first().ok_or(DialError::Refused)?,
            None => to,
        };
        let owner = self.owner(to.ip()).ok_or(DialError::Elsewhere)?;
        Ok((owner, to))
    }

    async fn do_dial(&self, pod: &str, to: SocketAddr) -> Result<Box<dyn Stream>, DialError> {
        self.entered(pod).await;
        let (pod, to) = self.route(pod, to)?;
        let mut links = {
            let pods = self.pods();
            pods.get(&pod).ok_or(DialError::NoLink)?.link.clone()
        };
        let link = match timeout(LINK, links.wait_for(Option::is_some)).await {
            Ok(Ok(link)) => link.clone().ok_or(DialError::NoLink)?,
            _ => return Err(DialError::NoLink),
        };
        open(link, to).await
    }

    async fn do_reach(&self, to: SocketAddr) -> Result<Box<dyn Stream>, DialError> {
        let link = {
            let pods = self.pods();
            let mut all = pods.values();
            let entry = all.find(|entry| entry.home.borrow().caller.ip == Some(to.ip()));
            entry.and_then(|entry| entry.link.borrow().clone())
        };
        open(link.ok_or(DialError::NoLink)?, to).await
    }
}

async fn open(link: Arc<Link>, to: SocketAddr) -> Result<Box<dyn Stream>, DialError> {
    let id = link.open(to).ok_or(DialError::Busy)?;
    let stream = LinkStream::new(link, id);
    stream.opened().await?;
    Ok(Box::new(stream))
}

impl Network for PodLinks {
    fn join(&self, pod: &PodSpec, sandbox: Sandbox) {
        self.enter(&self.home(pod, sandbox), sandbox.kept);
    }

    fn joined<'a>(&'a self, pod: &'a str) -> Later<'a, ()> {
        Box::pin(self.do_joined(pod))
    }

    fn leave(&self, pod: &str) {
        let entry = self.pods().remove(pod);
        drop(entry);
    }
}

impl Dial for PodLinks {
    fn dial<'a>(&'a self, pod: &'a str, to: SocketAddr) -> Dialled<'a> {
        Box::pin(self.do_dial(pod, to))
    }

    fn address<'a>(&'a self, pod: &'a str) -> Address<'a> {
        Box::pin(async move {
            self.entered(pod).await;
            self.pods().get(pod)?.home.borrow().caller.ip
        })
    }
}

impl Reach for PodLinks {
    fn reach(&self, to: SocketAddr) -> Dialled<'_> {
        Box::pin(self.do_reach(to))
    }
}
