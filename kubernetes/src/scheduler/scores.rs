//! Which of the nodes where a pod can go is the best.
use std::collections::{HashMap, HashSet};

use super::filters::spread_count;
use super::filters::{matches_node, selects};
use super::model::{Pod, PodTerm, Spread, Taint, Toleration};
use super::state::{NodeInfo, State};

const BEST: i64 = 100;
const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// The best node; the first of those that are as good.
pub(super) fn best<'a>(pod: &Pod, nodes: &[&'a NodeInfo], state: &State) -> Option<&'a NodeInfo> {
    if nodes.len() < 2 {
        return nodes.first().copied();
    }
    let mut sums: Vec<i64> = nodes
        .iter()
        .map(|info| least_allocated(pod, info) + balanced(pod, info))
        .collect();
    let mut add = |weight: i64, scores: Vec<i64>| {
        for (sum, score) in sums.iter_mut().zip(scores) {
            *sum += weight * score;
        }
    };
    add(3, taints(pod, nodes));
    add(2, node_affinity(pod, nodes));
    add(2, spread(pod, nodes, state));
    add(2, neighbours(pod, nodes, state));
    let mut best: Option<(i64, &'a NodeInfo)> = None;
    for (score, info) in sums.into_iter().zip(nodes) {
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, info));
        }
    }
    best.map(|(_, info)| info)
}

fn least_allocated(pod: &Pod, info: &NodeInfo) -> i64 {
    let has = &info.node.allocatable;
    let score = |used: i64, more: i64, has: i64| {
        let used = used.saturating_add(more);
        if has <= 0 || used > has {
            return 0;
        }
        i64::try_from(i128::from(has - used) * i128::from(BEST) / i128::from(has)).unwrap_or(0)
    };
    let mut scores = Vec::new();
    if has.cpu_milli > 0 {
        scores.push(score(info.counted.0, pod.counted.0, has.cpu_milli));
    }
    if has.memory > 0 {
        scores.push(score(info.counted.1, pod.counted.1, has.memory));
    }
    let count = i64::try_from(scores.len()).unwrap_or(0);
    scores.iter().sum::<i64>().checked_div(count).unwrap_or(0)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a score between 0 and 100"
)]
fn balanced(pod: &Pod, info: &NodeInfo) -> i64 {
    let (want, used, has) = (&pod.request, &info.used, &info.node.allocatable);
    if want.cpu_milli == 0 && want.memory == 0 {
        return 0;
    }
    let part = |used: i64, more: i64, has: i64| {
        (has > 0).then(|| (used.saturating_add(more) as f64 / has as f64).min(1.0))
    };
    let cpu = part(used.cpu_milli, want.cpu_milli, has.cpu_milli);
    let memory = part(used.memory, want.memory, has.memory);
    let deviation = match (cpu, memory) {
        (Some(cpu), Some(memory)) => ((cpu - memory) / 2.0).abs(),
        _ => 0.0,
    };
    ((1.0 - deviation) * BEST as f64) as i64
}

fn taints(pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64> {
    const EFFECT: &str = "PreferNoSchedule";
    let able = |one: &&Toleration| one.effect.is_empty() || one.effect == EFFECT;
    let bad = |taint: &&Taint| {
        let mut tolerations = pod.tolerations.iter().filter(able);
        taint.effect == EFFECT && !tolerations.any(|one| one.tolerates(taint))
    };
    let count = |info: &&NodeInfo| info.node.taints.iter().filter(bad).count();
    let counts = nodes.iter().map(count);
    let counts: Vec<i64> = counts.map(|n| i64::try_from(n).unwrap_or(BEST)).collect();
    let most = counts.iter().max().copied().unwrap_or(0);
    let score = |count: i64| {
        let part = (BEST * count).checked_div(most);
        part.map_or(BEST, |part| BEST - part)
    };
    counts.into_iter().map(score).collect()
}

fn node_affinity(pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64> {
    if pod.preferred_nodes.is_empty() {
        return Vec::new();
    }
    let sum = |info: &&NodeInfo| -> i64 {
        let (name, labels) = (&info.node.name, &info.node.labels);
        let wishes = pod.preferred_nodes.iter();
        let kept = wishes.filter(|(_, term)| term.matches(name, labels));
        kept.map(|(weight, _)| weight).sum()
    };
    let sums: Vec<i64> = nodes.iter().map(sum).collect();
    let most = sums.iter().max().copied().unwrap_or(0);
    let score = |sum: i64| (BEST * sum).checked_div(most).unwrap_or(0);
    sums.into_iter().map(score).collect()
}

/// How many pods a wish to spread counts, by the value of its label.
struct Wish<'a> {
    key: &'a str,
    max_skew: i64,
    constraint: Option<&'a Spread>,
    counts: HashMap<&'a str, i64>,
}

fn spread(pod: &Pod, nodes: &[&NodeInfo], state: &State) -> Vec<i64> {
    let wishes = wishes(pod, state);
    if wishes.is_empty() {
        return Vec::new();
    }
    // Only what a pod itself wishes leaves out nodes without the labels.
    let strict = !pod.spread.is_empty();
    let counts_here = |info: &NodeInfo| {
        !strict
            || wishes
                .iter()
                .all(|wish| info.node.labels.contains_key(wish.key))
    };
    let weights: Vec<f64> = wishes.iter().map(|wish| weight(wish.key, nodes)).collect();
    let score = |info: &&NodeInfo| -> Option<i64> {
        counts_here(info).then(|| {
            let all = wishes.iter().zip(&weights);
            round(
                all.map(|(wish, weight)| wish.score(pod, info, state, *weight))
                    .sum(),
            )
        })
    };
    let scores: Vec<Option<i64>> = nodes.iter().map(score).collect();
    let most = scores.iter().flatten().max().copied().unwrap_or(0);
    let least = scores.iter().flatten().min().copied().unwrap_or(0);
    let normal = |score: Option<i64>| {
        score.map_or(0, |score| {
            (BEST * (most + least - score))
                .checked_div(most)
                .unwrap_or(BEST)
        })
    };
    scores.into_iter().map(normal).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "counts of pods")]
