//! Filters that look at one node and its pods only.
use std::collections::BTreeSet;

use super::super::model::{Node, Pod, Port, Taint, tolerated};
use super::super::state::NodeInfo;
use super::Refusal;

const UNSCHEDULABLE_TAINT: &str = "node.kubernetes.io/unschedulable";

pub(super) fn unschedulable(pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
    if !info.node.unschedulable {
        return Ok(());
    }
    let taint = Taint {
        key: UNSCHEDULABLE_TAINT.to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    if !tolerated(&taint, &pod.tolerations) {
        return Err(Refusal::hopeless("node(s) were unschedulable"));
    }
    Ok(())
}

pub(super) fn node_name(pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
    if pod.node.is_empty() || pod.node == info.node.name {
        return Ok(());
    }
    let reason = "node(s) didn't match the requested node name";
    Err(Refusal::hopeless(reason))
}

/// The first taint of a node that keeps a pod away.
pub(crate) fn untolerated<'a>(pod: &Pod, node: &'a Node) -> Option<&'a Taint> {
    let mut taints = node.taints.iter().filter(|taint| taint.repels());
    taints.find(|taint| !tolerated(taint, &pod.tolerations))
}

pub(super) fn taints(pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
    let Some(Taint { key, value, .. }) = untolerated(pod, &info.node) else {
        return Ok(());
    };
    let reason = format!("node(s) had untolerated taint {{{key}: {value}}}");
    Err(Refusal::hopeless(reason))
}

/// `nodeSelector` and the required node affinity.
pub(crate) fn matches_node(pod: &Pod, node: &Node) -> bool {
    let wanted = &mut pod.node_selector.iter();
    let affinity = pod.node_affinity.as_ref();
    wanted.all(|(key, value)| node.labels.get(key) == Some(value))
        && affinity.is_none_or(|affinity| affinity.matches(&node.name, &node.labels))
}

/// The only nodes that an affinity names, if each of its terms names some; an error if a term names
/// none that can be.
pub(crate) fn named_nodes(pod: &Pod) -> Result<Option<BTreeSet<&str>>, String> {
    let Some(affinity) = &pod.node_affinity else {
        return Ok(None);
    };
    let mut all = BTreeSet::new();
    for term in &affinity.node_selector_terms {
        let fields = term.match_fields.iter();
        let mut names = fields
            .filter(|one| one.key == "metadata.name" && one.operator == "In")
            .map(|one| {
                one.values
                    .iter()
                    .map(String::as_str)
                    .collect::<BTreeSet<_>>()
            });
        let Some(first) = names.next() else {
            return Ok(None);
        };
        all.extend(names.fold(first, |some, more| &some & &more));
    }
    if all.is_empty() && !affinity.node_selector_terms.is_empty() {
        return Err("pod affinity terms conflict".to_owned());
    }
    Ok((!all.is_empty()).then_some(all))
}

pub(super) fn node_affinity(pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
    if matches_node(pod, &info.node) {
        return Ok(());
    }
    let reason = "node(s) didn't match Pod's node affinity/selector";
    Err(Refusal::hopeless(reason))
}

pub(super) fn ports(pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
    let taken = |port: &Port| {
        let mut used = info.pods.iter().flat_map(|other| &other.ports);
        used.any(|other| conflict(port, other))
    };
    if pod.ports.iter().any(taken) {
        let reason = "node(s) didn't have free ports for the requested pod ports";
        return Err(Refusal::crowded(reason));
    }
    Ok(())
}

fn conflict(one: &Port, other: &Port) -> bool {
    let everywhere = |port: &Port| port.address == "0.0.0.0";
    one.number == other.number
        && one.protocol == other.protocol
        && (one.address == other.address || everywhere(one) || everywhere(other))
}
