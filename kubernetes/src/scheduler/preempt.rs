//! Making room: pods of lower priority go so that one of higher priority can come.
use std::sync::Arc;

use super::decide::{self, Unschedulable, histogram};
use super::filters::{Cycle, Refusal};
use super::model::Pod;
use super::state::State;

/// Who goes, and from which node.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) node: String,
    /// The most important first.
    pub(crate) victims: Vec<Arc<Pod>>,
    violations: usize,
}

/// Finds a node where room can be made; the error is what is said of it in the pod's event.
pub(crate) fn preempt(
    state: &mut State,
    pod: &Arc<Pod>,
    failed: &Unschedulable,
) -> Result<Room, String> {
    if !pod.preempts {
        return Err("preemption: not eligible due to preemptionPolicy=Never.".to_owned());
    }
    if waits_for_victims(state, pod, failed) {
        let text = "preemption: not eligible due to a terminating pod on the nominated node.";
        return Err(text.to_owned());
    }
    let nodes = failed.nodes;
    let mut outcomes = Vec::new();
    let mut best: Option<Room> = None;
    if let Ok(mut cycle) = Cycle::begin(pod, state) {
        for (node, _) in failed
            .refusals
            .iter()
            .filter(|(_, refusal)| refusal.preemptible)
        {
            match victims(state, pod, node, &mut cycle) {
                Ok(room) if best.as_ref().is_none_or(|there| room.is_better_than(there)) => {
                    best = Some(room);
                }
                Ok(_) => {}
                Err(refusal) => outcomes.push(refusal),
            }
        }
    }
    best.ok_or_else(|| {
        let hopeless = || Refusal::hopeless("Preemption is not helpful for scheduling");
        outcomes.resize_with(nodes, hopeless);
        let reasons = histogram(outcomes.iter());
        format!("preemption: 0/{nodes} nodes are available: {reasons}.")
    })
}

/// Whether pods are going already so that this one can come.
fn waits_for_victims(state: &State, pod: &Pod, failed: &Unschedulable) -> bool {
    let hopeless = failed
        .refusals
        .get(&pod.nominated)
        .is_some_and(|one| !one.preemptible);
    let Some(info) = state.node(&pod.nominated).filter(|_| !hopeless) else {
        return false;
    };
    let mut others = info.pods.iter();
    others.any(|other| other.deleting && other.priority < pod.priority)
}

/// Who would have to go from a node. The state is as before afterwards.
fn victims(
    state: &mut State,
    pod: &Arc<Pod>,
    node: &str,
    cycle: &mut Cycle,
) -> Result<Room, Refusal> {
    let mut lower: Vec<Arc<Pod>> = state.node(node).map_or_else(Vec::new, |info| {
        let lower = info
            .pods
            .iter()
            .filter(|other| other.priority < pod.priority);
        lower.cloned().collect()
    });
    if lower.is_empty() {
        return Err(Refusal::hopeless(
            "No preemption victims found for incoming pod",
        ));
    }
    for victim in &lower {
        state.remove(&victim.uid);
    }
    cycle.refresh(pod, state);
    let found = if let Err(refusal) = fits(state, pod, node, cycle) {
        for victim in &lower {
            state.place(victim);
        }
        Err(refusal)
    } else {
        lower.sort_by(by_importance);
        Ok(reprieve(state, pod, node, cycle, lower))
    };
    cycle.refresh(pod, state);
    found
}

fn fits(state: &State, pod: &Arc<Pod>, node: &str, cycle: &Cycle) -> Result<(), Refusal> {
    let gone = || Refusal::hopeless("Preemption is not helpful for scheduling");
    let info = state.node(node).ok_or_else(gone)?;
    decide::check(cycle, pod, info, state)
}

/// The more important first: by priority, then by age.
fn by_importance(a: &Arc<Pod>, b: &Arc<Pod>) -> std::cmp::Ordering {
    let older = || a.started.cmp(&b.started);
    b.priority.cmp(&a.priority).then_with(older)
}

/// Lets those stay that need not go, first those whose budget would be broken.
fn reprieve(
    state: &mut State,
    pod: &Arc<Pod>,
    node: &str,
    cycle: &mut Cycle,
    lower: Vec<Arc<Pod>>,
) -> Room {
    let (violating, others) = by_budget(state, lower);
    let mut room = Room {
        node: node.to_owned(),
        victims: Vec::new(),
        violations: 0,
    };
    let first = violating.len();
    for (at, victim) in violating.into_iter().chain(others).enumerate() {
        state.place(&victim);
        cycle.refresh(pod, state);
        if fits(state, pod, node, cycle).is_err() {
            state.remove(&victim.uid);
            cycle.refresh(pod, state);
            room.violations += usize::from(at < first);
            room.victims.push(victim);
        }
    }
    for victim in &room.victims {
        state.place(victim);
    }
    room.victims.sort_by(by_importance);
    room
}

/// Those that a disruption budget protects, and the others.
fn by_budget(state: &State, pods: Vec<Arc<Pod>>) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let mut left: Vec<i64> = state
        .budgets
        .values()
        .map(|budget| budget.allowed)
        .collect();
    pods.into_iter().partition(|pod| {
        let mut violates = false;
        for (budget, left) in state.budgets.values().zip(&mut left) {
            let selector = budget
                .selector
                .as_ref()
                .filter(|selector| !selector.is_empty());
            let about = budget.namespace == pod.namespace
                && !pod.labels.is_empty()
                && selector.is_some_and(|selector| selector.matches(&pod.labels));
            if about && !budget.disrupted.contains(&pod.name) {
                *left -= 1;
                violates |= *left < 0;
            }
        }
        violates
    })
}

impl Room {
    /// Upstream's order: broken budgets, the highest priority, their sum, how many, how young.
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |room: &Self| {
            let highest = room.victims.first().map_or(i64::MIN, |pod| pod.priority);
            let each = |pod: &Arc<Pod>| pod.priority + i64::from(i32::MAX) + 1;
            let sum: i64 = room.victims.iter().map(each).sum();
            (room.violations, highest, sum, room.victims.len())
        };
        let oldest = |room: &Self| {
            let highest = room.victims.first().map(|pod| pod.priority);
            let top = room
                .victims
                .iter()
                .filter(|pod| Some(pod.priority) == highest);
            top.map(|pod| pod.started.clone()).min().unwrap_or_default()
        };
        match rank(self).cmp(&rank(other)) {
            std::cmp::Ordering::Equal => oldest(self) > oldest(other),
            order => order.is_lt(),
        }
    }
}
