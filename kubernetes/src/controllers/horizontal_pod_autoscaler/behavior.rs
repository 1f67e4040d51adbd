//! How fast the number of pods may change: limits, stabilization, policies. Pure but for what is
//! remembered of the past.
use std::time::Duration;

use wharf_types::Timestamp;

use crate::views::{AutoscalerSpec, Behavior, ScalingRules};

/// Before fewer pods are wanted, this is how long more must not have been.
const DOWN_WINDOW: Duration = Duration::from_mins(5);

/// Without rules the number may double, or become this.
const LEAST_UP: i64 = 4;

/// What a reason of a condition is told with.
pub(super) type Told = (&'static str, &'static str);

const READY: Told = ("ReadyForNewScale", "recommended size matches current size");
const DOWN_STABILIZED: Told = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);
const UP_STABILIZED: Told = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const WITHIN: Told = (
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
);
const TOO_FEW: Told = (
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
);
const TOO_MANY: Told = (
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
);
const UP_LIMIT: Told = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
);
const DOWN_LIMIT: Told = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
);

/// What happened to an autoscaler's target. Bounded by time: older entries are forgotten, and each look
/// adds one.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    recommended: Vec<(Timestamp, i64)>,
    added: Vec<(Timestamp, i64)>,
    removed: Vec<(Timestamp, i64)>,
}

/// How many pods there may be, and what is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Normal {
    pub(super) replicas: i64,
    /// Of `AbleToScale`.
    pub(super) able: Told,
    /// Of `ScalingLimited`, and whether it is.
    pub(super) limited: (bool, Told),
}

impl History {
    /// What there is at the first look is what was wanted before.
    pub(super) fn begin(&mut self, current: i64, now: Timestamp) {
        if self.recommended.is_empty() {
            self.recommended.push((now, current));
        }
    }

    /// The number was changed.
    pub(super) fn scaled(&mut self, from: i64, to: i64, now: Timestamp) {
        let change = to - from;
        let events = if change > 0 {
            &mut self.added
        } else {
            &mut self.removed
        };
        events.push((now, change.abs()));
    }

    /// What may become of a wish.
    pub(super) fn normalize(
        &mut self,
        spec: &AutoscalerSpec,
        current: i64,
        wanted: i64,
        now: Timestamp,
    ) -> Normal {
        let (stable, told) = match &spec.behavior {
            None => self.stabilize(wanted, now),
            Some(behavior) => self.stabilize_by(behavior, current, wanted, now),
        };
        let able = if stable == wanted { READY } else { told };
        let (replicas, why) = match &spec.behavior {
            None => limit(spec, current, stable),
            Some(behavior) => self.limit_by(spec, behavior, current, stable, now),
        };
        Normal {
            replicas,
            able,
            limited: (replicas != stable, why),
        }
    }

    fn recommend(&mut self, wanted: i64, window: Duration, now: Timestamp) {
        self.recommended.retain(|(at, _)| *at + window >= now);
        self.recommended.push((now, wanted));
    }

    fn stabilize(&mut self, wanted: i64, now: Timestamp) -> (i64, Told) {
        let recent = self
            .recommended
            .iter()
            .filter(|(at, _)| *at + DOWN_WINDOW >= now);
        let most = recent.map(|(_, of)| *of).fold(wanted, i64::max);
        self.recommend(wanted, DOWN_WINDOW, now);
        (most, DOWN_STABILIZED)
    }

    fn stabilize_by(
        &mut self,
        behavior: &Behavior,
        current: i64,
        wanted: i64,
        now: Timestamp,
    ) -> (i64, Told) {
        let window = |rules: &ScalingRules, default: Duration| {
            let secs = rules.stabilization_window_seconds;
            secs.map_or(default, Duration::from_secs)
        };
        let up = window(&behavior.scale_up, Duration::ZERO);
        let down = window(&behavior.scale_down, DOWN_WINDOW);
        let within = |window: Duration| {
            let all = self.recommended.iter();
            all.filter(move |(at, _)| *at + window > now)
                .map(|(_, of)| *of)
        };
        let lowest = within(up).fold(wanted, i64::min);
        let highest = within(down).fold(wanted, i64::max);
        let stable = current.max(lowest).min(highest);
        self.recommend(wanted, up.max(down), now);
        let told = if wanted >= current {
            UP_STABILIZED
        } else {
            DOWN_STABILIZED
        };
        (stable, told)
    }

    fn limit_by(
        &mut self,
        spec: &AutoscalerSpec,
        behavior: &Behavior,
        current: i64,
        wanted: i64,
        now: Timestamp,
    ) -> (i64, Told) {
        let Behavior {
            scale_up,
            scale_down,
        } = behavior;
        let policies = scale_up.policies.iter().chain(&scale_down.policies);
        let longest = policies.map(|policy| policy.period_seconds).max();
        let longest = Duration::from_secs(longest.unwrap_or(0));
        for events in [&mut self.added, &mut self.removed] {
            events.retain(|(at, _)| *at + longest >= now);
        }
        if wanted > current {
            let most = self.bound(scale_up, current, true, now).max(current);
            let (most, told) = if spec.max_replicas > most {
                (most, UP_LIMIT)
            } else {
                (spec.max_replicas, TOO_MANY)
            };
            if wanted > most {
                return (most, told);
            }
        } else if wanted < current {
            let least = self.bound(scale_down, current, false, now).min(current);
            let min = spec.min_replicas.unwrap_or(1);
            let (least, told) = if min < least {
                (least, DOWN_LIMIT)
            } else {
                (min, TOO_FEW)
            };
            if wanted < least {
                return (least, told);
            }
        }
        (wanted, WITHIN)
    }

    /// The number to which rules let it go up, or down.
    fn bound(&self, rules: &ScalingRules, current: i64, is_up: bool, now: Timestamp) -> i64 {
        if rules.select_policy == "Disabled" {
            return current;
        }
        let changed = |events: &[(Timestamp, i64)], period: Duration| {
            let recent = events.iter().filter(|(at, _)| *at + period > now);
            recent.map(|(_, of)| *of).fold(0, i64::saturating_add)
        };
        let all = rules.policies.iter().map(|policy| {
            let period = Duration::from_secs(policy.period_seconds);
            let start = current - changed(&self.added, period) + changed(&self.removed, period);
            let sign = if is_up { 1 } else { -1 };
            if policy.r#type == "Pods" {
                return start.saturating_add(sign * policy.value);
            }
            let part = start.saturating_mul((100 + sign * policy.value).max(0));
            // Up is rounded up, or it might never go up.
            if is_up {
                part.saturating_add(99) / 100
            } else {
                part / 100
            }
        });
        // The largest change by default; up that is the largest number, down the smallest.
        let smallest_change = rules.select_policy == "Min";
        let found = if smallest_change == is_up {
            all.min()
        } else {
            all.max()
        };
        found.unwrap_or(current)
    }
}

fn limit(spec: &AutoscalerSpec, current: i64, wanted: i64) -> (i64, Told) {
    let fastest = current.saturating_mul(2).max(LEAST_UP);
    let (most, told) = if spec.max_replicas > fastest {
        (fastest, UP_LIMIT)
    } else {
        (spec.max_replicas, TOO_MANY)
    };
    let least = spec.min_replicas.unwrap_or(1);
    if wanted < least {
        (least, TOO_FEW)
    } else if wanted > most {
        (most, told)
    } else {
        (wanted, WITHIN)
    }
}
