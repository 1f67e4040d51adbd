//! Evictions: the polite way to delete a pod.
use super::super::{Kind, Verbs};

/// Only under pods, as `pods/eviction`.
pub(in super::super) const EVICTION: Kind = Kind {
    verbs: Verbs::Review,
    ..Kind::new(
        "policy",
        "v1",
        "Eviction",
        "evictions",
        "eviction",
        "io.k8s.api.policy.v1.Eviction",
    )
};
