//! Group `metrics.k8s.io`: what the metrics server says, made when it is asked for.
use super::Kind;

mod usage;

const GROUP: &str = "metrics.k8s.io";

pub(super) const ROWS: &[Kind] = &[usage::NODES, usage::PODS];
