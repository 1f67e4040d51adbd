//! How large the machine of a pod must be.
//! <https://docs.aws.amazon.com/eks/latest/userguide/fargate-pod-configuration.html>
use serde_json::Value;

use crate::capacity::Size;
use crate::scheduler::model::Amounts;

/// What the parts of Kubernetes on the machine need.
const OVERHEAD_MIB: u64 = 256;

const LEAST_STORAGE_GIB: u64 = 20;
pub(super) const MOST_STORAGE_GIB: u64 = 175;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a pod asks for, with what is needed besides. Without any wish, the smallest machine does.
pub(super) fn size(spec: &Value) -> Size {
    let asked = Amounts::requested(spec);
    let positive = |amount: i64| u64::try_from(amount).unwrap_or(0);
    let memory_mib = match positive(asked.memory).div_ceil(MIB) {
        0 => 0,
        asked => asked + OVERHEAD_MIB,
    };
    Size {
        cpu_milli: positive(asked.cpu_milli),
        memory_mib,
        storage_gib: positive(asked.storage).div_ceil(GIB).max(LEAST_STORAGE_GIB),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(cpu: &str, memory: &str) -> Value {
        json!({ "resources": { "requests": { "cpu": cpu, "memory": memory } } })
    }

    #[test]
    fn the_larger_of_the_start_and_the_run_counts() {
        let nothing = json!({ "containers": [{}] });
        let least = Size {
            cpu_milli: 0,
            memory_mib: 0,
            storage_gib: 20,
        };
        assert_eq!(size(&nothing), least);
        let spec = json!({
            "containers": [container("500m", "1Gi"), container("250m", "1Gi")],
            "initContainers": [container("1", "512Mi")],
        });
        let wanted = Size {
            cpu_milli: 1000,
            memory_mib: 2048 + 256,
            storage_gib: 20,
        };
        assert_eq!(size(&spec), wanted);
        let large = json!({ "containers": [{ "resources": { "requests": {
            "ephemeral-storage": "100Gi",
        } } }] });
        assert_eq!(size(&large).storage_gib, 100);
    }
}
