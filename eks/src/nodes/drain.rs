//! A machine that is to end: its node is drained, and then it may.
use wharf_compute::{
    groups::{self, Hook, Outcome, Waiting, Which},
    instances::Instance,
};
use wharf_kubernetes::{cluster::Actor, nodes};
use wharf_types::Registry;

use crate::{Cx, Error, running::Running};

/// Begins to drain a machine, unless that was begun, and lets it end when nothing is left on it.
pub(super) fn begin(cx: &Cx, running: &Running, instance: &Instance, waiting: &Waiting) {
    if !running.draining().insert(instance.id.clone()) {
        return;
    }
    let place = running.at().registry.clone();
    let node = instance.private_dns_name(&place.region);
    let (cx, drained, waiting) = (cx.clone(), running.clone(), waiting.clone());
    running.keep(tokio::spawn(async move {
        let instance = waiting.instance.clone();
        let done = drain(&cx, &drained, &place, &node, waiting).await;
        if done.is_err() {
            warn(&node, done);
            tokio::time::sleep(super::REST).await;
        }
        drained.draining().remove(&instance);
        cx.compute.changed.send_replace(());
    }));
}

fn warn(node: &str, done: Result<(), Error>) {
    if let Err(error) = done {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(
            error,
            node,
            "a node could not be drained; it is tried again"
        );
    }
}

async fn drain(
    cx: &Cx,
    running: &Running,
    place: &Registry,
    node: &str,
    waiting: Waiting,
) -> Result<(), Error> {
    let (cluster, deadline) = (running.cluster(), waiting.deadline);
    let by = Actor::system("eks:node-manager", "node-manager", "node-manager");
    if cluster.get("nodes", "", node).is_some() {
        let drained = nodes::drain(cluster, node, deadline, nodes::Budgets::Ignored, &by).await;
        let how = drained.map_err(Error::running)?;
        tracing::debug!(node, ?how, "a node is drained");
    }
    let which = (Hook::DRAIN.to_owned(), Which::Instance(waiting.instance));
    let outcome = Outcome::Continue;
    let group = &waiting.group;
    match groups::complete(&cx.compute, place, group, which, outcome).await {
        // Its time was up, or the group is gone.
        Err(error) if error.code().is_some() => Ok(()),
        done => Ok(done?),
    }
}
