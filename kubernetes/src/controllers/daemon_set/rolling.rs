//! Replacing the pods of a daemon set node by node.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::plan::{Plan, View};
use crate::controllers::amount::rounded_up;
use crate::views::PodView;

/// The pods of a node, or that there are too many.
struct Pair {
    new: Option<Arc<PodView>>,
    old: Option<Arc<PodView>>,
}

/// Continues an update as far as the strategy allows.
pub(super) fn roll(view: &View<'_>, plan: &mut Plan) {
    let desired = view.nodes.values().filter(|fit| fit.run).count();
    let total = i64::try_from(desired).unwrap_or(i64::MAX);
    let strategy = &view.set.spec.update_strategy.rolling_update;
    let surge = rounded_up(&strategy.max_surge, total);
    let mut unavailable = rounded_up(&strategy.max_unavailable, total);
    if surge == 0 && unavailable == 0 && total > 0 {
        unavailable = 1;
    }
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    if surge == 0 {
        replace(view, size(unavailable), plan);
    } else {
        overlap(view, size(surge), desired, plan);
    }
}

/// The nodes that have pods or should have one.
fn nodes<'a>(view: &'a View<'_>) -> BTreeSet<&'a str> {
    let wanted = view
        .nodes
        .iter()
        .filter(|(_, fit)| fit.run)
        .map(|(node, _)| *node);
    wanted.chain(view.pods.keys().map(String::as_str)).collect()
}

fn pair(view: &View<'_>, node: &str) -> Option<Pair> {
    let mut pair = Pair {
        new: None,
        old: None,
    };
    let pods = view.pods.get(node).into_iter().flatten();
    for pod in pods.filter(|pod| !pod.metadata.is_deleting()) {
        let place = if view.is_updated(pod) {
            &mut pair.new
        } else {
            &mut pair.old
        };
        if place.is_some() {
            return None;
        }
        *place = Some(Arc::clone(pod));
    }
    Some(pair)
}

/// Deletes old pods; their successors come when they are gone.
fn replace(view: &View<'_>, allowed: usize, plan: &mut Plan) {
    let mut unavailable = 0;
    let mut candidates = Vec::new();
    for node in nodes(view) {
        match pair(view, node) {
            Some(Pair {
                new: None,
                old: Some(old),
            }) => {
                if view.is_available(&old) {
                    candidates.push(old);
                } else {
                    // It serves nobody: nothing is lost.
                    plan.delete.push(old);
                    unavailable += 1;
                }
            }
            Some(Pair {
                new: Some(new),
                old: None,
            }) => unavailable += usize::from(!view.is_available(&new)),
            _ => unavailable += 1,
        }
    }
    let left = allowed.saturating_sub(unavailable);
    plan.delete.extend(candidates.into_iter().take(left));
}

/// Starts new pods beside old ones, which go when the new ones are available.
fn overlap(view: &View<'_>, allowed: usize, desired: usize, plan: &mut Plan) {
    let (mut surging, mut available) = (0, 0);
    let mut candidates = Vec::new();
    let mut unwanted = Vec::new();
    for node in nodes(view) {
        let Some(Pair { new, old }) = pair(view, node) else {
            surging += 1;
            continue;
        };
        let serving = old.as_ref().or(new.as_ref());
        available += usize::from(serving.is_some_and(|pod| view.is_available(pod)));
        let runs = view.nodes.get(node).is_some_and(|fit| fit.run);
        match (new, old) {
            (_, None) => {}
            (None, Some(old)) if !view.is_available(&old) => {
                if runs {
                    plan.create.push(node.to_owned());
                } else {
                    plan.delete.push(old);
                }
            }
            (None, Some(_)) if runs => candidates.push(node.to_owned()),
            (None, Some(old)) => unwanted.push(old),
            (Some(new), Some(old)) => {
                if view.is_available(&new) {
                    plan.delete.push(old);
                } else {
                    surging += 1;
                }
            }
        }
    }
    let spare = available.saturating_sub(desired);
    plan.delete.extend(unwanted.into_iter().take(spare));
    let left = allowed.saturating_sub(surging);
    plan.create.extend(candidates.into_iter().take(left));
}
