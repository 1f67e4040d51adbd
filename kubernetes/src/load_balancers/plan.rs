//! From a service and its endpoint slices to what has to be open for it.
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wharf_balancer::Targets;

use crate::{fields, kubelet::network::targets};

/// Load balancers of these classes are AWS's, as those without one.
const CLASSES: [&str; 2] = ["service.k8s.aws/nlb", "eks.amazonaws.com/nlb"];
const INTERNAL: &str = "service.beta.kubernetes.io/aws-load-balancer-internal";
const SCHEME: &str = "service.beta.kubernetes.io/aws-load-balancer-scheme";

/// Who looks after the load balancer of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balanced {
    /// It has none, or not any longer.
    No,
    Here,
    /// Somebody else, by the class of the service.
    Elsewhere,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) balanced: Balanced,
    /// By number.
    pub(super) ports: BTreeMap<u16, Targets>,
    pub(super) node_ports: BTreeMap<u16, Targets>,
    /// The ports that are not TCP, as `53/UDP`.
    pub(super) others: Vec<String>,
}

pub(super) fn plan(service: &Value, slices: &[Value]) -> Wanted {
    let spec = &service["spec"];
    let mut wanted = Wanted {
        balanced: balanced(service),
        ports: BTreeMap::new(),
        node_ports: BTreeMap::new(),
        others: Vec::new(),
    };
    let kind = fields::text(spec, "type");
    if !["NodePort", "LoadBalancer"].contains(&kind) {
        return wanted;
    }
    for port in fields::list(spec, "ports") {
        let number = |key| u16::try_from(fields::integer(port, key)).unwrap_or(0);
        let protocol = fields::text(port, "protocol");
        if !["", "TCP"].contains(&protocol) {
            let text = format!("{}/{protocol}", number("port"));
            wanted.others.push(text);
            continue;
        }
        let to = Targets {
            endpoints: targets(slices, port),
            affinity: affinity(spec),
        };
        let own = [
            (number("port"), &mut wanted.ports),
            (number("nodePort"), &mut wanted.node_ports),
        ];
        for (number, ports) in own {
            if number > 0 {
                ports.insert(number, to.clone());
            }
        }
    }
    wanted
}

fn balanced(service: &Value) -> Balanced {
    let spec = &service["spec"];
    if fields::text(spec, "type") != "LoadBalancer" {
        return Balanced::No;
    }
    let class = fields::text(spec, "loadBalancerClass");
    if !class.is_empty() && !CLASSES.contains(&class) {
        return Balanced::Elsewhere;
    }
    if fields::has(&service["metadata"], "deletionTimestamp") {
        return Balanced::No;
    }
    Balanced::Here
}

fn affinity(spec: &Value) -> Option<Duration> {
    if fields::text(spec, "sessionAffinity") != "ClientIP" {
        return None;
    }
    let seconds = fields::number(&spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]);
    // The default of the API.
    let seconds = seconds.and_then(|n| u64::try_from(n).ok());
    Some(Duration::from_secs(seconds.unwrap_or(10_800)))
}

/// The name of a load balancer, in the form of AWS's; names below `localhost` are this machine.
pub(super) fn hostname(service: &Value, region: &str) -> String {
    let metadata = &service["metadata"];
    let uid = fields::text(metadata, "uid");
    // As AWS's provider names them: at most 32 characters.
    let name: String = uid.chars().filter(|c| *c != '-').take(31).collect();
    let digest = Sha256::digest(uid.as_bytes());
    let number = digest
        .iter()
        .take(4)
        .fold(0, |all, byte| u64::from(*byte) | (all << 8));
    let number = 100_000_000 + number % 2_000_000_000;
    let annotation = |key| fields::text(&metadata["annotations"], key);
    let internal =
        !["", "false"].contains(&annotation(INTERNAL)) || annotation(SCHEME) == "internal";
    let prefix = if internal { "internal-" } else { "" };
    format!("{prefix}a{name}-{number}.{region}.elb.localhost")
}
