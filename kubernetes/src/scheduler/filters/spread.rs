//! Pods that are spread evenly: constraints that must be kept.
use std::collections::HashMap;

use super::super::model::{Node, Pod, Spread};
use super::super::state::{NodeInfo, State};
use super::{Refusal, matches_node, untolerated};

/// How the pods of a constraint are spread now.
#[derive(Debug, Default)]
struct Domains {
    /// How many pods there are, by the value of the label.
    pods: HashMap<String, i64>,
    fewest: i64,
    matches_itself: bool,
}

/// The constraints of a pod that must be kept, in their order.
#[derive(Debug, Default)]
pub(crate) struct Spreading(Vec<Domains>);

fn required(pod: &Pod) -> impl Iterator<Item = &Spread> {
    pod.spread.iter().filter(|constraint| constraint.required)
}

/// How many pods of a node a constraint is about.
pub(in super::super) fn matching(pod: &Pod, constraint: &Spread, info: &NodeInfo) -> i64 {
    let Some(selector) = constraint.selector.as_ref().filter(|one| !one.is_empty()) else {
        return 0;
    };
    let own = info.pods.iter().filter(|other| {
        !other.deleting && other.namespace == pod.namespace && selector.matches(&other.labels)
    });
    i64::try_from(own.count()).unwrap_or(i64::MAX)
}

/// Whether a node counts for a constraint.
fn counts(pod: &Pod, constraint: &Spread, node: &Node) -> bool {
    (!constraint.honor_affinity || matches_node(pod, node))
        && (!constraint.honor_taints || untolerated(pod, node).is_none())
}

impl Spreading {
    pub(crate) fn of(pod: &Pod, state: &State) -> Self {
        let keys: Vec<&str> = required(pod).map(|one| one.key.as_str()).collect();
        if keys.is_empty() {
            return Self::default();
        }
        let has_all = |info: &&NodeInfo| keys.iter().all(|key| info.node.labels.contains_key(*key));
        let nodes: Vec<&NodeInfo> = state.nodes().iter().filter(has_all).collect();
        let all = required(pod).map(|constraint| {
            let mut pods: HashMap<String, i64> = HashMap::new();
            for info in &nodes {
                if counts(pod, constraint, &info.node)
                    && let Some(value) = info.node.labels.get(&constraint.key)
                {
                    *pods.entry(value.clone()).or_insert(0) += matching(pod, constraint, info);
                }
            }
            let domains = i64::try_from(pods.len()).unwrap_or(i64::MAX);
            let few = domains < constraint.min_domains;
            let selector = constraint.selector.as_ref();
            Domains {
                fewest: if few {
                    0
                } else {
                    pods.values().min().copied().unwrap_or(i64::MAX)
                },
                matches_itself: selector.is_some_and(|one| one.matches(&pod.labels)),
                pods,
            }
        });
        Self(all.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn check(&self, pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
        for (constraint, domains) in required(pod).zip(&self.0) {
            let Some(value) = info.node.labels.get(&constraint.key) else {
                let reason =
                    "node(s) didn't match pod topology spread constraints (missing required label)";
                return Err(Refusal::hopeless(reason));
            };
            let there = domains.pods.get(value).copied().unwrap_or(0);
            let skew = there + i64::from(domains.matches_itself);
            if skew.saturating_sub(domains.fewest) > constraint.max_skew {
                let reason = "node(s) didn't match pod topology spread constraints";
                return Err(Refusal {
                    by_pods: true,
                    ..Refusal::crowded(reason)
                });
            }
        }
        Ok(())
    }
}
