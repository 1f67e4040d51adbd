//! What policies of a namespace or cluster fill in and refuse, as pure functions over objects.
//!
//! An error is the reason of a `Forbidden` answer; the caller names the object in front of it.

mod amounts;
pub mod claim_resize;
pub mod default_ingress_class;
pub mod default_storage_class;
pub mod limit_ranger;
pub(crate) mod pod_identity;
pub mod priority;
pub mod resource_quota;
