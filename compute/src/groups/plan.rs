//! What a group has to do: a pure function of what is wanted, what is seen, and the time.
use std::collections::BTreeMap;

use wharf_types::Timestamp;

use super::{Group, Member, Outcome, Stage};
use crate::instances::State;

/// What is seen of a group's instances. One that is not there is gone.
pub(crate) type Observed = BTreeMap<String, State>;

/// Why a member has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// There are more than desired.
    Excess,
    Unhealthy,
    /// A hook of its launch was abandoned.
    Abandoned,
    /// The group is deleted.
    Deleted,
}

/// One step towards what is wanted. Each is harmless a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The instance runs, stopped, or is gone: what the group has to know.
    MarkUnhealthy(String),
    /// Hold it with the hooks of its transition.
    Hold(String),
    /// Go on from a wait.
    Proceed(String),
    /// It is ready.
    Serve(String),
    /// It has to go.
    Leave(String, Why),
    /// Nothing holds it any more: end the instance.
    ShutDown(String),
    /// The instance is gone.
    Forget(String),
    /// Launch one in a zone.
    Launch { zone: String, rebalancing: bool },
    /// It is no more than the others: the one that it came for has gone.
    Settle(String),
    /// Nothing is left of a group that was deleted.
    Vanish,
}

/// The steps that are due.
pub(crate) fn plan(group: &Group, observed: &Observed, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    // Those that count once the steps are taken.
    let mut active: Vec<&Member> = Vec::new();
    for member in &group.members {
        let step = of_member(group, member, observed.get(&member.id).copied(), now);
        let leaves = matches!(step, Some(Step::Leave(..) | Step::Forget(_)));
        if member.is_active() && !leaves {
            active.push(member);
        }
        steps.extend(step);
    }
    if group.deleting {
        if group.members.is_empty() {
            steps.push(Step::Vanish);
        }
        return steps;
    }
    capacity(group, &active, now, &mut steps);
    steps
}

/// What is due for one member.
fn of_member(group: &Group, member: &Member, seen: Option<State>, now: Timestamp) -> Option<Step> {
    let id = || member.id.clone();
    let gone = seen.is_none_or(State::is_gone);
    if group.deleting && !member.stage.is_leaving() {
        return Some(Step::Leave(id(), Why::Deleted));
    }
    match member.stage {
        Stage::Pending if gone => Some(Step::Leave(id(), Why::Unhealthy)),
        Stage::Pending if seen != Some(State::Running) => None,
        Stage::Pending if group.hooks.iter().any(|hook| hook.launching) => Some(Step::Hold(id())),
        Stage::Pending => Some(Step::Serve(id())),
        Stage::PendingWait | Stage::PendingProceed if gone => {
            Some(Step::Leave(id(), Why::Unhealthy))
        }
        Stage::PendingWait => match outcome(member, now)? {
            Outcome::Continue => Some(Step::Proceed(id())),
            Outcome::Abandon => Some(Step::Leave(id(), Why::Abandoned)),
        },
        Stage::PendingProceed => Some(Step::Serve(id())),
        Stage::InService => in_service(group, member, seen),
        // It is not watched, and not replaced; only what is gone for good is.
        Stage::Standby if gone => Some(Step::Leave(id(), Why::Unhealthy)),
        Stage::Standby => None,
        Stage::Terminating if !gone && group.hooks.iter().any(|hook| !hook.launching) => {
            Some(Step::Hold(id()))
        }
        Stage::Terminating => Some(Step::Proceed(id())),
        Stage::TerminatingWait if gone => Some(Step::Proceed(id())),
        // Both outcomes end the instance: one skips the hooks that are left.
        Stage::TerminatingWait => outcome(member, now).map(|_either| Step::Proceed(id())),
        Stage::TerminatingProceed if gone => Some(Step::Forget(id())),
        Stage::TerminatingProceed => Some(Step::ShutDown(id())),
    }
}

fn in_service(group: &Group, member: &Member, seen: Option<State>) -> Option<Step> {
    let runs = seen.is_some_and(State::is_alive);
    if member.healthy {
        let checked = !group.is_suspended("HealthCheck");
        return (!runs && checked).then(|| Step::MarkUnhealthy(member.id.clone()));
    }
    let replaced = !group.is_suspended("ReplaceUnhealthy") && !group.is_suspended("Terminate");
    replaced.then(|| Step::Leave(member.id.clone(), Why::Unhealthy))
}

/// How the actions of a member end together: abandoned if one is, else once all are.
fn outcome(member: &Member, now: Timestamp) -> Option<Outcome> {
    let ends: Vec<_> = member.actions.iter().map(|a| a.outcome(now)).collect();
    if ends.contains(&Some(Outcome::Abandon)) {
        return Some(Outcome::Abandon);
    }
    ends.iter()
        .all(Option::is_some)
        .then_some(Outcome::Continue)
}

