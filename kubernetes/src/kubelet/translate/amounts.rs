//! Amounts of processors, memory and disk.
use serde_json::Value;
use wharf_runtime::{Amount, Resources};

use crate::validation::Quantity;

pub(super) fn resources(resources: &Value) -> Resources {
    Resources {
        requests: amount(&resources["requests"]),
        limits: amount(&resources["limits"]),
    }
}

fn amount(amounts: &Value) -> Amount {
    let read = |name: &str| Quantity::of(&amounts[name]).ok();
    let bytes = |name: &str| read(name).map(|q| u64::try_from(q.units()).unwrap_or(0));
    Amount {
        cpu_milli: read("cpu").map(|q| u64::try_from(q.milli()).unwrap_or(0)),
        memory_bytes: bytes("memory"),
        disk_bytes: bytes("ephemeral-storage"),
    }
}

/// The value of a `resourceFieldRef`: what the container says, or what the node has, in units of
/// the divisor, rounded up.
pub(super) fn field(container: &Value, reference: &Value, allocatable: &Value) -> Option<String> {
    let (list, name) = reference["resource"].as_str()?.split_once('.')?;
    if !["limits", "requests"].contains(&list) {
        return None;
    }
    let own = Quantity::of(&container["resources"][list][name]).ok();
    let quantity = match own {
        Some(own) if !own.is_zero() => own,
        // Without a limit a container may use all that the node has.
        _ if list == "limits" => Quantity::of(&allocatable[name]).unwrap_or(Quantity::ZERO),
        _ => Quantity::ZERO,
    };
    let divisor = Quantity::of(&reference["divisor"]).unwrap_or(Quantity::ZERO);
    let (value, divisor) = if name == "cpu" {
        let divisor = if divisor.is_zero() {
            1000
        } else {
            divisor.milli()
        };
        (quantity.milli(), divisor)
    } else {
        let divisor = if divisor.is_zero() {
            1
        } else {
            divisor.units()
        };
        (quantity.units(), divisor)
    };
    if divisor <= 0 || value < 0 {
        return None;
    }
    let whole = value / divisor + i64::from(value % divisor != 0);
    Some(whole.to_string())
}
