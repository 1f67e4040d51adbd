//! The Kubernetes API of a cluster: objects, watch, patch, tables, controllers, schedulers.
//!
//! # Guarantees
//! * Readers and watchers see a change only after it is on the disk.
//! * `resourceVersion` is one counter a cluster and never goes back, restarts included.
//! * Whoever writes, controllers included, goes through the same admission, defaulting and
//!   validation.

pub mod about;
pub mod admission;
pub mod api;
pub mod authn;
pub mod authz;
pub mod capacity;
pub mod certificates;
pub mod cluster;
pub mod controllers;
mod crd;
mod cron;
mod defaults;
mod errors;
pub mod fargate;
mod fields;
pub mod ingresses;
mod kinds;
pub mod kubelet;
pub mod load_balancers;
pub mod metrics;
pub mod nodes;
pub mod scheduler;
pub mod selector;
pub mod services;
mod status;
pub mod store;
pub mod system;
pub mod table;
mod validation;
mod views;

pub use cluster::Cluster;
pub use cron::{BadSchedule, Schedule, find_zone};
pub use errors::{Errors, Path};
pub use kinds::{
    KINDS, Keep, Kind, SUBRESOURCE_KINDS, Scope, Subresource, Verbs, apply_scale, core_event_field,
    event_from_core, event_to_core, horizontal_pod_autoscaler_to_v1,
    horizontal_pod_autoscaler_to_v2, qos_class, scale_of, selectable_field,
    validate_ephemeral_containers_update, validate_resize,
};
pub use status::Status;
pub use table::Column;
pub use validation::{Quantity, container_amounts};
