//! How many pods a metric asks for. Pure; amounts are in thousandths.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use wharf_types::Timestamp;

use crate::cluster::time::parse_rfc3339;
use crate::fields;
use crate::validation::Quantity;

/// How long after its start the CPU that a pod uses tells nothing until it is ready.
const CPU_INITIALIZATION: Duration = Duration::from_mins(5);
/// A pod that was never ready became unready within this time of its start.
const INITIAL_READINESS: Duration = Duration::from_secs(30);

const NO_METRICS: &str = "did not receive metrics for targeted pods (pods might be unready)";

/// What one pod uses of a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) milli: i64,
    pub(super) at: Timestamp,
    pub(super) window: Duration,
}

/// By the names of pods.
pub(super) type Samples = BTreeMap<String, Sample>;

/// What a metric is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// `cpu` or `memory`.
    pub(super) resource: &'a str,
    /// Empty for all of a pod.
    pub(super) container: &'a str,
    pub(super) current: i64,
    pub(super) now: Timestamp,
}

/// How many pods there should be, and what is used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) replicas: i64,
    /// In percent of what is requested.
    pub(super) utilization: Option<i64>,
    pub(super) average_milli: i64,
}

/// A proportion of what is used and what is meant to be.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    used: i64,
    target: i64,
}

impl Ratio {
    /// Changes of less than a tenth are not worth it.
    const fn is_small_change(self) -> bool {
        let used = self.used.saturating_mul(10);
        used >= self.target.saturating_mul(9) && used <= self.target.saturating_mul(11)
    }

    const fn is_up(self) -> bool {
        self.used > self.target
    }

    const fn is_down(self) -> bool {
        self.used < self.target
    }

    /// Of so many pods, rounded up.
    fn of(self, pods: usize) -> i64 {
        let pods = i64::try_from(pods).unwrap_or(i64::MAX);
        let used = i128::from(self.used) * i128::from(pods);
        let target = i128::from(self.target.max(1));
        i64::try_from((used + target - 1).div_euclid(target)).unwrap_or(i64::MAX)
    }
}

