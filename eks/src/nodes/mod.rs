//! Machines as nodes: whoever runs and belongs to a cluster is a node of it, and only they are.
//!
//! # Guarantees
//!
//! * A pass looks at everything there is now: what woke it does not matter, and passing twice does no
//!   harm.
//! * A machine that is to end is first drained, for as long as the hook of its group holds it.
mod drain;
mod membership;
mod object;
mod replace;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
pub(crate) use membership::{configure, drained, joined};
use object::NODEGROUP;
pub(crate) use replace::replace;
use wharf_compute::{
    groups::{self, Hook, Waiting},
    instances::{self, Instance, State},
};
use wharf_kubernetes::{
    Cluster, Status,
    cluster::{Actor, Deletion, time::rfc3339},
    nodes::{self, Machine, provider_id},
    store::Object,
};

use crate::{
    Cx, Error,
    nodegroups::Nodegroup,
    parts,
    running::{Running, access},
};

/// How often nodes are looked at when nobody said that there is need.
const IDLE: Duration = Duration::from_secs(30);

/// How long a node that could not be drained is left alone.
const REST: Duration = Duration::from_secs(1);

/// How many nodes are made at a time.
const AT_ONCE: usize = 64;

/// Makes machines nodes for as long as the server runs.
pub async fn run(cx: Cx) {
    let (mut machines, mut documents) = (cx.compute.changed.subscribe(), cx.done.subscribe());
    loop {
        machines.borrow_and_update();
        documents.borrow_and_update();
        for running in cx.clusters.all() {
            if let Err(error) = pass(&cx, &running).await {
                let (error, name): (&dyn std::error::Error, _) = (&error, &running.at().name);
                tracing::warn!(error, name, "nodes could not be looked after");
            }
        }
        tokio::select! {
            _ = machines.changed() => {}
            _ = documents.changed() => {}
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

/// What there is to look at in a pass.
struct Observed {
    instances: Vec<Instance>,
    groups: HashMap<String, Nodegroup>,
    waiting: Vec<Waiting>,
}

async fn observe(cx: &Cx, running: &Running) -> Result<Observed, Error> {
    let at = running.at();
    let mut all = instances::list(&cx.compute, &at.registry).await?;
    all.retain(|instance| instance.cluster().as_deref() == Some(&at.name));
    let place = at.clone();
    let found = cx.store.meta().read(move |tx| {
        parts::list::<Nodegroup>(tx, &place.registry, &place.name, "", parts::MANY)
    });
    let groups = found.await?.into_iter().map(|stored| stored.body);
    let mut waiting = groups::waiting(&cx.compute, &at.registry, Hook::DRAIN).await?;
    waiting.retain(|one| all.iter().any(|instance| instance.id == one.instance));
    Ok(Observed {
        groups: groups.map(|group| (group.name.clone(), group)).collect(),
        instances: all,
        waiting,
    })
}

/// Brings nodes to what machines there are.
pub(crate) async fn pass(cx: &Cx, running: &Running) -> Result<(), Error> {
    let observed = observe(cx, running).await?;
    let (cluster, at) = (running.cluster(), running.at());
    let by = actor();
    let (mut there, mut joining) = (HashSet::new(), Vec::new());
    for instance in &observed.instances {
        if instance.state.is_alive() {
            there.insert(instance.provider_id());
        }
        let name = instance.private_dns_name(&at.registry.region);
        let known = cluster.get("nodes", "", &name);
        let has_joined = known.is_some_and(|node| provider_id(&node) == instance.provider_id());
        if instance.state != State::Running
            || has_joined
            || !access::may_join(cx, running, instance)
        {
            continue;
        }
        let group = instance.tags.get("eks:nodegroup-name");
        let group = group.and_then(|name| observed.groups.get(name));
        let version = &cluster.settings().version;
        joining.push(object::machine(
            &at.registry.region,
            version,
            instance,
            group,
        ));
    }
    // Together, so that they share transactions.
    let joins = joining.iter().map(|machine| join(cluster, machine, &by));
    stream::iter(joins.collect::<Vec<_>>())
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    for node in cluster.list("nodes", None) {
        let provider = provider_id(&node);
        if is_machine(&provider) && !there.contains(&provider) {
            ignore_missing(cluster.delete("nodes", "", &node.name, &now(), &by).await)?;
        }
    }
    for waiting in &observed.waiting {
        let mut all = observed.instances.iter();
        if let Some(instance) = all.find(|instance| instance.id == waiting.instance) {
            drain::begin(cx, running, instance, waiting);
        }
    }
    Ok(())
}

/// Makes the node of a machine, unless it is there.
async fn join(cluster: &Cluster, machine: &Machine, by: &Actor) -> Result<(), Error> {
    let name = &machine.name;
    let node = nodes::node_object(machine, &rfc3339(cluster.now()));
    if let Some(there) = cluster.get("nodes", "", name) {
        if node["spec"]["providerID"] == provider_id(&there) {
            return Ok(());
        }
        // An earlier machine had the address.
        ignore_missing(cluster.delete("nodes", "", name, &now(), by).await)?;
    }
    match cluster.create("nodes", node, by).await {
        Err(status) if status.is_already_exists() => Ok(()),
        done => done.map(drop).map_err(Error::running),
    }
}

/// Whether a provider's id is that of an instance: nodes of Fargate are not looked after here.
fn is_machine(provider: &str) -> bool {
    let id = provider.rsplit('/').next().unwrap_or_default();
    provider.starts_with("aws:///") && id.starts_with("i-")
}

/// Who makes nodes, and takes them away.
fn actor() -> Actor {
    let user = "system:serviceaccount:kube-system:cloud-node-lifecycle-controller";
    Actor::system(
        user,
        "aws-cloud-controller-manager",
        "cloud-node-lifecycle-controller",
    )
}

fn now() -> Deletion {
    Deletion {
        grace_secs: Some(0),
        ..Deletion::default()
    }
}

/// Takes for done what is no longer there.
fn ignore_missing(done: Result<(), Status>) -> Result<(), Error> {
    match done {
        Err(status) if !status.is_not_found() => Err(Error::running(status)),
        _ => Ok(()),
    }
}

/// The nodes of a node group.
fn of_group(running: &Running, name: &str) -> Vec<std::sync::Arc<Object>> {
    let mut nodes = running.cluster().list("nodes", None);
    nodes.retain(|node| node.label(NODEGROUP) == Some(name));
    nodes
}
