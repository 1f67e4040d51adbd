//! What runs the pods of a cluster: an engine with its worker and network, or a simulation.
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use wharf_kubernetes::kubelet::network::{API_GATE, IDENTITY_GATE, link_settings, tell};
use wharf_kubernetes::{Cluster, ingresses, load_balancers};
use wharf_runtime::engine::Engine;
use wharf_runtime::network::{Caller, Gates, PodLinks, Reach};
use wharf_runtime::{Pace, PodChecks, PodNetwork, PodRuntime, Simulated, Stream, Worker};

use crate::pods::{Pod, PodConnection};
use crate::running::Clusters;
use crate::{Cx, Error};

/// What runs the pods, and the tasks that it needs.
pub(crate) type Started = (Arc<dyn PodRuntime>, Vec<JoinHandle<()>>);

/// Starts what runs the pods of a cluster. `api` is where its API server listens.
pub(crate) async fn start(cx: &Cx, cluster: &Cluster, api: SocketAddr) -> Result<Started, Error> {
    let vpc = cx.compute.settings.vpc;
    let network = PodNetwork {
        gateway: vpc.at(1),
        prefix: vpc.prefix(),
    };
    let engines = cx.clusters.engines();
    let id = cluster.settings().id.clone();
    let opened = engines.open(&id, network).await;
    match opened.map_err(Error::running)? {
        None => {
            let simulated = Simulated::new(cx.store.clock().clone(), Pace::default());
            Ok((Arc::new(simulated), balance(cluster, None).into()))
        }
        Some(engine) => {
            let doors = Doors {
                api,
                cluster: id,
                clusters: cx.clusters.clone(),
            };
            real(cx, cluster, engine, doors).await
        }
    }
}

async fn real(
    cx: &Cx,
    cluster: &Cluster,
    engine: Arc<dyn Engine>,
    doors: Doors,
) -> Result<Started, Error> {
    let settings = link_settings(cluster, Arc::new(doors));
    let table = settings.table.clone();
    let links = Arc::new(PodLinks::new(Arc::clone(&engine), settings));
    let told = cluster.clone();
    let tell = tokio::spawn(async move {
        if let Err(status) = tell(told, table).await {
            let error: &dyn std::error::Error = &status;
            tracing::error!(error, "pods are not told of services");
        }
    });
    let version = cluster.settings().version.clone();
    let reach: Arc<dyn Reach> = Arc::<PodLinks>::clone(&links);
    let mut tasks: Vec<JoinHandle<()>> = balance(cluster, Some(reach)).into();
    tasks.push(tell);
    let dial = Arc::<PodLinks>::clone(&links);
    let checks = PodChecks::new(Arc::clone(&engine), dial, version);
    let network = Arc::<PodLinks>::clone(&links);
    let clock = cx.store.clock().clone();
    let worker = Worker::start_in(engine, Arc::new(checks), network, clock).await;
    let worker = worker.map_err(Error::running)?.dialing(links);
    Ok((Arc::new(worker), tasks))
}

/// Opens the ports of this machine that lead into pods.
fn balance(cluster: &Cluster, pods: Option<Arc<dyn Reach>>) -> [JoinHandle<()>; 2] {
    let services = load_balancers::run(cluster.clone(), pods.clone());
    let ingresses = ingresses::run(cluster.clone(), pods);
    [
        tokio::spawn(async move {
            if let Err(status) = services.await {
                let error: &dyn std::error::Error = &status;
                tracing::error!(error, "services are not reached from outside");
            }
        }),
        tokio::spawn(async move {
            if let Err(status) = ingresses.await {
                let error: &dyn std::error::Error = &status;
                tracing::error!(error, "ingresses are not answered");
            }
        }),
    ]
}

/// What stands behind the addresses that are the server in every pod.
#[derive(Debug)]
struct Doors {
    api: SocketAddr,
    /// Of which the pods are.
    cluster: String,
    clusters: Clusters,
}

impl Doors {
    fn api(&self, caller: &Caller, mut stream: Box<dyn Stream>) {
        let (api, pod) = (self.api, caller.name.clone());
        tokio::spawn(async move {
            let passed = async {
                let mut server = TcpStream::connect(api).await?;
                copy_bidirectional(&mut stream, &mut server).await
            };
            if let Err(error) = passed.await {
                tracing::debug!(pod, %error, "a connection to the API server broke off");
            }
        });
    }
}

impl Gates for Doors {
    fn accept(&self, listener: u16, caller: &Caller, _from: SocketAddr, stream: Box<dyn Stream>) {
        match listener {
            API_GATE => self.api(caller, stream),
            IDENTITY_GATE => self.clusters.answer(PodConnection {
                pod: Pod {
                    cluster: self.cluster.clone(),
                    caller: caller.clone(),
                },
                stream,
            }),
            // Nobody is there: the pod sees the connection closed.
            _ => drop(stream),
        }
    }
}
