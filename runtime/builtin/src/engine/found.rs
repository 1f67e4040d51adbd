//! What the directories of pods say of their containers.
use std::path::Path;

use wharf_runtime::engine::{Exit, FoundContainer, Phase};
use wharf_types::Timestamp;

use super::read_json;
use crate::time;
use crate::wire::{Plan, State};

pub(super) fn containers(pod: &Path) -> Vec<FoundContainer> {
    let entries = std::fs::read_dir(pod.join("containers"))
        .into_iter()
        .flatten();
    entries
        .flatten()
        .filter_map(|entry| container(&entry.path()))
        .collect()
}

pub(super) fn container(folder: &Path) -> Option<FoundContainer> {
    let plan: Plan = read_json(&folder.join("plan.json")).ok()?;
    let state: State = read_json(&folder.join("state.json")).ok()?;
    Some(FoundContainer {
        id: plan.id,
        pod: plan.pod,
        name: plan.name,
        attempt: plan.attempt,
        image_digest: plan.image_digest,
        phase: match state {
            State::Created => Phase::Created,
            State::Running { since_ms } => Phase::Running {
                since: Timestamp::from_ms(since_ms),
            },
            State::Ended {
                code,
                oom_killed,
                started_ms,
                finished_ms,
                problem,
            } => Phase::Ended(Exit {
                code,
                oom_killed,
                started: Timestamp::from_ms(started_ms),
                finished: Timestamp::from_ms(finished_ms),
                problem,
            }),
        },
    })
}

/// Its shim is gone, and with that everything in it.
pub(super) fn lose(container: &mut FoundContainer) {
    if let Phase::Running { since } = container.phase {
        container.phase = Phase::Ended(Exit {
            code: 137,
            oom_killed: false,
            started: since,
            finished: Timestamp::from_ms(time::now_ms()),
            problem: None,
        });
    }
}
