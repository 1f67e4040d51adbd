//! The decision: on which node a pod goes, or why on none.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::filters::{Cycle, Refusal, named_nodes};
use super::model::Pod;
use super::scores;
use super::state::{NodeInfo, State};

/// Of so many nodes or fewer all are looked at.
const ALWAYS: usize = 100;

const NOT_NAMED: &str = "node(s) didn't satisfy plugin(s) [NodeAffinity]";

/// A decision.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) node: String,
    pub(crate) cycle: Cycle,
    /// How many nodes were looked at; the next pod begins after them.
    pub(crate) seen: usize,
}

/// Why a pod can be placed nowhere now.
#[derive(Debug)]
pub(crate) struct Unschedulable {
    /// As the scheduler words it, without what preemption says.
    pub(crate) message: String,
    /// Why each node is out, by name; empty if it is not about nodes.
    pub(crate) refusals: BTreeMap<String, Refusal>,
    /// Whether there are nodes at all.
    pub(crate) nodes: usize,
}

impl Unschedulable {
    /// Whether a pod that is placed elsewhere can help.
    pub(crate) fn by_pods(&self) -> bool {
        self.refusals.values().any(|refusal| refusal.by_pods)
    }
}

/// Finds a node for a pod. `start` says with which node to begin.
pub(crate) fn schedule(
    state: &State,
    pod: &Arc<Pod>,
    start: usize,
) -> Result<Decision, Unschedulable> {
    let nodes = state.nodes().len();
    if nodes == 0 {
        return Err(Unschedulable {
            message: "no nodes available to schedule pods".to_owned(),
            refusals: BTreeMap::new(),
            nodes,
        });
    }
    let nowhere = |why: String| Unschedulable {
        message: format!("0/{nodes} nodes are available: {why}."),
        refusals: BTreeMap::new(),
        nodes,
    };
    let named = named_nodes(pod).map_err(nowhere)?;
    let cycle = Cycle::begin(pod, state).map_err(nowhere)?;
    if let Some(info) = state.node(&pod.nominated)
        && check(&cycle, pod, info, state).is_ok()
    {
        let node = info.node.name.clone();
        return Ok(Decision {
            node,
            cycle,
            seen: 0,
        });
    }
    let (mut fitting, mut refusals, mut seen) = (Vec::new(), BTreeMap::new(), 0);
    let enough = enough(nodes);
    let begin = start % nodes;
    let (before, after) = state.nodes().split_at_checked(begin).unwrap_or_default();
    for info in after.iter().chain(before) {
        seen += 1;
        let name = info.node.name.as_str();
        if named.as_ref().is_some_and(|named| !named.contains(name)) {
            refusals.insert(name.to_owned(), Refusal::hopeless(NOT_NAMED));
            continue;
        }
        match check(&cycle, pod, info, state) {
            Ok(()) => fitting.push(info),
            Err(refusal) => {
                refusals.insert(info.node.name.clone(), refusal);
            }
        }
        if fitting.len() >= enough {
            break;
        }
    }
    match scores::best(pod, &fitting, state) {
        Some(info) => Ok(Decision {
            node: info.node.name.clone(),
            cycle,
            seen,
        }),
        None => Err(Unschedulable {
            message: format!(
                "0/{nodes} nodes are available: {}.",
                histogram(refusals.values())
            ),
            refusals,
            nodes,
        }),
    }
}

/// Whether a pod fits on a node, also with those for which room was made there.
pub(crate) fn check(
    cycle: &Cycle,
    pod: &Arc<Pod>,
    info: &NodeInfo,
    state: &State,
) -> Result<(), Refusal> {
    let mut coming = state.nominated.values().filter(|other| {
        other.nominated == info.node.name && other.uid != pod.uid && other.priority >= pod.priority
    });
    if let Some(first) = coming.next() {
        let mut full = info.clone();
        for other in std::iter::once(first).chain(coming) {
            full.add(other);
        }
        cycle.check(pod, &full, state)?;
    }
    cycle.check(pod, info, state)
}

/// How many fitting nodes are enough to choose among, as upstream reckons.
fn enough(nodes: usize) -> usize {
    let percent = 50usize.saturating_sub(nodes / 125).max(5);
    if nodes <= ALWAYS {
        nodes
    } else {
        (nodes * percent / 100).max(ALWAYS)
    }
}

/// `1 Insufficient cpu, 2 node(s) were unschedulable`
pub(crate) fn histogram<'a>(refusals: impl Iterator<Item = &'a Refusal>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in refusals.flat_map(|refusal| &refusal.reasons) {
        *counts.entry(reason).or_insert(0) += 1;
    }
    let mut texts: Vec<String> = counts
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    texts.sort();
    texts.join(", ")
}
