//! What a deployment writes into annotations: revisions, and the sizes it had.
use crate::controllers::amount::{rounded_down, rounded_up};
use crate::views::{DeploymentView, ReplicaSetView};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// Annotations of the deployment that its replica sets do not get.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// How long the list of earlier revisions may get.
const HISTORY_MAX_CHARS: usize = 2000;

/// How far a rollout may go from the number of replicas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub rolling: bool,
    /// How many the deployment asks for.
    desired: i64,
    pub surge: i64,
    pub unavailable: i64,
}

impl Limits {
    pub(super) fn of(spec: &crate::views::DeploymentSpec) -> Self {
        let desired = spec.replicas;
        let rolling = spec.strategy.r#type == "RollingUpdate";
        if !rolling {
            return Self {
                rolling,
                desired,
                surge: 0,
                unavailable: 0,
            };
        }
        let rolling_update = &spec.strategy.rolling_update;
        let surge = rounded_up(&rolling_update.max_surge, desired);
        let mut unavailable = rounded_down(&rolling_update.max_unavailable, desired);
        if surge == 0 && unavailable == 0 {
            // Both may be rounded to nothing, and then nothing could ever move.
            unavailable = 1;
        }
        Self {
            rolling,
            desired,
            surge,
            unavailable: unavailable.min(desired),
        }
    }
}

/// The revision of a replica set.
pub(super) fn of(set: &ReplicaSetView) -> Option<i64> {
    set.metadata.annotations.get(REVISION)?.parse().ok()
}

/// The revision after those of old sets.
pub(super) fn next(old: &[ReplicaSetView]) -> i64 {
    let latest = old.iter().filter_map(of).max().unwrap_or(0);
    latest.max(0).saturating_add(1)
}

fn size(set: &ReplicaSetView, key: &str) -> Option<i64> {
    let size: i32 = set.metadata.annotations.get(key)?.parse().ok()?;
    (size >= 0).then_some(i64::from(size))
}

/// How many replicas the deployment asked for when the set was last resized.
pub(super) fn desired(set: &ReplicaSetView) -> Option<i64> {
    size(set, DESIRED)
}

/// How many pods it might have had then.
pub(super) fn max_replicas(set: &ReplicaSetView) -> Option<i64> {
    size(set, MAX)
}

/// Notes the sizes of which a set is a part.
pub(super) fn note_sizes(set: &mut ReplicaSetView, limits: &Limits) {
    let annotations = &mut set.metadata.annotations;
    annotations.insert(DESIRED.to_owned(), limits.desired.to_string());
    let max = limits.desired + limits.surge;
    annotations.insert(MAX.to_owned(), max.to_string());
}

/// Copies the deployment's annotations to its new set and moves the set to a revision, if that is
/// later than its own.
pub(super) fn annotate(set: &mut ReplicaSetView, deployment: &DeploymentView, revision: i64) {
    let annotations = &mut set.metadata.annotations;
    for (key, value) in &deployment.metadata.annotations {
        if !OWN.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    let old = annotations.get(REVISION).cloned();
    let known: i64 = match old.as_deref() {
        None | Some("") => 0,
        Some(text) => match text.parse() {
            Ok(known) => known,
            // Somebody else's idea of a revision is left alone.
            Err(_no_number) => return,
        },
    };
    if known >= revision {
        return;
    }
    annotations.insert(REVISION.to_owned(), revision.to_string());
    let Some(old) = old else { return };
    let history = annotations.get(HISTORY).map_or("", String::as_str);
    if let Some(longer) = append(history, &old) {
        annotations.insert(HISTORY.to_owned(), longer);
    }
}

/// A revision at the end of a list; the first ones go if it gets too long.
fn append(history: &str, revision: &str) -> Option<String> {
    if history.is_empty() {
        return Some(revision.to_owned());
    }
    let mut revisions: Vec<&str> = history.split(',').collect();
    let mut length = history.len() + 1 + revision.len();
    let mut start = 0;
    while length > HISTORY_MAX_CHARS && start < revisions.len() {
        length -= revisions.get(start).map_or(0, |text| text.len()) + 1;
        start += 1;
    }
    revisions.drain(..start);
    revisions.push(revision);
    (length <= HISTORY_MAX_CHARS).then(|| revisions.join(","))
}