fn round(score: f64) -> i64 {
    score.round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "counts of nodes")]
fn weight(key: &str, nodes: &[&NodeInfo]) -> f64 {
    let values: HashSet<&String> = nodes
        .iter()
        .filter_map(|info| info.node.labels.get(key))
        .collect();
    (values.len() as f64 + 2.0).ln()
}

/// What a pod wishes, or what upstream wishes for the replicas of a controller.
fn wishes<'a>(pod: &'a Pod, state: &'a State) -> Vec<Wish<'a>> {
    if pod.spread.is_empty() {
        let Some(replicas) = state.replicas(&pod.controller) else {
            return Vec::new();
        };
        let mut zones: HashMap<&str, i64> = HashMap::new();
        for (node, count) in replicas {
            let info = state.node(node);
            if let Some(zone) = info.and_then(|info| info.node.labels.get(ZONE)) {
                *zones.entry(zone).or_insert(0) += count;
            }
        }
        let wish = |key, max_skew, counts| Wish {
            key,
            max_skew,
            constraint: None,
            counts,
        };
        return vec![wish(HOSTNAME, 3, HashMap::new()), wish(ZONE, 5, zones)];
    }
    let wished = pod.spread.iter().filter(|constraint| !constraint.required);
    let wish = |constraint: &'a Spread| {
        let mut counts: HashMap<&str, i64> = HashMap::new();
        let all = state.nodes().iter().filter(|_| constraint.key != HOSTNAME);
        for info in all.filter(|info| !constraint.honor_affinity || matches_node(pod, &info.node)) {
            if let Some(value) = info.node.labels.get(&constraint.key) {
                *counts.entry(value).or_insert(0) += spread_count(pod, constraint, info);
            }
        }
        Wish {
            key: &constraint.key,
            max_skew: constraint.max_skew,
            constraint: Some(constraint),
            counts,
        }
    };
    wished.map(wish).collect()
}

impl Wish<'_> {
    #[expect(clippy::cast_precision_loss, reason = "counts of pods")]
    fn score(&self, pod: &Pod, info: &NodeInfo, state: &State, weight: f64) -> f64 {
        let Some(value) = info.node.labels.get(self.key) else {
            return 0.0;
        };
        let count = match self.constraint {
            Some(constraint) if self.key == HOSTNAME => spread_count(pod, constraint, info),
            None if self.key == HOSTNAME => {
                let here = state.replicas(&pod.controller);
                here.and_then(|nodes| nodes.get(&info.node.name))
                    .copied()
                    .unwrap_or(0)
            }
            _ => self.counts.get(value.as_str()).copied().unwrap_or(0),
        };
        count as f64 * weight + (self.max_skew - 1) as f64
    }
}

/// What a pod wishes of others, and they of it.
fn neighbours(pod: &Pod, nodes: &[&NodeInfo], state: &State) -> Vec<i64> {
    let mut points: HashMap<(&str, &str), i64> = HashMap::new();
    let mut add = |term: &PodTerm, weight: i64, other: &Pod| {
        let node = state.node(&other.node);
        if let Some((key, value)) = node.and_then(|info| info.node.labels.get_key_value(&term.key))
        {
            *points.entry((key, value)).or_insert(0) += weight;
        }
    };
    if !pod.preferred_pods.is_empty() {
        for other in state.all_placed() {
            for wish in &pod.preferred_pods {
                if selects(&wish.term, other, state) {
                    add(&wish.term, wish.weight, other);
                }
            }
        }
    }
    for other in state.choosy() {
        for wish in &other.preferred_pods {
            if selects(&wish.term, pod, state) {
                add(&wish.term, wish.weight, other);
            }
        }
        // Who must be near others counts a little for them too.
        for term in &other.affinity {
            if selects(term, pod, state) {
                add(term, 1, other);
            }
        }
    }
    if points.is_empty() {
        return Vec::new();
    }
    let sum = |info: &&NodeInfo| -> i64 {
        let here = |((key, value), _): &(&(&str, &str), &i64)| {
            info.node.labels.get(*key).is_some_and(|own| own == value)
        };
        points.iter().filter(here).map(|(_, points)| points).sum()
    };
    let sums: Vec<i64> = nodes.iter().map(sum).collect();
    let most = sums.iter().max().copied().unwrap_or(0);
    let least = sums.iter().min().copied().unwrap_or(0);
    let score = |sum: i64| {
        (BEST * (sum - least))
            .checked_div(most - least)
            .unwrap_or(0)
    };
    sums.into_iter().map(score).collect()
}
