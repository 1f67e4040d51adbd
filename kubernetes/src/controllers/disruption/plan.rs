//! How many of the pods of a budget may go, as a function of what there is.
use std::time::Duration;

use serde_json::{Map, Value, json};
use wharf_types::Timestamp;

use crate::cluster::time::{parse_rfc3339, rfc3339};
use crate::controllers::amount::rounded_up;
use crate::fields;

/// How long a pod whose eviction was allowed is counted as gone although it is still there.
const PATIENCE: Duration = Duration::from_mins(2);

/// A pod that a budget selects.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) ready: bool,
    pub(super) deleting: bool,
}

/// The status of a budget. `scale` is how many pods their controllers want, or why that is not known.
pub(super) fn status(
    budget: &Value,
    pods: &[Counted],
    scale: Result<i64, String>,
    now: Timestamp,
) -> Value {
    let (spec, old) = (&budget["spec"], &budget["status"]);
    let generation = &budget["metadata"]["generation"];
    let counted = count(spec, i64::try_from(pods.len()).unwrap_or(i64::MAX), scale);
    let (expected, desired) = match counted {
        Ok(counted) => counted,
        Err(why) => {
            let mut status = old.clone();
            status["disruptionsAllowed"] = 0.into();
            status["observedGeneration"] = generation.clone();
            set_condition(&mut status, "False", "SyncFailed", &why, generation, now);
            return status;
        }
    };
    let disrupted = still_disrupted(old, pods, now);
    let healthy = pods
        .iter()
        .filter(|pod| pod.ready && !pod.deleting && !disrupted.contains_key(&pod.name))
        .count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    let mut status = json!({
        "conditions": old["conditions"].as_array().cloned().unwrap_or_default(),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": generation,
    });
    if !disrupted.is_empty() {
        status["disruptedPods"] = disrupted.into();
    }
    let (state, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    set_condition(&mut status, state, reason, "", generation, now);
    status
}

/// How many pods there should be, and how many of them must be well.
fn count(spec: &Value, pods: i64, scale: Result<i64, String>) -> Result<(i64, i64), String> {
    let (most, least) = (&spec["maxUnavailable"], &spec["minAvailable"]);
    if !most.is_null() {
        let expected = scale?;
        let desired = (expected - rounded_up(most, expected)).max(0);
        return Ok((expected, desired));
    }
    if let Some(least) = least.as_i64() {
        return Ok((pods, least));
    }
    if least.is_null() {
        return Ok((pods, 0));
    }
    let expected = scale?;
    Ok((expected, rounded_up(least, expected)))
}

/// Pods that may go and are not seen to go yet.
fn still_disrupted(old: &Value, pods: &[Counted], now: Timestamp) -> Map<String, Value> {
    let entries = fields::entries(old, "disruptedPods");
    let kept = entries.filter(|(name, at)| {
        let here = pods.iter().any(|pod| pod.name == *name && !pod.deleting);
        let at = at.as_str().and_then(parse_rfc3339);
        here && at.is_some_and(|at| now.since(at) < PATIENCE)
    });
    kept.map(|(name, at)| (name.to_owned(), at.clone()))
        .collect()
}

/// When the status has to be looked at again although nothing changes.
pub(super) fn look_again(status: &Value) -> Option<Duration> {
    (fields::count(&status["disruptedPods"]) > 0).then_some(PATIENCE)
}

fn set_condition(
    status: &mut Value,
    state: &str,
    reason: &str,
    message: &str,
    generation: &Value,
    now: Timestamp,
) {
    const KIND: &str = "DisruptionAllowed";
    let mut all = status["conditions"].as_array().cloned().unwrap_or_default();
    let old = all.iter().find(|one| one["type"] == KIND);
    let since = old.filter(|old| old["status"] == state);
    let since = since.map_or_else(
        || rfc3339(now).into(),
        |old| old["lastTransitionTime"].clone(),
    );
    let condition = json!({
        "type": KIND,
        "status": state,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    });
    match all.iter_mut().find(|one| one["type"] == KIND) {
        Some(old) => *old = condition,
        None => all.push(condition),
    }
    status["conditions"] = all.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn pods(ready: usize, all: usize) -> Vec<Counted> {
        let pod = |at: usize| Counted {
            name: format!("p{at}"),
            ready: at < ready,
            deleting: false,
        };
        (0..all).map(pod).collect()
    }

    fn budget(spec: &Value) -> Value {
        json!({ "metadata": { "generation": 1 }, "spec": spec })
    }

    fn numbers(status: &Value) -> (i64, i64, i64, i64) {
        let number = |name: &str| status[name].as_i64().unwrap();
        (
            number("expectedPods"),
            number("desiredHealthy"),
            number("currentHealthy"),
            number("disruptionsAllowed"),
        )
    }

    #[test]
    fn a_number_of_pods_stays_available() {
        let of = |least: Value, ready, all, scale| {
            let budget = budget(&json!({ "minAvailable": least }));
            numbers(&status(&budget, &pods(ready, all), Ok(scale), NOW))
        };
        assert_eq!(of(json!(1), 2, 2, 2), (2, 1, 2, 1));
        assert_eq!(of(json!(2), 2, 2, 2), (2, 2, 2, 0));
        assert_eq!(of(json!(2), 1, 2, 2), (2, 2, 1, 0));
        // Shares are of what the controllers want, rounded up.
        assert_eq!(of(json!("50%"), 3, 3, 3), (3, 2, 3, 1));
        assert_eq!(of(json!(1), 0, 0, 0), (0, 1, 0, 0));
    }

    #[test]
    fn so_many_may_be_unavailable() {
        let of = |most: Value, ready, all, scale| {
            let budget = budget(&json!({ "maxUnavailable": most }));
            numbers(&status(&budget, &pods(ready, all), Ok(scale), NOW))
        };
        assert_eq!(of(json!(1), 2, 2, 2), (2, 1, 2, 1));
        assert_eq!(of(json!("30%"), 7, 7, 7), (7, 4, 7, 3));
        assert_eq!(of(json!(0), 2, 2, 2), (2, 2, 2, 0));
    }

    #[test]
    fn an_allowed_eviction_counts_until_it_is_seen() {
        let mut budget = budget(&json!({ "minAvailable": 1 }));
        budget["status"] = json!({ "disruptedPods": { "p0": rfc3339(NOW), "gone": rfc3339(NOW) } });
        let first = status(&budget, &pods(2, 2), Ok(2), NOW);
        assert_eq!(numbers(&first), (2, 1, 1, 0));
        assert_eq!(first["disruptedPods"].as_object().unwrap().len(), 1);
        assert!(look_again(&first).is_some());
        let later = status(&budget, &pods(2, 2), Ok(2), NOW + PATIENCE);
        assert_eq!(numbers(&later), (2, 1, 2, 1));
        assert!(later["disruptedPods"].is_null());
    }

    #[test]
    fn nothing_may_go_while_the_scale_is_not_known() {
        let budget = budget(&json!({ "maxUnavailable": 1 }));
        let failed = status(
            &budget,
            &pods(2, 2),
            Err("found no controller ref for pod \"p\"".into()),
            NOW,
        );
        assert_eq!(failed["disruptionsAllowed"], 0);
        assert_eq!(failed["conditions"][0]["reason"], "SyncFailed");
    }
}
