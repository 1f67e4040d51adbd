//! Room on a node: pods, CPU, memory, and whatever else it has.
use super::super::model::Pod;
use super::super::state::NodeInfo;
use super::Refusal;

pub(super) fn fits(pod: &Pod, info: &NodeInfo) -> Result<(), Refusal> {
    let mut lacks = Lacks::default();
    let count = i64::try_from(info.pods.len()).unwrap_or(i64::MAX);
    if count >= info.node.max_pods {
        lacks.reasons.push("Too many pods".into());
    }
    let (want, used, has) = (&pod.request, &info.used, &info.node.allocatable);
    if !want.is_zero() {
        lacks.check("cpu", want.cpu_milli, used.cpu_milli, has.cpu_milli);
        lacks.check("memory", want.memory, used.memory, has.memory);
        lacks.check("ephemeral-storage", want.storage, used.storage, has.storage);
        for (name, amount) in &want.other {
            let of = |all: &super::super::model::Amounts| all.other.get(name).copied().unwrap_or(0);
            lacks.check(name, *amount, of(used), of(has));
        }
    }
    if lacks.reasons.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        reasons: lacks.reasons,
        preemptible: !lacks.unresolvable,
        by_pods: false,
    })
}

#[derive(Default)]
struct Lacks {
    reasons: Vec<std::borrow::Cow<'static, str>>,
    /// Even an empty node would be too small.
    unresolvable: bool,
}

impl Lacks {
    fn check(&mut self, name: &str, want: i64, used: i64, has: i64) {
        if want > 0 && want > has.saturating_sub(used) {
            self.reasons.push(format!("Insufficient {name}").into());
            self.unresolvable |= want > has;
        }
    }
}
