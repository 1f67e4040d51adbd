//! How a cluster begins to run.
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::task::spawn_blocking;
use wharf_kubernetes::{
    Cluster as Kubernetes,
    api::ApiServer,
    cluster::{AccessSettings, Settings},
    fargate::Profile,
};
use wharf_storage::{Owner, Store};

use super::{Live, Running, access, tls};
use crate::{
    ControlPlane, Cx, Error, Phase, Place,
    certificate_authorities::{self, Authority},
    clusters::{self, Cluster},
    interfaces,
    pods::webhook,
    profiles,
    world::{self, World},
};

/// The most clusters that are opened at once after a start.
const AT_ONCE: usize = 8;

/// Runs a cluster, if it does not run already. Returns what it is reached by.
pub(crate) async fn open(cx: &Cx, at: &Place, cluster: &Cluster) -> Result<ControlPlane, Error> {
    if cx.clusters.by_id(&cluster.uid).is_some() {
        return Ok(cluster.control_plane.clone());
    }
    let authority = certificate_authorities::first(cx, at).await?;
    let (place, known) = (at.clone(), cluster.clone());
    let said = cx.store.meta().read(move |tx| {
        let bundle = certificate_authorities::bundle(tx, &place.registry, &place.name)?;
        let access = access::read(tx, &place, &known)?;
        let selected = profiles::read(tx, &place, None)?;
        Ok::<_, Error>((bundle, access, selected, webhook::read(tx, &place)?))
    });
    let (bundle, access, profiles, identities) = said.await?;
    let bundle = bundle.unwrap_or_else(|| authority.data());
    let id = &cluster.uid;
    let listeners = &cx.clusters.0.listeners;
    let port = listeners
        .bind(id, cluster.control_plane.port)
        .map_err(Error::running)?;
    let plane = reached_by(cx, cluster, port, bundle);
    let mut said = settings(at, cluster, &plane, access, profiles);
    said.pod_identities = identities;
    said.api_addresses = interfaces::give(cx, at, cluster).await;
    let opened = run(cx, at, said, &authority, port).await;
    if opened.is_err() {
        cx.clusters.close(id).await;
    }
    opened?;
    tracing::info!(
        name = at.name,
        endpoint = plane.endpoint,
        "a cluster is running"
    );
    Ok(plane)
}

/// Where a cluster with a port is reached. Its issuer is below its endpoint.
fn reached_by(cx: &Cx, cluster: &Cluster, port: u16, bundle: String) -> ControlPlane {
    let listeners = &cx.clusters.0.listeners;
    let host = listeners.host();
    let own = format!("https://{host}:{port}");
    let issuer_id: String = cluster.uid.chars().filter(|c| *c != '-').collect();
    let endpoint = match listeners.base() {
        Some(base) => format!("{base}/k8s/{}", cluster.uid),
        None => own.clone(),
    };
    let base_authority = listeners.base_authority();
    ControlPlane {
        endpoint: Some(endpoint),
        certificate_authority: Some(certificate_authorities::with(
            bundle,
            base_authority.as_deref(),
        )),
        base_authority,
        oidc_issuer: Some(format!("{own}/id/{}", issuer_id.to_ascii_uppercase())),
        port: Some(port),
    }
}

async fn run(
    cx: &Cx,
    at: &Place,
    settings: Settings,
    authority: &Authority,
    port: u16,
) -> Result<(), Error> {
    let id = settings.id.clone();
    let path = cx.store.cluster_file(&id)?;
    let (durable, clock) = (cx.settings.durable, cx.store.clock().clone());
    let kubernetes = spawn_blocking(move || Kubernetes::open(&path, durable, settings, clock));
    let kubernetes = kubernetes.await.map_err(Error::running)?;
    let kubernetes = kubernetes.map_err(Error::running)?;
    // A name is only there for an address that is none: then it listens on loopback as well.
    let host = cx.clusters.0.listeners.host().parse();
    let api = SocketAddr::new(host.unwrap_or(Ipv4Addr::LOCALHOST.into()), port);
    let World { kubelet, tasks } = world::start(cx, at, &kubernetes, api).await?;
    let access = cx.clusters.0.access.clone();
    let running = Running(Arc::new(Live {
        id: id.clone(),
        at: Place::of_cluster(&at.registry, &at.name),
        api: ApiServer::with_kubelet(kubernetes, access, kubelet.clone()),
        kubelet,
        draining: Mutex::default(),
        tasks: Mutex::new(tasks),
    }));
    let listeners = &cx.clusters.0.listeners;
    let credentials = tls::mint(authority, &listeners.host(), cx.now())?;
    cx.clusters.live().insert(id, running.clone());
    listeners
        .serve(&running, &credentials)
        .map_err(Error::running)
}

