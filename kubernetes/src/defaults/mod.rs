//! What Kubernetes fills in where clients leave something out, for parts that many kinds share.

mod claim;
mod container;
mod pod_spec;
mod volume;

pub(crate) use claim::default_claim;
pub(crate) use container::round_resources;
pub(crate) use pod_spec::{default_pod, default_template, mirror_service_account};
