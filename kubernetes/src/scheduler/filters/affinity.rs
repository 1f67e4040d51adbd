//! Pods that must be, or must not be, near others.
use std::collections::HashMap;

use super::super::model::{Pod, PodTerm};
use super::super::state::{NodeInfo, State};
use super::Refusal;

/// How many pods matter, by label and its value.
type Counts = HashMap<(String, String), i64>;

/// The pods that matter to one that is to be placed.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// Those that refuse it.
    refusing: Counts,
    /// Those that all its affinities match.
    wanted: Counts,
    /// Those that its anti-affinities match.
    unwanted: Counts,
    /// Whether it is such a pod as it wants.
    wants_itself: bool,
    needed: bool,
}

/// Whether a term is about a pod.
pub(in super::super) fn selects(term: &PodTerm, pod: &Pod, state: &State) -> bool {
    let selector = term.selector.as_ref();
    selector.is_some_and(|selector| selector.matches(&pod.labels)) && covers(term, pod, state)
}

fn covers(term: &PodTerm, pod: &Pod, state: &State) -> bool {
    if term.namespaces.contains(&pod.namespace) {
        return true;
    }
    let Some(selector) = &term.namespace_selector else {
        return false;
    };
    if selector.is_empty() {
        return true;
    }
    let labels = state.namespaces.get(&pod.namespace);
    labels.is_some_and(|labels| selector.matches(labels))
}

impl Neighbours {
    pub(crate) fn of(pod: &Pod, state: &State) -> Self {
        let mut found = Self {
            wants_itself: pod.affinity.iter().all(|term| selects(term, pod, state)),
            needed: !(pod.affinity.is_empty() && pod.anti_affinity.is_empty()),
            ..Self::default()
        };
        for other in state.choosy() {
            for term in &other.anti_affinity {
                if selects(term, pod, state) {
                    count(&mut found.refusing, term, other, state);
                    found.needed = true;
                }
            }
        }
        if pod.affinity.is_empty() && pod.anti_affinity.is_empty() {
            return found;
        }
        for other in state.all_placed() {
            let matches = |term: &PodTerm| selects(term, other, state);
            if !pod.affinity.is_empty() && pod.affinity.iter().all(matches) {
                for term in &pod.affinity {
                    count(&mut found.wanted, term, other, state);
                }
            }
            for term in pod.anti_affinity.iter().filter(|term| matches(term)) {
                count(&mut found.unwanted, term, other, state);
            }
        }
        found
    }

    /// Whether no other pod matters.
    pub(crate) fn is_empty(&self) -> bool {
        !self.needed
    }

    pub(super) fn check(&self, pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
        if !self.needed {
            return Ok(());
        }
        let by_pods = |refusal: Refusal| Refusal {
            by_pods: true,
            ..refusal
        };
        if !self.satisfies(pod, info) {
            let reason = "node(s) didn't match pod affinity rules";
            return Err(by_pods(Refusal::hopeless(reason)));
        }
        let near = |counts: &Counts, key: &str| {
            let value = info.node.labels.get(key);
            value.is_some_and(|value| {
                let place = (key.to_owned(), value.clone());
                counts.get(&place).is_some_and(|count| *count > 0)
            })
        };
        if pod
            .anti_affinity
            .iter()
            .any(|term| near(&self.unwanted, &term.key))
        {
            let reason = "node(s) didn't match pod anti-affinity rules";
            return Err(by_pods(Refusal::crowded(reason)));
        }
        let mut refused = self.refusing.iter().filter(|(_, count)| **count > 0);
        if refused.any(|((key, value), _)| info.node.labels.get(key) == Some(value)) {
            let reason = "node(s) didn't satisfy existing pods anti-affinity rules";
            return Err(by_pods(Refusal::crowded(reason)));
        }
        Ok(())
    }

    fn satisfies(&self, pod: &Pod, info: &NodeInfo) -> bool {
        let mut there = true;
        for term in &pod.affinity {
            let Some(value) = info.node.labels.get(&term.key) else {
                return false;
            };
            let place = (term.key.clone(), value.clone());
            there &= self.wanted.get(&place).is_some_and(|count| *count > 0);
        }
        // The first of a group that wants to be together has nobody to join.
        there || (self.wanted.is_empty() && self.wants_itself)
    }
}

fn count(counts: &mut Counts, term: &PodTerm, pod: &Pod, state: &State) {
    let node = state.node(&pod.node);
    if let Some(value) = node.and_then(|info| info.node.labels.get(&term.key)) {
        let place = (term.key.clone(), value.clone());
        *counts.entry(place).or_insert(0) += 1;
    }
}
