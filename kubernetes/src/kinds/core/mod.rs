//! The core group, which has no name: one file a kind, one row below.
use super::Kind;

mod binding;
mod componentstatus;
mod configmap;
mod endpoints;
mod event;
mod limitrange;
mod namespace;
mod node;
mod persistentvolume;
mod persistentvolumeclaim;
pub(super) mod pod;
mod pod_template;
mod replication_controller;
mod resourcequota;
mod secret;
mod service;
mod serviceaccount;
#[cfg(test)]
mod tests;

pub(super) use event::{COLUMNS as EVENT_COLUMNS, validate_legacy};
pub(crate) use persistentvolume::class as claim_class;
pub(super) use persistentvolume::validate_driver_name;
pub(super) use service::{PROTOCOLS, load_balancer, validate_app_protocol, validate_number};

pub(super) const ROWS: &[Kind] = &[
    binding::BINDING,
    pod::POD,
    pod_template::POD_TEMPLATE,
    replication_controller::REPLICATION_CONTROLLER,
    configmap::ROW,
    secret::ROW,
    service::ROW,
    endpoints::ROW,
    event::ROW,
    namespace::ROW,
    node::ROW,
    persistentvolume::ROW,
    persistentvolumeclaim::ROW,
    serviceaccount::ROW,
    limitrange::ROW,
    resourcequota::ROW,
    componentstatus::ROW,
];