/// Too few, too many, or enough and badly spread.
fn capacity(group: &Group, active: &[&Member], now: Timestamp, steps: &mut Vec<Step>) {
    let desired = group.desired as usize;
    let mut spread = spread(group, active);
    if active.len() < desired {
        if group.is_suspended("Launch") || now.as_ms() < group.retry_ms {
            return;
        }
        for _ in active.len()..desired {
            let Some(zone) = emptiest(group, &spread) else {
                return;
            };
            if let Some(count) = spread.get_mut(&zone) {
                *count += 1;
            }
            steps.push(Step::Launch {
                zone,
                rebalancing: false,
            });
        }
        return;
    }
    // One that came to balance the zones counts once it is in service.
    let coming = active
        .iter()
        .filter(|m| m.rebalancing && m.stage.is_coming())
        .count();
    let excess = (active.len() - desired).saturating_sub(coming);
    if excess > 0 {
        if !group.is_suspended("Terminate") {
            leave(group, active, excess, &mut spread, steps);
        }
        return;
    }
    if coming > 0 || active.len() > desired {
        return;
    }
    let settled = active.iter().filter(|m| m.rebalancing);
    steps.extend(settled.map(|member| Step::Settle(member.id.clone())));
    rebalance(group, active, &spread, now, steps);
}

/// How many count in each zone, those of the group's own included that have none.
fn spread(group: &Group, active: &[&Member]) -> BTreeMap<String, usize> {
    let mut spread: BTreeMap<String, usize> =
        group.zones.iter().map(|zone| (zone.clone(), 0)).collect();
    for member in active {
        *spread.entry(member.zone.clone()).or_default() += 1;
    }
    spread
}

/// The zone of the group with the fewest instances.
fn emptiest(group: &Group, spread: &BTreeMap<String, usize>) -> Option<String> {
    let count = |zone: &&String| spread.get(*zone).copied().unwrap_or_default();
    group.zones.iter().min_by_key(count).cloned()
}

/// Whether a member may be taken to make the group smaller.
fn may_leave(member: &Member) -> bool {
    !member.protected
}

/// Picks those that have to go, one after another from the fullest zone.
fn leave(
    group: &Group,
    active: &[&Member],
    excess: usize,
    spread: &mut BTreeMap<String, usize>,
    steps: &mut Vec<Step>,
) {
    let mut left: Vec<&Member> = active.iter().copied().filter(|m| may_leave(m)).collect();
    for _ in 0..excess {
        let fullest = left
            .iter()
            .map(|m| {
                // A zone that is not of the group is emptied first.
                let foreign = !group.zones.contains(&m.zone);
                let count = spread.get(&m.zone).copied().unwrap_or_default();
                (foreign, count)
            })
            .max();
        let Some(fullest) = fullest else {
            return;
        };
        let of_fullest = left.iter().enumerate().filter(|(_, m)| {
            let count = spread.get(&m.zone).copied().unwrap_or_default();
            (!group.zones.contains(&m.zone), count) == fullest
        });
        let picked = of_fullest.min_by_key(|(_, m)| rank(group, m));
        let Some((index, _)) = picked else {
            return;
        };
        let member = left.remove(index);
        if let Some(count) = spread.get_mut(&member.zone) {
            *count -= 1;
        }
        steps.push(Step::Leave(member.id.clone(), Why::Excess));
    }
}

/// The place of a member among those of a zone: the lowest goes first.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html>
fn rank<'a>(group: &Group, member: &'a Member) -> (Vec<i64>, i64, &'a str) {
    let launched = member.launched_ms;
    let version = member
        .template
        .as_ref()
        .map_or(-1, |t| i64::try_from(t.version).unwrap_or(i64::MAX));
    // Instances with a launch configuration go before those with a template.
    let configured = i64::from(member.template.is_some());
    let mut ranks = Vec::new();
    for policy in &group.termination_policies {
        match policy.as_str() {
            "OldestInstance" => ranks.push(launched),
            "NewestInstance" => ranks.push(-launched),
            "OldestLaunchConfiguration" => ranks.push(configured),
            "OldestLaunchTemplate" => ranks.push(version),
            "Default" => ranks.extend([configured, version]),
            // The others prefer none here: there are no prices and no hours.
            _ => {}
        }
    }
    (ranks, launched, &member.id)
}

/// Launches one where there are two fewer than elsewhere, if one elsewhere may go for it.
fn rebalance(
    group: &Group,
    active: &[&Member],
    spread: &BTreeMap<String, usize>,
    now: Timestamp,
    steps: &mut Vec<Step>,
) {
    let suspended = ["AZRebalance", "Launch", "Terminate"];
    if suspended.iter().any(|process| group.is_suspended(process)) || now.as_ms() < group.retry_ms {
        return;
    }
    let Some(zone) = emptiest(group, spread) else {
        return;
    };
    let fewest = spread.get(&zone).copied().unwrap_or_default();
    let unfair = |m: &&&Member| {
        let count = spread.get(&m.zone).copied().unwrap_or_default();
        may_leave(m) && (count > fewest + 1 || !group.zones.contains(&m.zone))
    };
    if active.iter().any(|m| unfair(&m)) {
        steps.push(Step::Launch {
            zone,
            rebalancing: true,
        });
    }
}
