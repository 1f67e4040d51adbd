//! What node groups ask for: machines that have joined, nodes with other labels, none at all.
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use wharf_compute::groups;
use wharf_kubernetes::{
    cluster::{Actor, Part},
    nodes::Taint,
};

use super::{ignore_missing, object, of_group, pass};
use crate::{Cx, Error, Place, machines, nodegroups::Nodegroup};

/// How long an answer waits for machines to join: they come anyway.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often is looked whether a machine has ended, when nobody says so.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Waits until as many nodes have joined as the group has machines to come, or for a while.
pub(crate) async fn joined(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let wanted = usize::try_from(of.scaling.desired).unwrap_or_default();
    let mut changed = cx.compute.changed.subscribe();
    let nodes = running.cluster().shelf("nodes").map_err(Error::running)?;
    let mut told = nodes.subscribe();
    let until = Instant::now() + PATIENCE;
    loop {
        changed.borrow_and_update();
        told.borrow_and_update();
        pass(cx, &running).await?;
        if of_group(&running, &of.name).len() >= wanted {
            return Ok(());
        }
        // Another pass may be making the nodes that this one found to exist.
        let news = async {
            tokio::select! {
                news = changed.changed() => news,
                news = told.changed() => news,
            }
        };
        match tokio::time::timeout_at(until, news).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
}

/// Brings the labels and taints of a node group to its nodes. What it had before and has no more goes;
/// what others put there stays.
pub(crate) async fn configure(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let Some(running) = cx.clusters.at(at) else {
        return Ok(());
    };
    let place = at.clone();
    let before = cx.store.meta().read(move |tx| {
        let found = tx.document::<Nodegroup>(&place.owner(), &place.name)?;
        Ok::<_, Error>(found.map(|found| found.body))
    });
    let before = before.await?.unwrap_or_else(|| of.clone());
    let by = Actor::system("eks:node-manager", "node-manager", "node-manager");
    for node in of_group(&running, &of.name) {
        let changed = running
            .cluster()
            .modify("nodes", "", &node.name, Part::Main, &by, |node| {
                relabel(node, &before, of);
                retaint(node, &before, of);
                Ok(())
            });
        ignore_missing(changed.await.map(drop))?;
    }
    Ok(())
}

fn relabel(node: &mut Value, before: &Nodegroup, after: &Nodegroup) {
    let Some(labels) = node["metadata"]["labels"].as_object_mut() else {
        return;
    };
    for key in before.labels.keys() {
        if !after.labels.contains_key(key) {
            labels.remove(key);
        }
    }
    for (key, value) in &after.labels {
        labels.insert(key.clone(), value.as_str().into());
    }
}

fn retaint(node: &mut Value, before: &Nodegroup, after: &Nodegroup) {
    let (old, new) = (object::taints(before), object::taints(after));
    let mut taints = node["spec"]["taints"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    taints.retain(|taint| {
        let mut own = old.iter().chain(&new);
        !own.any(|own| taint["key"] == own.key.as_str() && taint["effect"] == own.effect.as_str())
    });
    taints.extend(new.into_iter().map(|Taint { key, value, effect }| {
        let mut taint = json!({ "key": key, "effect": effect });
        if !value.is_empty() {
            taint["value"] = value.into();
        }
        taint
    }));
    let Some(spec) = node["spec"].as_object_mut() else {
        return;
    };
    if taints.is_empty() {
        spec.remove("taints");
    } else {
        spec.insert("taints".to_owned(), taints.into());
    }
}

/// Ends all machines of a node group, each when its node is drained, and removes the group.
pub(crate) async fn drained(cx: &Cx, at: &Place, of: &Nodegroup) -> Result<(), Error> {
    let (place, name) = (&at.registry, of.auto_scaling_group());
    let mut changed = cx.compute.changed.subscribe();
    loop {
        changed.borrow_and_update();
        let Some(group) = machines::find(cx, at, &name).await? else {
            break;
        };
        if !group.deleting && group.desired > 0 {
            let limits = groups::Limits {
                min: Some(0),
                max: None,
                desired: Some(0),
            };
            let changes = groups::Changes {
                limits,
                ..groups::Changes::default()
            };
            groups::update(&cx.compute, place, &name, changes).await?;
        } else if !group.deleting && group.members.is_empty() {
            groups::delete(&cx.compute, place, &name, true).await?;
        }
        drop(tokio::time::timeout(TICK, changed.changed()).await);
    }
    // No node outlives its group.
    match cx.clusters.at(at) {
        Some(running) => pass(cx, &running).await,
        None => Ok(()),
    }
}