#[derive(Debug, Default)]
struct Groups {
    ready: usize,
    unready: BTreeSet<String>,
    missing: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

/// By a percentage of what the pods request.
pub(super) fn by_utilization(
    question: &Question<'_>,
    pods: &[Value],
    samples: Samples,
    target: i64,
) -> Result<Proposal, String> {
    let groups = group(question, pods, &samples)?;
    let samples = without(samples, &groups)?;
    let requests = requests(question, pods)?;
    let ratio = |samples: &Samples| utilization(samples, &requests, target);
    let (first, average_milli) = ratio(&samples)?;
    let proposal = |replicas| Proposal {
        replicas,
        utilization: Some(first.used),
        average_milli,
    };
    let fallback = |name: &str| {
        let request = requests.get(name).copied().unwrap_or(0);
        request.saturating_mul(target.max(100)) / 100
    };
    let replicas = propose(question, &groups, samples, first, fallback, |samples| {
        ratio(samples).map(|(ratio, _)| ratio)
    })?;
    Ok(proposal(replicas))
}

/// By an average of what each pod uses.
pub(super) fn by_average(
    question: &Question<'_>,
    pods: &[Value],
    samples: Samples,
    target: i64,
) -> Result<Proposal, String> {
    let groups = group(question, pods, &samples)?;
    let samples = without(samples, &groups)?;
    let ratio = |samples: &Samples| {
        let count = i64::try_from(samples.len()).unwrap_or(i64::MAX).max(1);
        let used = total(samples) / count;
        Ratio { used, target }
    };
    let first = ratio(&samples);
    let replicas = propose(
        question,
        &groups,
        samples,
        first,
        |_| target,
        |samples| Ok(ratio(samples)),
    )?;
    Ok(Proposal {
        replicas,
        utilization: None,
        average_milli: first.used,
    })
}

/// Pods of which nothing is known are counted so that they hold the change back.
fn propose(
    question: &Question<'_>,
    groups: &Groups,
    mut samples: Samples,
    first: Ratio,
    fallback: impl Fn(&str) -> i64,
    again: impl Fn(&Samples) -> Result<Ratio, String>,
) -> Result<i64, String> {
    let up_with_unready = !groups.unready.is_empty() && first.is_up();
    if !up_with_unready && groups.missing.is_empty() {
        return Ok(if first.is_small_change() {
            question.current
        } else {
            first.of(groups.ready)
        });
    }
    let mut assume = |name: &str, milli: i64| {
        let sample = Sample {
            milli,
            at: question.now,
            window: Duration::ZERO,
        };
        samples.insert(name.to_owned(), sample);
    };
    for name in &groups.missing {
        if first.is_down() {
            assume(name, fallback(name));
        } else if first.is_up() {
            assume(name, 0);
        }
    }
    if up_with_unready {
        groups.unready.iter().for_each(|name| assume(name, 0));
    }
    let new = again(&samples)?;
    let turned = (first.is_down() && new.is_up()) || (first.is_up() && new.is_down());
    if new.is_small_change() || turned {
        return Ok(question.current);
    }
    let replicas = new.of(samples.len());
    let against = (new.is_down() && replicas > question.current)
        || (new.is_up() && replicas < question.current);
    Ok(if against { question.current } else { replicas })
}

fn total(samples: &Samples) -> i64 {
    let all = samples.values().map(|sample| sample.milli);
    all.fold(0, i64::saturating_add)
}

fn utilization(
    samples: &Samples,
    requests: &BTreeMap<String, i64>,
    target: i64,
) -> Result<(Ratio, i64), String> {
    let known = samples.iter().filter_map(|(name, sample)| {
        let request = requests.get(name)?;
        Some((sample.milli, *request))
    });
    let (mut used, mut requested, mut count) = (0_i64, 0_i64, 0_i64);
    for (milli, request) in known {
        used = used.saturating_add(milli);
        requested = requested.saturating_add(request);
        count += 1;
    }
    if requested == 0 {
        return Err("no metrics returned matched known pods".to_owned());
    }
    let percent = used.saturating_mul(100) / requested;
    let ratio = Ratio {
        used: percent,
        target,
    };
    Ok((ratio, used / count.max(1)))
}

fn without(mut samples: Samples, groups: &Groups) -> Result<Samples, String> {
    samples.retain(|name, _| !groups.ignored.contains(name) && !groups.unready.contains(name));
    if samples.is_empty() {
        return Err(NO_METRICS.to_owned());
    }
    Ok(samples)
}

fn group(question: &Question<'_>, pods: &[Value], samples: &Samples) -> Result<Groups, String> {
    if pods.is_empty() {
        let text = "no pods returned by selector while calculating replica count";
        return Err(text.to_owned());
    }
    let mut groups = Groups::default();
    for pod in pods {
        let name = fields::text(&pod["metadata"], "name").to_owned();
        let phase = fields::text(&pod["status"], "phase");
        if fields::has(&pod["metadata"], "deletionTimestamp") || phase == "Failed" {
            groups.ignored.insert(name);
        } else if phase == "Pending" {
            groups.unready.insert(name);
        } else if let Some(sample) = samples.get(&name) {
            if question.resource == "cpu" && tells_nothing(pod, sample, question.now) {
                groups.unready.insert(name);
            } else {
                groups.ready += 1;
            }
        } else {
            groups.missing.insert(name);
        }
    }
    Ok(groups)
}

/// Whether the CPU that a pod used is that of its start.
fn tells_nothing(pod: &Value, sample: &Sample, now: Timestamp) -> bool {
    let status = &pod["status"];
    let ready = fields::list(status, "conditions");
    let ready = ready.iter().find(|one| one["type"] == "Ready");
    let started = parse_rfc3339(fields::text(status, "startTime"));
    let (Some(ready), Some(started)) = (ready, started) else {
        return true;
    };
    let is_unready = fields::text(ready, "status") == "False";
    let since = parse_rfc3339(fields::text(ready, "lastTransitionTime"));
    let since = since.unwrap_or(Timestamp::from_secs(0));
    if started + CPU_INITIALIZATION > now {
        is_unready || sample.at < since + sample.window
    } else {
        is_unready && started + INITIAL_READINESS > since
    }
}

/// What pods request of the resource.
fn requests(question: &Question<'_>, pods: &[Value]) -> Result<BTreeMap<String, i64>, String> {
    let one = |pod: &Value| {
        let name = fields::text(&pod["metadata"], "name").to_owned();
        Ok((name, request(question, pod)?))
    };
    pods.iter().map(one).collect()
}

fn request(question: &Question<'_>, pod: &Value) -> Result<i64, String> {
    let Question {
        resource,
        container,
        ..
    } = *question;
    let (spec, name) = (&pod["spec"], fields::text(&pod["metadata"], "name"));
    let own = &spec["resources"]["requests"];
    if container.is_empty() && fields::count(own) > 0 {
        return Quantity::of(&own[resource])
            .map(Quantity::milli)
            .map_err(|_bad| format!("missing pod-level request for {resource} in Pod {name}"));
    }
    let sidecars = fields::list(spec, "initContainers").iter();
    let sidecars = sidecars.filter(|one| fields::text(one, "restartPolicy") == "Always");
    let all = fields::list(spec, "containers").iter().chain(sidecars);
    let mut sum = 0_i64;
    for one in all {
        let called = fields::text(one, "name");
        if !container.is_empty() && container != called {
            continue;
        }
        let request = Quantity::of(&one["resources"]["requests"][resource]).map_err(|_bad| {
            format!("missing request for {resource} in container {called} of Pod {name}")
        })?;
        sum = sum.saturating_add(request.milli());
    }
    Ok(sum)
}