fn settings(
    at: &Place,
    cluster: &Cluster,
    plane: &ControlPlane,
    access: Arc<AccessSettings>,
    fargate: Vec<Profile>,
) -> Settings {
    let network = &cluster.network;
    let cidr = network.service_ipv4.as_ref();
    let cidr = cidr.or(network.service_ipv6.as_ref());
    Settings {
        id: cluster.uid.clone(),
        name: at.name.clone(),
        region: at.registry.region.to_string(),
        account: at.registry.account.to_string(),
        version: cluster.version.clone(),
        service_cidr: cidr.cloned().unwrap_or_default(),
        api_addresses: Vec::new(),
        self_managed_addons: cluster.bootstrap_self_managed_addons,
        ca_pem: pem(plane),
        issuer: plane.oidc_issuer.clone().unwrap_or_default(),
        access,
        fargate,
        pod_identities: BTreeSet::new(),
    }
}

/// What clients trust, as PEM.
fn pem(plane: &ControlPlane) -> String {
    let data = plane.certificate_authority.as_deref().unwrap_or_default();
    let bytes = STANDARD.decode(data).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Shows a certificate of the authority that signs now, and trusts what clients are told to trust.
pub(crate) async fn renew(cx: &Cx, at: &Place) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let place = at.clone();
    let read = cx.store.meta().read(move |tx| {
        let (registry, name) = (&place.registry, place.cluster());
        let signer = certificate_authorities::signer(tx, registry, name)?;
        let bundle = certificate_authorities::bundle(tx, registry, name)?;
        Ok::<_, Error>((signer, bundle))
    });
    let (Some(signer), bundle) = read.await? else {
        return Ok(());
    };
    let plane = ControlPlane {
        certificate_authority: bundle,
        ..ControlPlane::default()
    };
    let listeners = &cx.clusters.0.listeners;
    let mut credentials = tls::mint(&signer, &listeners.host(), cx.now())?;
    credentials.client_ca_pem = pem(&plane);
    running
        .cluster()
        .change_settings(|settings| settings.ca_pem = pem(&plane));
    listeners
        .renew(running.id(), &credentials)
        .map_err(Error::running)
}

/// The ids of all clusters, by which engines know them.
pub async fn ids(store: &Store) -> Result<Vec<String>, wharf_storage::Error> {
    let all = store
        .meta()
        .read(|tx| tx.all_documents::<Cluster>(None, usize::MAX));
    let all = all.await?.into_iter();
    Ok(all.map(|stored| stored.body.uid).collect())
}

/// Runs again what ran when the server stopped. A cluster that cannot be opened keeps no other from it.
pub async fn resume(cx: &Cx) -> Result<(), Error> {
    let all = cx
        .store
        .meta()
        .read(|tx| Ok::<_, Error>(tx.all_documents::<Cluster>(None, usize::MAX)?));
    let mut waiting = all.await?.into_iter().filter_map(|stored| {
        let Owner::Registry(registry) = stored.owner else {
            return None;
        };
        let at = Place::of_cluster(&registry, &stored.name);
        let phase = stored.body.life.phase;
        let runs = !matches!(
            phase,
            Phase::Creating | Phase::Deleting | Phase::CreateFailed
        );
        (runs && !stored.body.is_connected()).then_some((at, stored.body))
    });
    let mut opening = tokio::task::JoinSet::new();
    loop {
        while opening.len() < AT_ONCE
            && let Some((at, cluster)) = waiting.next()
        {
            let cx = cx.clone();
            opening.spawn(async move {
                if let Err(error) = reopen(&cx, &at, cluster).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, name = at.name, "a cluster cannot be opened");
                }
            });
        }
        if opening.join_next().await.is_none() {
            return Ok(());
        }
    }
}

/// Runs a cluster again, and writes down where it is reached if that changed.
async fn reopen(cx: &Cx, at: &Place, cluster: Cluster) -> Result<(), Error> {
    let plane = open(cx, at, &cluster).await?;
    if plane == cluster.control_plane {
        return Ok(());
    }
    tracing::warn!(
        name = at.name,
        endpoint = plane.endpoint,
        "a cluster has another endpoint now: run `aws eks update-kubeconfig` again"
    );
    let (at, now) = (at.clone(), cx.now());
    let written = cx.store.meta().write(move |tx| {
        let mut found = clusters::find(tx, &at.registry, &at.name)?.body;
        found.control_plane = plane.clone();
        clusters::put(tx, &at, &found, now)
    });
    written.await
}
