//! Which failures of pods count, and when enough has succeeded.
use super::indexes::Indexes;
use crate::views::{
    Condition, ContainerStatus, FailureRule, OnExitCodes, PodFailurePolicy, PodView, SuccessPolicy,
};

/// What a failure of a pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts.
    Count,
    /// It is as if the pod had not been there.
    Ignore,
    /// It counts, and its index has failed.
    FailIndex,
    /// It counts, and the job has failed, with this message.
    FailJob(String),
}

/// What the first rule that fits says of a failed pod; without one the failure counts.
pub(super) fn verdict(policy: Option<&PodFailurePolicy>, pod: &PodView) -> Verdict {
    let rules = policy.into_iter().flat_map(|policy| &policy.rules);
    for (at, rule) in rules.enumerate() {
        if let Some(why) = fits(rule, pod) {
            return match rule.action.as_str() {
                "Ignore" => Verdict::Ignore,
                "FailIndex" => Verdict::FailIndex,
                "FailJob" => Verdict::FailJob(why.tell(pod, at)),
                _ => Verdict::Count,
            };
        }
    }
    Verdict::Count
}

/// Why a rule fits.
enum Why<'a> {
    Exit(&'a str, i64),
    Condition(&'a str),
}

impl Why<'_> {
    fn tell(&self, pod: &PodView, at: usize) -> String {
        let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
        match self {
            Self::Exit(container, code) => format!(
                "Container {container} for pod {namespace}/{name} failed with exit code {code} matching FailJob rule at index {at}"
            ),
            Self::Condition(kind) => format!(
                "Pod {namespace}/{name} has condition {kind} matching FailJob rule at index {at}"
            ),
        }
    }
}

fn fits<'a>(rule: &FailureRule, pod: &'a PodView) -> Option<Why<'a>> {
    let status = &pod.status;
    if let Some(wanted) = &rule.on_exit_codes {
        let all = status.container_statuses.iter();
        let mut all = all.chain(&status.init_container_statuses);
        return all.find_map(|container| exit(container, wanted));
    }
    let patterns = &rule.on_pod_conditions;
    let is_named = |condition: &&Condition| {
        let mut patterns = patterns.iter();
        patterns
            .any(|pattern| pattern.r#type == condition.r#type && pattern.status == condition.status)
    };
    let found = status.conditions.iter().find(is_named)?;
    Some(Why::Condition(&found.r#type))
}

fn exit<'a>(container: &'a ContainerStatus, wanted: &OnExitCodes) -> Option<Why<'a>> {
    let code = container.state.terminated.as_ref()?.exit_code;
    let named = wanted.container_name.as_ref();
    if code == 0 || named.is_some_and(|name| *name != container.name) {
        return None;
    }
    let listed = wanted.values.contains(&code);
    let fits = match wanted.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    };
    fits.then_some(Why::Exit(&container.name, code))
}

/// Which rule says that enough indexes have succeeded, in words.
pub(super) fn is_enough(
    policy: Option<&SuccessPolicy>,
    completions: i64,
    succeeded: &Indexes,
) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let met = policy?
        .rules
        .iter()
        .position(|rule| match &rule.succeeded_indexes {
            Some(wanted) => {
                let wanted = Indexes::parse(wanted, completions);
                let common = wanted.common(succeeded);
                let enough = rule.succeeded_count.is_some_and(|count| common >= count);
                !wanted.is_empty() && (common == wanted.total() || enough)
            }
            None => rule
                .succeeded_count
                .is_some_and(|count| succeeded.total() >= count),
        });
    met.map(|at| format!("Matched rules at index {at}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> PodView {
        let mut pod = json!({ "metadata": { "namespace": "n", "name": "p" } });
        pod["status"] = status;
        serde_json::from_value(pod).unwrap()
    }

    fn exited(code: i64) -> PodView {
        pod(json!({
            "phase": "Failed",
            "containerStatuses": [
                { "name": "side", "state": { "terminated": { "exitCode": 0 } } },
                { "name": "main", "state": { "terminated": { "exitCode": code } } },
            ],
        }))
    }

    fn judge(rules: Value, pod: &PodView) -> Verdict {
        let mut policy = json!({});
        policy["rules"] = rules;
        let policy = serde_json::from_value(policy).unwrap();
        verdict(Some(&policy), pod)
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = json!([
            { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
            { "action": "FailIndex", "onExitCodes": { "operator": "In", "values": [3, 4] } },
            { "action": "Count", "onExitCodes": { "containerName": "side", "operator": "NotIn", "values": [9] } },
            { "action": "FailJob", "onExitCodes": { "containerName": "main", "operator": "NotIn", "values": [5] } },
        ]);
        assert_eq!(judge(rules.clone(), &exited(3)), Verdict::FailIndex);
        assert_eq!(judge(rules.clone(), &exited(5)), Verdict::Count);
        let text =
            "Container main for pod n/p failed with exit code 7 matching FailJob rule at index 3";
        assert_eq!(
            judge(rules.clone(), &exited(7)),
            Verdict::FailJob(text.to_owned())
        );
        let evicted = pod(json!({ "conditions": [
            { "type": "Ready", "status": "False" },
            { "type": "DisruptionTarget", "status": "True" },
        ] }));
        assert_eq!(judge(rules, &evicted), Verdict::Ignore);
        let rules = json!([{ "action": "FailJob", "onPodConditions": [{ "type": "Bad", "status": "True" }] }]);
        let bad = pod(json!({ "conditions": [{ "type": "Bad", "status": "True" }] }));
        let text = "Pod n/p has condition Bad matching FailJob rule at index 0";
        assert_eq!(
            judge(rules.clone(), &bad),
            Verdict::FailJob(text.to_owned())
        );
        assert_eq!(judge(rules, &exited(1)), Verdict::Count);
        assert_eq!(verdict(None, &exited(1)), Verdict::Count);
    }

    #[test]
    fn containers_that_still_run_have_no_exit_code() {
        let rules =
            json!([{ "action": "Ignore", "onExitCodes": { "operator": "NotIn", "values": [1] } }]);
        let runs =
            pod(json!({ "containerStatuses": [{ "name": "main", "state": { "running": {} } }] }));
        assert_eq!(judge(rules.clone(), &runs), Verdict::Count);
        let init = json!([{ "name": "init", "state": { "terminated": { "exitCode": 2 } } }]);
        let init = pod(json!({ "initContainerStatuses": init }));
        assert_eq!(judge(rules, &init), Verdict::Ignore);
    }

    #[test]
    fn enough_has_succeeded_when_a_rule_says_so() {
        let met = |rules: Value, succeeded: &str| {
            let policy = serde_json::from_value(json!({ "rules": rules })).unwrap();
            is_enough(Some(&policy), 10, &Indexes::parse(succeeded, 10))
        };
        let at = |index: usize| Some(format!("Matched rules at index {index}"));
        let leader = json!([{ "succeededIndexes": "0" }, { "succeededCount": 3 }]);
        assert_eq!(met(leader.clone(), ""), None);
        assert_eq!(met(leader.clone(), "1,2"), None);
        assert_eq!(met(leader.clone(), "0"), at(0));
        assert_eq!(met(leader, "1-3"), at(1));
        let some = json!([{ "succeededIndexes": "0-3,7", "succeededCount": 2 }]);
        assert_eq!(met(some.clone(), "3,5,6"), None);
        assert_eq!(met(some, "3,5,6,7"), at(0));
        assert_eq!(is_enough(None, 10, &Indexes::parse("0-9", 10)), None);
    }
}
