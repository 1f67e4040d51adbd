//! Group `networking.k8s.io`: one file a kind, one row below.
use super::Kind;

mod ingress;
mod ingressclass;
mod ipaddress;
mod networkpolicy;
mod servicecidr;
#[cfg(test)]
mod tests;

const GROUP: &str = "networking.k8s.io";

pub(super) const ROWS: &[Kind] = &[
    ingress::ROW,
    ingressclass::ROW,
    networkpolicy::ROW,
    ipaddress::ROW,
    servicecidr::ROW,
];
