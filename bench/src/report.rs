//! What was measured, as a table, as JSON, and beside the targets.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Options;
use crate::memory::Memory;
use crate::server::Kind;

/// A push of 1 GiB costs the server at most this much CPU time,
const PUSH_CPU_S_PER_GIB: f64 = 1.8;
/// and at most this many times what the bare loop takes.
const PUSH_TO_BARE: f64 = 1.15;
/// So much for a pull,
const PULL_CPU_S_PER_GIB: f64 = 0.4;
/// and so much wall time until a server on an empty directory answers.
const READY_MS: f64 = 50.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Push,
    Pull,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }
}

/// One blob, one way.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Transfer {
    pub(crate) server: Kind,
    pub(crate) what: What,
    pub(crate) wall_s: f64,
    /// CPU time of the server.
    pub(crate) cpu_s: f64,
    pub(crate) bytes: u64,
}

impl Transfer {
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    fn gib(&self) -> f64 {
        self.bytes as f64 / GIB
    }

    fn cpu_s_per_gib(&self) -> f64 {
        self.cpu_s / self.gib()
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            wall_s,
            cpu_s,
            ..
        } = self;
        write!(f, "{} {wall_s:.2} s, server CPU {cpu_s:.2} s", what.name())
    }
}

/// What a figure is to keep to.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// A target, and what was measured.
#[derive(Debug, Serialize)]
struct Target {
    name: &'static str,
    measured: f64,
    #[serde(flatten)]
    bound: Bound,
}

impl Target {
    fn missed(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.measured > most,
            Bound::AtLeast(least) => self.measured < least,
        }
    }
}

/// Something of a cluster or of pods that was measured; some have a target.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) measured: f64,
    #[serde(flatten)]
    pub(crate) bound: Option<Bound>,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    transfers: Vec<Transfer>,
    ready_ms: Vec<(Kind, f64)>,
    memory: Option<Memory>,
    cluster: Vec<Row>,
    pods: Vec<Row>,
}

impl Report {
    pub(crate) fn transfer(&mut self, transfer: Transfer) {
        self.transfers.push(transfer);
    }

    pub(crate) fn ready(&mut self, kind: Kind, after: Duration) {
        self.ready_ms.push((kind, after.as_secs_f64() * 1000.0));
    }

    pub(crate) fn memory(&mut self, memory: Memory) {
        self.memory = Some(memory);
    }

    pub(crate) fn cluster(&mut self, row: Row) {
        self.cluster.push(row);
    }

    pub(crate) fn pods(&mut self, row: Row) {
        self.pods.push(row);
    }

    pub(crate) fn missed(&self) -> usize {
        self.targets()
            .iter()
            .filter(|target| target.missed())
            .count()
    }

    pub(crate) fn json(&self, options: &Options) -> Result<Value> {
        Ok(json!({
            "machine": machine(),
            "options": options,
            "transfers": self.transfers,
            "ready_ms": self.ready_ms,
            "memory": self.memory,
            "cluster": self.cluster,
            "pods": self.pods,
            "targets": serde_json::to_value(self.targets())?,
        }))
    }

    pub(crate) fn print(&self) {
        println!("{}\n", machine());
        for what in [What::Push, What::Pull] {
            self.print_transfers(what);
        }
        for kind in distinct(self.ready_ms.iter().map(|(kind, _)| *kind)) {
            if let Some(ms) = self.ready_median(kind) {
                println!(
                    "ready on an empty directory, {:<16} {ms:>7.1} ms",
                    kind.name()
                );
            }
        }
        if let Some(memory) = &self.memory {
            let limit = memory
                .limit_mib
                .map_or("no limit".to_owned(), |mib| format!("{mib} MiB"));
            println!(
                "peak RSS: {:.1} MiB after one push of {} MiB, {:.1} MiB after {} at once \
                 (limit {limit}, killed {} times, {:.1} s)",
                memory.peak_rss_one_mib,
                memory.size_mib,
                memory.peak_rss_parallel_mib,
                memory.parallel,
                memory.oom_kills,
                memory.wall_s
            );
        }
        for row in self.cluster.iter().chain(&self.pods) {
            println!("{:<56} {:>9.1}", row.name, row.measured);
        }
        println!();
        for target in self.targets() {
            let verdict = if target.missed() { "MISSED" } else { "ok" };
            let Target {
                name,
                measured,
                bound,
            } = target;
            println!("{name:<56} {measured:>8.2}  ({bound}) {verdict}");
        }
    }

