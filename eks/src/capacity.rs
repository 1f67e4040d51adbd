//! Machines of Fargate for the pods of a cluster.
use futures::future::BoxFuture;
use wharf_compute::{Code, fargate, fargate::Slot};
use wharf_kubernetes::{
    Cluster,
    capacity::{Capacity, CapacityError, Machine, PodRef, Size},
};

use crate::{Cx, Error, Place, fargate::FargateProfile, versions};

/// What every machine has, and how much of it a pod can ask for.
const STORAGE_GIB: u64 = 20;
const MAX_STORAGE_GIB: u64 = 175;

/// The machines of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Machines {
    pub(crate) cx: Cx,
    pub(crate) at: Place,
    pub(crate) cluster: Cluster,
}

impl Machines {
    /// Machines are of an account and region: the cluster is part of whose they are.
    fn owner(&self, pod_uid: &str) -> String {
        owner(&self.cluster.settings().id, pod_uid)
    }

    /// The subnet of a pod: one of its profile's, always the same.
    async fn subnet(&self, profile: &str, pod_uid: &str) -> Result<String, CapacityError> {
        let at = Place::within(&self.at.registry, self.at.cluster(), profile);
        let found = self.cx.store.meta().read(move |tx| {
            let found = tx.document::<FargateProfile>(&at.owner(), &at.name)?;
            Ok::<_, Error>(found.map(|found| found.body.subnets))
        });
        let gone = || CapacityError::Unavailable(format!("there is no Fargate profile {profile}"));
        let subnets = found.await.map_err(unavailable)?.ok_or_else(gone)?;
        let sum: usize = pod_uid.bytes().map(usize::from).sum();
        let index = sum.checked_rem(subnets.len()).unwrap_or_default();
        subnets.into_iter().nth(index).ok_or_else(gone)
    }

    async fn machine(
        &self,
        pod: &PodRef,
        size: Size,
        profile: &str,
    ) -> Result<Machine, CapacityError> {
        if size.storage_gib > MAX_STORAGE_GIB {
            return Err(CapacityError::TooLarge);
        }
        let subnet = self.subnet(profile, &pod.uid).await?;
        let (owner, request) = (self.owner(&pod.uid), (size.cpu_milli, size.memory_mib));
        let place = &self.at.registry;
        let slot = fargate::allocate(&self.cx.compute, place, &owner, &subnet, request).await;
        let slot = slot.map_err(|error| match error.code() {
            Some(Code::Invalid) => CapacityError::TooLarge,
            _ => unavailable(error),
        })?;
        Ok(Machine {
            id: slot.owner.clone(),
            provisioned: slot.provisioned(),
            node: slot.node,
            address: slot.address.to_string(),
            zone: slot.zone,
            size: Size {
                cpu_milli: slot.cpu_milli,
                memory_mib: slot.memory_mib,
                storage_gib: size.storage_gib.max(STORAGE_GIB),
            },
            version: versions::kubelet(&self.cluster.settings().version),
        })
    }
}

fn owner(cluster: &str, pod_uid: &str) -> String {
    format!("{cluster}/{pod_uid}")
}

fn unavailable(error: impl std::fmt::Display) -> CapacityError {
    CapacityError::Unavailable(error.to_string())
}

/// The machines of a cluster that are there.
async fn of_cluster(cx: &Cx, at: &Place, id: &str) -> Result<Vec<Slot>, wharf_compute::Error> {
    let mut all = fargate::list(&cx.compute, &at.registry).await?;
    let prefix = owner(id, "");
    all.retain(|slot| slot.owner.starts_with(&prefix));
    Ok(all)
}

/// Takes all machines of a cluster back.
pub(crate) async fn release_all(cx: &Cx, at: &Place, id: &str) -> Result<(), Error> {
    for slot in of_cluster(cx, at, id).await? {
        fargate::release(&cx.compute, &at.registry, &slot.owner).await?;
    }
    Ok(())
}

impl Capacity for Machines {
    fn provision<'a>(
        &'a self,
        pod: &'a PodRef,
        size: Size,
        profile: &'a str,
    ) -> BoxFuture<'a, Result<Machine, CapacityError>> {
        Box::pin(self.machine(pod, size, profile))
    }

    fn release<'a>(&'a self, pod_uid: &'a str) -> BoxFuture<'a, Result<(), CapacityError>> {
        Box::pin(async move {
            let owner = self.owner(pod_uid);
            let released = fargate::release(&self.cx.compute, &self.at.registry, &owner);
            released.await.map_err(unavailable)
        })
    }

    fn retain<'a>(&'a self, pod_uids: &'a [String]) -> BoxFuture<'a, Result<(), CapacityError>> {
        Box::pin(async move {
            let id = self.cluster.settings().id.clone();
            let kept: std::collections::HashSet<String> =
                pod_uids.iter().map(|uid| owner(&id, uid)).collect();
            let all = of_cluster(&self.cx, &self.at, &id).await;
            for slot in all.map_err(unavailable)? {
                if !kept.contains(&slot.owner) {
                    let place = &self.at.registry;
                    let released = fargate::release(&self.cx.compute, place, &slot.owner);
                    released.await.map_err(unavailable)?;
                }
            }
            Ok(())
        })
    }
}
