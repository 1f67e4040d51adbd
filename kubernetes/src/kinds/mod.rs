//! The kinds: one file a kind, one row in [`KINDS`].
use serde_json::Value;

use crate::{Column, Errors};

mod admissionregistration;
mod apiextensions;
mod apiregistration;
mod apps;
mod authentication;
mod authorization;
mod autoscaling;
mod batch;
mod cells;
mod certificates;
mod coordination;
mod core;
mod discovery;
mod events;
mod metrics;
mod net;
mod networking;
mod node;
mod policy;
mod rbac;
mod resources;
mod scheduling;
mod selectable;
mod storage;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod webhook;
mod workload;

pub(crate) use cells::CREATED_AT;
pub(crate) use core::claim_class;
pub(crate) use resources::is_extended;
pub(crate) use storage::is_default_class;
#[cfg(test)]
pub(crate) use tests::json;

pub use autoscaling::hpa::{
    to_v1 as horizontal_pod_autoscaler_to_v1, to_v2 as horizontal_pod_autoscaler_to_v2,
};
pub use core::pod::{qos_class, validate_ephemeral_containers_update, validate_resize};
pub use events::{
    core_field as core_event_field, from_core as event_from_core, to_core as event_to_core,
};
pub use selectable::selectable_field;
pub use workload::{apply_scale, scale_of};

/// Everything that is special about a kind. What the row does not say is done by the generic code.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short: &'static [&'static str],
    /// `all` makes it part of `kubectl get all`.
    pub categories: &'static [&'static str],
    pub scope: Scope,
    pub verbs: Verbs,
    pub subresources: &'static [Subresource],
    /// The name of its type in the schema.
    pub schema: &'static str,
    /// The columns of its table; empty for NAME and AGE.
    pub columns: &'static [Column],
    /// Fields that can be selected besides those of the metadata, by their paths.
    pub fields: &'static [&'static str],
    /// Fills in what a client left out. Must change nothing when run again.
    pub default: fn(&mut Value),
    /// Brings a new object into the state in which it is stored, after defaulting; the status is
    /// already gone.
    pub prepare_create: fn(&mut Value),
    /// The same for an update of all but the status: `(new, old)`.
    pub prepare_update: fn(&mut Value, &Value),
    pub validate: fn(&Value, &mut Errors),
    /// What may not change: `(new, old, errors)`. Runs besides `validate`.
    pub validate_update: fn(&Value, &Value, &mut Errors),
    /// Whether a change of the `spec` moves `metadata.generation`.
    pub generation: bool,
    pub keep: Keep,
}

impl Kind {
    /// A kind in namespaces, with status, on which rows build.
    pub const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        singular: &'static str,
        schema: &'static str,
    ) -> Self {
        Self {
            group,
            version,
            kind,
            plural,
            singular,
            short: &[],
            categories: &[],
            scope: Scope::Namespaced,
            verbs: Verbs::All,
            subresources: &[],
            schema,
            columns: &[],
            fields: &[],
            default: |_| {},
            prepare_create: |_| {},
            prepare_update: |_, _| {},
            validate: |_, _| {},
            validate_update: |_, _, _| {},
            generation: false,
            keep: Keep::Disk,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Namespaced,
    Cluster,
}

/// What can be done with a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbs {
    /// create delete deletecollection get list patch update watch
    All,
    /// get list watch
    Read,
    /// Only create: a question that is answered and not stored.
    Review,
}

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Disk,
    /// Until the server ends, as leases that are renewed all the time.
    Memory,
}

/// What hangs under an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    Status,
    Scale,
    Log,
    Exec,
    Attach,
    PortForward,
    Proxy,
    Eviction,
    Binding,
    EphemeralContainers,
    Resize,
    Token,
    Finalize,
    Approval,
}

/// Kinds that are only bodies of subresources and no resources of their own.
pub const SUBRESOURCE_KINDS: &[Kind] = &[
    autoscaling::scale::SCALE,
    policy::eviction::EVICTION,
    authentication::TOKEN_REQUEST,
];

/// Every kind that the server has of its own.
pub const KINDS: &[&[Kind]] = &[
    core::ROWS,
    apps::ROWS,
    batch::ROWS,
    autoscaling::ROWS,
    policy::ROWS,
    networking::ROWS,
    rbac::ROWS,
    storage::ROWS,
    coordination::ROWS,
    discovery::ROWS,
    events::ROWS,
    scheduling::ROWS,
    node::ROWS,
    certificates::ROWS,
    apiextensions::ROWS,
    apiregistration::ROWS,
    admissionregistration::ROWS,
    authentication::ROWS,
    authorization::ROWS,
    metrics::ROWS,
];