    fn print_transfers(&self, what: What) {
        let of = |transfer: &&Transfer| transfer.what == what;
        let kinds = distinct(
            self.transfers
                .iter()
                .filter(of)
                .map(|transfer| transfer.server),
        );
        if kinds.is_empty() {
            return;
        }
        let bare = self.cpu(Kind::Bare, what);
        println!(
            "{:<18} {:>7} {:>10} {:>8} {:>8}",
            what.name(),
            "MiB/s",
            "CPU s/GiB",
            "least",
            "× bare"
        );
        for kind in kinds {
            let (Some(cpu), Some(wall)) = (self.cpu(kind, what), self.wall(kind, what)) else {
                continue;
            };
            // Where the least is far below the median, runs differ, or the machine is busy.
            let all = self.values(kind, what, Transfer::cpu_s_per_gib);
            let least = all.into_iter().fold(cpu, f64::min);
            let ratio = bare.map_or("-".to_owned(), |bare| format!("{:.2}", cpu / bare));
            let rate = 1024.0 / wall;
            println!(
                "{:<18} {rate:>7.0} {cpu:>10.2} {least:>8.2} {ratio:>8}",
                kind.name()
            );
        }
        println!();
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        let mut add = |name, measured: Option<f64>, at_most| {
            targets.extend(measured.map(|measured| Target {
                name,
                measured,
                bound: Bound::AtMost(at_most),
            }));
        };
        let push = self.cpu(Kind::Wharf, What::Push);
        add("push, CPU s/GiB", push, PUSH_CPU_S_PER_GIB);
        let to_bare = push
            .zip(self.cpu(Kind::Bare, What::Push))
            .map(|(ours, bare)| ours / bare);
        add("push, times the bare loop", to_bare, PUSH_TO_BARE);
        add(
            "pull, CPU s/GiB",
            self.cpu(Kind::Wharf, What::Pull),
            PULL_CPU_S_PER_GIB,
        );
        add(
            "ready on an empty directory, ms",
            self.ready_median(Kind::Wharf),
            READY_MS,
        );
        if let Some(memory) = &self.memory
            && let Some(limit) = memory.limit_mib
        {
            #[expect(clippy::cast_precision_loss, reason = "a few MiB")]
            add(
                "peak RSS of parallel pushes, MiB",
                Some(memory.peak_rss_parallel_mib),
                limit as f64,
            );
        }
        for row in self.cluster.iter().chain(&self.pods) {
            targets.extend(row.bound.map(|bound| Target {
                name: row.name,
                measured: row.measured,
                bound,
            }));
        }
        targets
    }

    /// Server CPU seconds per GiB, the median.
    fn cpu(&self, kind: Kind, what: What) -> Option<f64> {
        median(self.values(kind, what, Transfer::cpu_s_per_gib))
    }

    fn wall(&self, kind: Kind, what: What) -> Option<f64> {
        median(self.values(kind, what, |transfer| transfer.wall_s / transfer.gib()))
    }

    fn values(&self, kind: Kind, what: What, value: impl Fn(&Transfer) -> f64) -> Vec<f64> {
        let mine = |transfer: &&Transfer| transfer.server == kind && transfer.what == what;
        self.transfers.iter().filter(mine).map(value).collect()
    }

    fn ready_median(&self, kind: Kind) -> Option<f64> {
        median(
            self.ready_ms
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, ms)| *ms)
                .collect(),
        )
    }
}

/// Without repetitions, in the order of their first appearance.
fn distinct(all: impl Iterator<Item = Kind>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for kind in all {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// What this was measured on.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (cpus, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let models = || cpus.lines().filter(|line| line.starts_with("model name"));
    let model = models().next().and_then(|line| line.split(": ").nth(1));
    let kib = memory.split_whitespace().nth(1);
    let mib = kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024;
    format!(
        "{} cores of {}, {mib} MiB",
        models().count(),
        model.unwrap_or("?")
    )
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(*values.get(middle - 1)?, upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_target_is_missed_when_the_ratio_is_too_high() {
        let mut report = Report::default();
        for (server, cpu_s) in [(Kind::Bare, 1.0), (Kind::Wharf, 1.2)] {
            let bytes = 1024 * 1024 * 1024;
            report.transfer(Transfer {
                server,
                what: What::Push,
                wall_s: 1.0,
                cpu_s,
                bytes,
            });
        }
        assert_eq!(report.missed(), 1);
    }

    #[test]
    fn a_row_is_held_to_its_bound_from_either_side() {
        let mut report = Report::default();
        let (most, least) = (Bound::AtMost(2.0), Bound::AtLeast(2.0));
        for (bound, measured) in [(most, 2.0), (most, 3.0), (least, 1.0), (least, 2.0)] {
            report.pods(Row {
                name: "x",
                measured,
                bound: Some(bound),
            });
        }
        assert_eq!(report.missed(), 2);
    }
}
