//! Ingresses of the classes `alb` and `nginx`: one proxy for each cluster, at 127.0.0.1.
//!
//! # Guarantees
//! * The proxy listens while there is an ingress for it, and while an engine runs the pods.
//! * Whatever changed, all routes are made anew from what there is: nothing depends on the order of
//!   changes.
mod backends;
mod class;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use backends::Backends;
use plan::Planned;
use status::{Told, before};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use wharf_balancer::{Certificate, Certificates, HttpListener, Routes};
use wharf_runtime::network::Reach;

use crate::controllers::{Frame, Key, Outcome};
use crate::kubelet::network::SLICES;
use crate::store::Object;
use crate::{Cluster, Status};

const INGRESSES: &str = "ingresses.networking.k8s.io";
const CLASSES: &str = "ingressclasses.networking.k8s.io";

/// What is tried for HTTP and for HTTPS after what it was before; 0 is any that is free.
const PORTS: [(u16, u16); 3] = [(80, 443), (8080, 8443), (0, 0)];

/// Works until it is dropped. Without `pods`, those of the cluster are simulated and nobody answers.
pub async fn run(cluster: Cluster, pods: Option<Arc<dyn Reach>>) -> Result<(), Status> {
    let mut frame = Frame::of("ingress", &cluster);
    let resources = [
        INGRESSES,
        CLASSES,
        "services",
        SLICES,
        "endpoints",
        "secrets",
    ];
    for resource in resources {
        // All of them at once.
        frame.on(cluster.shelf(resource)?, |_| vec![Key::new("", "")]);
    }
    let proxy = Proxy {
        backends: Backends::new(&cluster)?,
        cluster,
        pods,
        state: Mutex::default(),
    };
    frame
        .run_on(proxy, |proxy, _key| async move { proxy.sync().await })
        .await;
    Ok(())
}

#[derive(Debug)]
struct Proxy {
    cluster: Cluster,
    backends: Backends,
    pods: Option<Arc<dyn Reach>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listener: Option<HttpListener>,
    /// For names that have none.
    otherwise: Option<Certificate>,
    /// What was said once of an ingress, by its uid.
    said: HashSet<(String, String)>,
}

impl Proxy {
    /// Makes everything as it should be now.
    async fn sync(&self) -> Outcome {
        let mut state = self.state.lock().await;
        let mut ours: Vec<(Arc<Object>, class::Kind)> = Vec::new();
        for ingress in self.cluster.list(INGRESSES, None) {
            match class::of(&self.cluster, &ingress.value()) {
                Some(kind) if !ingress.deleting => ours.push((ingress, kind)),
                Some(_) => {}
                None => self.disown(&ingress).await?,
            }
        }
        let uids: HashSet<&str> = ours.iter().map(|(one, _)| one.uid.as_str()).collect();
        state.said.retain(|(uid, _)| uids.contains(uid.as_str()));
        let Some(pods) = self.pods.as_ref().filter(|_| !ours.is_empty()) else {
            if let Some(listener) = state.listener.take() {
                listener.close().await;
            }
            for (ingress, _) in &ours {
                self.pending(ingress, &mut state).await?;
            }
            return Ok(None);
        };
        // Who was first has what two of them want.
        ours.sort_by_cached_key(|(one, _)| {
            let created = one.value()["metadata"]["creationTimestamp"].to_string();
            (created, one.namespace.clone(), one.name.clone())
        });
        let region = self.cluster.settings().region.clone();
        let mut planned: Vec<(Arc<Object>, Planned)> = Vec::new();
        for (ingress, kind) in ours {
            let plan = plan::plan(&ingress.value(), kind, &region, &self.backends);
            planned.push((ingress, plan));
        }
        self.serve(&planned, &region, pods, &mut state).await?;
        let told = state.listener.as_ref().map(Told::of);
        for (ingress, plan) in &planned {
            if let Some(told) = &told {
                self.tell(ingress, plan, told, &mut state.said).await?;
            }
        }
        Ok(None)
    }

    async fn serve(
        &self,
        planned: &[(Arc<Object>, Planned)],
        region: &str,
        pods: &Arc<dyn Reach>,
        state: &mut State,
    ) -> Result<(), Status> {
        let routes = planned.iter().flat_map(|(_, plan)| plan.routes.clone());
        let routes = Routes::new(routes);
        let mut by_host = HashMap::new();
        for (host, certificate) in planned.iter().flat_map(|(_, plan)| &plan.certificates) {
            by_host
                .entry(host.clone())
                .or_insert_with(|| certificate.clone());
        }
        let otherwise = if let Some(made) = &state.otherwise {
            made.clone()
        } else {
            let names = ["localhost", "127.0.0.1"].map(str::to_owned);
            let balancers = format!("*.{region}.elb.localhost");
            let names = names.into_iter().chain([balancers]).collect();
            let made = Certificate::self_signed(names).map_err(Status::internal)?;
            state.otherwise.insert(made).clone()
        };
        let certificates = Certificates { by_host, otherwise };
        if let Some(listener) = &state.listener {
            listener.change(routes, certificates);
            return Ok(());
        }
        let before = planned.iter().find_map(|(one, _)| before(&one.value()));
        let ports: Vec<(u16, u16)> = before.into_iter().chain(PORTS).collect();
        let (http, https) = ports.into_iter().unzip();
        let http = bind(http).await.map_err(Status::internal)?;
        let https = bind(https).await.map_err(Status::internal)?;
        let served = HttpListener::serve(http, https, routes, certificates, Arc::clone(pods));
        state.listener = Some(served.map_err(Status::internal)?);
        Ok(())
    }
}

/// Listens at the first of the ports that is free.
async fn bind(ports: Vec<u16>) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in ports {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match TcpListener::bind(at).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}
