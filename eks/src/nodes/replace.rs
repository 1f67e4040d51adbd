//! The machines of a node group give way to those of another version.
//!
//! As EKS does it: new machines come first, then as many old ones as the group allows at once are
//! drained, and end when they are empty. With the strategy `MINIMAL` nothing comes before something went.
//!
//! # Guarantees
//!
//! * A disruption budget is never broken, unless the update is forced. What does not go in time ends the
//!   update, and then everything is as before but for the machines that were replaced already.
//! * It may begin again at any point: what is old is told by the version of the template.
use std::time::Duration;

use wharf_compute::{
    groups::{self, Group, Member, Stage},
    instances,
};
use wharf_kubernetes::nodes::{self, Budgets, Drained};
use wharf_types::Timestamp;

use super::{actor, joined, membership::TICK, of_group};
use crate::{
    Cx, Error, Place, machines,
    nodegroups::{Nodegroup, config::UpdateStrategy},
    running::Running,
    updates::Problem,
};

/// How long pods may stay on a node that is to go.
const EVICTION: Duration = Duration::from_mins(15);

/// Replaces all machines of other versions of the template. The answer is why it could not be done.
pub(crate) async fn replace(
    cx: &Cx,
    at: &Place,
    of: &Nodegroup,
    force: bool,
) -> Result<Option<Problem>, Error> {
    let (name, mut changed) = (of.auto_scaling_group(), cx.compute.changed.subscribe());
    let surges = of.update_config.update_strategy != Some(UpdateStrategy::Minimal);
    let mut base = None;
    loop {
        changed.borrow_and_update();
        let Some(group) = machines::find(cx, at, &name).await? else {
            return Ok(None);
        };
        let desired = *base.get_or_insert(group.desired);
        let old: Vec<&Member> = old(&group).collect();
        if old.is_empty() {
            machines::resize(cx, at, of, desired).await?;
            joined(cx, at, of).await?;
            return Ok(None);
        }
        let going: Vec<&Member> = old
            .into_iter()
            .filter(|member| member.stage == Stage::InService)
            .take(at_once(of, desired))
            .collect();
        let more = if surges { going.len() } else { 0 };
        let wanted = desired + u32::try_from(more).unwrap_or_default();
        if group.desired != wanted {
            machines::resize(cx, at, of, wanted).await?;
        } else if !going.is_empty() && is_complete(cx, at, of, &group) {
            let nodes = names(cx, at, &going).await?;
            let held = drain(cx, at, &nodes, force).await?;
            if !held.is_empty() {
                undo(cx, at, of, desired, &nodes).await?;
                return Ok(Some(eviction_failure(of, held)));
            }
            for member in going {
                let ended = groups::terminate(&cx.compute, &at.registry, &member.id, surges);
                drop(ended.await?);
            }
            continue;
        }
        drop(tokio::time::timeout(TICK, changed.changed()).await);
    }
}

/// The members of other versions of the template.
fn old(group: &Group) -> impl Iterator<Item = &Member> {
    let newest = newest(group);
    group
        .members
        .iter()
        .filter(move |member| member.template.as_ref().map(|template| template.version) != newest)
}

/// The version of the template that new members come with.
fn newest(group: &Group) -> Option<u64> {
    let spec = match &group.source {
        groups::Source::Template(spec) => spec,
        groups::Source::Mixed(mixed) => &mixed.template,
        groups::Source::Configuration(_) => return None,
    };
    spec.version.as_ref()?.parse().ok()
}

/// How many machines may be away at once: at least one.
fn at_once(of: &Nodegroup, desired: u32) -> usize {
    let config = &of.update_config;
    let percent = config.max_unavailable_percentage;
    let of_all = percent.map(|percent| i64::from(desired) * percent / 100);
    let count = config.max_unavailable.or(of_all).unwrap_or(1);
    usize::try_from(count).unwrap_or(1).max(1)
}

/// Whether all machines that there are to be have come and are nodes, and none is on its way out.
fn is_complete(cx: &Cx, at: &Place, of: &Nodegroup, group: &Group) -> bool {
    let wanted = usize::try_from(group.desired).unwrap_or_default();
    let serve = |member: &Member| member.stage == Stage::InService;
    let nodes = cx
        .clusters
        .at(at)
        .map(|running| of_group(&running, &of.name));
    group.members.len() >= wanted
        && group.members.iter().all(serve)
        && nodes.is_none_or(|nodes| nodes.len() >= wanted)
}

/// The names of the nodes that members are.
async fn names(cx: &Cx, at: &Place, members: &[&Member]) -> Result<Vec<String>, Error> {
    let all = instances::list(&cx.compute, &at.registry).await?;
    let of = all
        .iter()
        .filter(|instance| members.iter().any(|member| member.id == instance.id));
    Ok(of
        .map(|instance| instance.private_dns_name(&at.registry.region))
        .collect())
}

/// Empties nodes at the same time. The answer is those that pods would not leave.
async fn drain(cx: &Cx, at: &Place, nodes: &[String], force: bool) -> Result<Vec<String>, Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(Vec::new());
    };
    let deadline = running.cluster().now() + EVICTION;
    let drains = nodes
        .iter()
        .map(|node| drain_one(&running, node, deadline, force));
    let drained = futures::future::try_join_all(drains).await?;
    let held = nodes.iter().zip(drained);
    Ok(held
        .filter(|(_, drained)| *drained == Drained::Held)
        .map(|(node, _)| node.clone())
        .collect())
}

async fn drain_one(
    running: &Running,
    node: &str,
    deadline: Timestamp,
    force: bool,
) -> Result<Drained, Error> {
    let (cluster, by) = (running.cluster(), actor());
    if cluster.get("nodes", "", node).is_none() {
        return Ok(Drained::Gracefully);
    }
    let budgets = if force {
        Budgets::Ignored
    } else {
        Budgets::Respected
    };
    let drained = nodes::drain(cluster, node, deadline, budgets, &by).await;
    drained.map_err(Error::running)
}

/// Lets nodes that stay have pods again, and ends the machines that came for those that did not go.
async fn undo(
    cx: &Cx,
    at: &Place,
    of: &Nodegroup,
    desired: u32,
    nodes: &[String],
) -> Result<(), Error> {
    if let Some(running) = cx.clusters.at(at) {
        for node in nodes {
            let uncordoned = nodes::uncordon(running.cluster(), node, &actor()).await;
            uncordoned.map_err(Error::running)?;
        }
    }
    let Some(group) = machines::find(cx, at, &of.auto_scaling_group()).await? else {
        return Ok(());
    };
    let surplus = group.desired.saturating_sub(desired);
    let newest = newest(&group);
    let new = group.members.iter().filter(|member| {
        !member.stage.is_leaving()
            && member.template.as_ref().map(|template| template.version) == newest
    });
    for member in new.take(usize::try_from(surplus).unwrap_or_default()) {
        let ended = groups::terminate(&cx.compute, &at.registry, &member.id, true);
        drop(ended.await?);
    }
    machines::resize(cx, at, of, desired).await
}

fn eviction_failure(of: &Nodegroup, held: Vec<String>) -> Problem {
    Problem {
        code: "PodEvictionFailure".to_owned(),
        message: format!(
            "Reached max retries while trying to evict pods from nodes in node group {}",
            of.name
        ),
        resource_ids: held,
    }
}
