//! Where machines for pods on Fargate come from. Implemented over the virtual machines of EKS.
use std::fmt;

use futures::future::BoxFuture;

/// For which pod a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRef {
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// What a machine must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Thousandths of a CPU.
    pub cpu_milli: u64,
    pub memory_mib: u64,
    pub storage_gib: u64,
}

/// A machine for one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// A name that no other machine ever has.
    pub id: String,
    /// `fargate-ip-…`, the name of the node.
    pub node: String,
    /// Of the node and the pod.
    pub address: String,
    /// Such as `eu-central-1b`.
    pub zone: String,
    /// What was provided.
    pub size: Size,
    /// That, as the annotation says it: `0.25vCPU 0.5GB`.
    pub provisioned: String,
    /// Of the kubelet, such as `v1.33.4-eks-d3c5e0b`.
    pub version: String,
}

/// Why there is no machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapacityError {
    /// There are none so large.
    #[error("there are no machines of this size")]
    TooLarge,
    /// There are none left now, or they cannot be made now.
    #[error("{0}")]
    Unavailable(String),
}

/// Machines for pods. Everything may be asked twice.
pub trait Capacity: fmt::Debug + Send + Sync {
    /// A machine with room for a request in the subnets of a profile. Asking again for the same pod
    /// gives the same machine.
    fn provision<'a>(
        &'a self,
        pod: &'a PodRef,
        size: Size,
        profile: &'a str,
    ) -> BoxFuture<'a, Result<Machine, CapacityError>>;

    /// Takes the machine of a pod back, if it has one.
    fn release<'a>(&'a self, pod_uid: &'a str) -> BoxFuture<'a, Result<(), CapacityError>>;

    /// Takes all machines back but those of these pods: some may be gone for whom nobody asked,
    /// because the program was stopped.
    fn retain<'a>(&'a self, pod_uids: &'a [String]) -> BoxFuture<'a, Result<(), CapacityError>>;
}
