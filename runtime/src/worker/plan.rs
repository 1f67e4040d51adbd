//! The next step of a pod: a function of what is known.
use tokio::time::Instant;

use super::pod::Pod;
use super::record::{Life, Record};
use crate::{RestartPolicy, Role};

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Make the sandbox, or see that it is still there, and fill the volumes.
    Prepare,
    /// Pull, make and start a container.
    Start(usize),
    /// Tell a container to end.
    End(usize),
    /// Nothing until something happens, or until then.
    Wait(Option<Instant>),
    /// Everything has ended that was to end.
    Stopped,
}

pub(super) fn next(pod: &Pod, now: Instant) -> Next {
    if pod.stopping {
        return end_all(pod).unwrap_or(Next::Stopped);
    }
    if is_over(pod) {
        // What is left are sidecars, which have nobody to serve any more.
        return end_all(pod).unwrap_or(Next::Wait(None));
    }
    if !pod.prepared {
        return match pod.retry {
            Some(retry) if retry > now => Next::Wait(Some(retry)),
            _ => Next::Prepare,
        };
    }
    let stale = |record: &Record| record.flags.stale && record.is_running() && !record.flags.ending;
    if let Some(at) = pod.records.iter().position(stale) {
        return Next::End(at);
    }
    let mut wakes = Wakes::default();
    if !has_begun(pod)
        && let Some(next) = initialize(pod, now, &mut wakes)
    {
        return next;
    }
    start_all(pod, now, &mut wakes)
}

/// Whether no container will ever run again, but for sidecars.
pub(super) fn is_over(pod: &Pod) -> bool {
    let policy = pod.spec.restart;
    let failed = |record: &Record| {
        let code = match &record.life {
            Life::Ended { end, .. } => end.exit_code,
            _ => 0,
        };
        record.spec.role == Role::Init && code != 0 && policy == RestartPolicy::Never
    };
    let ended =
        |record: &Record| matches!(record.life, Life::Ended { .. }) && !record.restarts(policy);
    let mut mains = pod.with(Role::Main).peekable();
    (mains.peek().is_some() && mains.all(|(_, record)| ended(record)))
        || pod.records.iter().any(failed)
}

/// Whether init containers are a thing of the past.
fn has_begun(pod: &Pod) -> bool {
    let mut mains = pod.with(Role::Main);
    mains.any(|(_, record)| record.life != Life::Absent || record.attempt > 0)
}

/// The times at which something is to be looked at again.
#[derive(Default)]
struct Wakes(Option<Instant>);

impl Wakes {
    fn add(&mut self, at: Instant) {
        self.0 = Some(self.0.map_or(at, |first| first.min(at)));
    }
}

/// Starts a container if its time has come; if not, remembers the time.
fn start(record: &Record, at: usize, pod: &Pod, now: Instant, wakes: &mut Wakes) -> Option<Next> {
    let due = record.due(pod.spec.restart, now)?;
    if due <= now {
        return Some(Next::Start(at));
    }
    wakes.add(due);
    if let Some(changes) = record.trouble.as_ref().map(super::step::changes_at)
        && changes > now
    {
        wakes.add(changes);
    }
    None
}

/// Init containers and sidecars in their order. None: all did their work, or serve.
fn initialize(pod: &Pod, now: Instant, wakes: &mut Wakes) -> Option<Next> {
    let early = |record: &Record| matches!(record.spec.role, Role::Init | Role::Sidecar);
    for (at, record) in pod.records.iter().enumerate() {
        if !early(record) {
            continue;
        }
        if let Some(next) = start(record, at, pod, now, wakes) {
            return Some(next);
        }
        let passed = match (record.spec.role, &record.life) {
            (Role::Sidecar, Life::Running { .. }) => record.flags.started && record.flags.hooked,
            (_, Life::Ended { end, .. }) => {
                end.exit_code == 0 && !record.restarts(pod.spec.restart)
            }
            _ => false,
        };
        if !passed {
            return Some(Next::Wait(wakes.0));
        }
    }
    None
}

fn start_all(pod: &Pod, now: Instant, wakes: &mut Wakes) -> Next {
    for (at, record) in pod.records.iter().enumerate() {
        if record.spec.role == Role::Init {
            continue;
        }
        if let Some(next) = start(record, at, pod, now, wakes) {
            return next;
        }
        // The containers after it wait for its hook.
        if record.is_running() && !record.flags.hooked && record.spec.role == Role::Main {
            break;
        }
    }
    Next::Wait(wakes.0)
}

/// Everything but sidecars ends at once, then sidecars one by one, the last first. None: all ended.
fn end_all(pod: &Pod) -> Option<Next> {
    let runs = |role: bool| {
        let all = pod.records.iter().enumerate();
        all.filter(move |(_, one)| one.is_running() && (one.spec.role == Role::Sidecar) == role)
    };
    let mut others = runs(false).peekable();
    if others.peek().is_some() {
        let untold = others.find(|(_, record)| !record.flags.ending);
        return Some(untold.map_or(Next::Wait(None), |(at, _)| Next::End(at)));
    }
    let (at, record) = runs(true).next_back()?;
    Some(if record.flags.ending {
        Next::Wait(None)
    } else {
        Next::End(at)
    })
}
