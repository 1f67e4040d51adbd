//! Fargate capacity: for each pod or task a machine of its own, that is there as long as it.
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use wharf_storage::Document;
use wharf_types::{Registry, Timestamp};

use crate::{Code, Cx, Error, addresses, network};

/// The most machines of an account in a region.
const MAX: usize = 5000;

/// The sizes there are: vCPU in thousandths, then the memory in MiB from, to, and in steps of.
/// <https://docs.aws.amazon.com/eks/latest/userguide/fargate-pod-configuration.html>
const SIZES: &[(u64, u64, u64, u64)] = &[
    (250, 512, 512, 512),
    (250, 1024, 2048, 1024),
    (500, 1024, 4096, 1024),
    (1000, 2048, 8192, 1024),
    (2000, 4096, 16384, 1024),
    (4000, 8192, 30720, 1024),
    (8000, 16384, 61440, 4096),
    (16000, 32768, 122_880, 8192),
];

/// A machine. Named by whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The uid of the pod, or the ARN of the task.
    pub owner: String,
    /// `fargate-ip-…`
    pub node: String,
    pub address: Ipv4Addr,
    pub subnet: String,
    pub zone: String,
    pub cpu_milli: u64,
    pub memory_mib: u64,
    pub created_ms: i64,
}

impl Document for Slot {
    const KIND: &'static str = "compute-fargate";
}

impl Slot {
    pub const fn created(&self) -> Timestamp {
        Timestamp::from_ms(self.created_ms)
    }

    /// As in the annotation `CapacityProvisioned`: `0.25vCPU 0.5GB`.
    pub fn provisioned(&self) -> String {
        format!(
            "{}vCPU {}GB",
            decimal(self.cpu_milli, 1000),
            decimal(self.memory_mib, 1024)
        )
    }
}

/// A quotient with as many digits as it needs, up to three.
fn decimal(n: u64, by: u64) -> String {
    let thousandths = n * 1000 / by;
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The smallest size that has room for a request, as vCPU in thousandths and memory in MiB.
pub fn fit(cpu_milli: u64, memory_mib: u64) -> Option<(u64, u64)> {
    SIZES.iter().find_map(|&(cpu, least, most, step)| {
        let memory = memory_mib.max(least);
        let memory = least + (memory - least).div_ceil(step) * step;
        (cpu >= cpu_milli && memory <= most).then_some((cpu, memory))
    })
}

/// Whether there is a size of exactly this vCPU and memory, as task definitions name one.
pub fn is_size(cpu_milli: u64, memory_mib: u64) -> bool {
    SIZES.iter().any(|&(cpu, least, most, step)| {
        cpu == cpu_milli
            && (least..=most).contains(&memory_mib)
            && (memory_mib - least).is_multiple_of(step)
    })
}

/// Provides a machine in a subnet with room for a request. Asking again for the same owner gives the
/// one that there is.
pub async fn allocate(
    cx: &Cx,
    place: &Registry,
    owner: &str,
    subnet: &str,
    request: (u64, u64),
) -> Result<Slot, Error> {
    let Some((cpu_milli, memory_mib)) = fit(request.0, request.1) else {
        let text = format!(
            "No Fargate configuration exists for given values: {} CPU, {} memory",
            request.0, request.1
        );
        return Err(Error::invalid(text));
    };
    let (owner, subnet) = (owner.to_owned(), subnet.to_owned());
    let done = cx.change(place, move |tx| {
        if let Some(there) = tx.tx.document::<Slot>(&tx.here.owner, &owner)? {
            return Ok(there.body);
        }
        if tx.tx.count_documents::<Slot>(&tx.here.owner)? >= MAX {
            let text = format!("There are {MAX} Fargate machines already.");
            return Err(Error::refused(Code::LimitExceeded, text));
        }
        let at = tx.here.network().subnet(&subnet).ok_or_else(|| {
            let text = format!("The subnet ID '{subnet}' does not exist");
            Error::refused(Code::SubnetNotFound, text)
        })?;
        let address = addresses::take(tx, &format!("fargate/{owner}"), &at)?;
        let name = network::private_dns_name(&tx.here.place.region, address);
        let slot = Slot {
            owner: owner.clone(),
            node: format!("fargate-{name}"),
            address,
            subnet: at.id,
            zone: at.zone.name,
            cpu_milli,
            memory_mib,
            created_ms: tx.now.as_ms(),
        };
        tx.tx.put_document(&tx.here.owner, &owner, &slot, tx.now)?;
        Ok(slot)
    });
    done.await
}

/// Takes a machine away. Without one there is nothing to do.
pub async fn release(cx: &Cx, place: &Registry, owner: &str) -> Result<(), Error> {
    let owner = owner.to_owned();
    let done = cx.change(place, move |tx| {
        addresses::give_back(tx, &format!("fargate/{owner}"))?;
        tx.tx.delete_document::<Slot>(&tx.here.owner, &owner)?;
        Ok(())
    });
    done.await
}

/// All machines, by owner.
pub async fn list(cx: &Cx, place: &Registry) -> Result<Vec<Slot>, Error> {
    let found = cx.ask(place, |tx, here| {
        Ok(tx.documents::<Slot>(&here.owner, "", MAX)?)
    });
    Ok(found.await?.into_iter().map(|stored| stored.body).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chore::tests::world;

    #[test]
    fn a_request_gets_the_smallest_size_with_room() {
        for (request, size) in [
            ((0, 0), Some((250, 512))),
            ((250, 513), Some((250, 1024))),
            ((250, 2049), Some((500, 3072))),
            ((1000, 8192), Some((1000, 8192))),
            // 1 vCPU and 8 GB with the 256 MB that Kubernetes needs.
            ((1000, 8448), Some((2000, 9216))),
            ((8000, 16385), Some((8000, 20480))),
            ((16000, 122_880), Some((16000, 122_880))),
            ((16001, 0), None),
            ((0, 122_881), None),
        ] {
            assert_eq!(fit(request.0, request.1), size, "{request:?}");
        }
        assert!(is_size(250, 512) && is_size(250, 2048) && is_size(4000, 30720));
        assert!(!is_size(250, 1536) && !is_size(4000, 4096) && !is_size(300, 512));
    }

    #[tokio::test]
    async fn a_pod_has_one_machine_as_long_as_it_lives() {
        let world = world().await;
        let (cx, place) = (&world.cx, &world.place);
        let slot = allocate(cx, place, "uid", "subnet-2", (0, 0))
            .await
            .unwrap();
        assert_eq!(
            slot.node,
            format!(
                "fargate-{}",
                network::private_dns_name(&place.region, slot.address)
            )
        );
        assert_eq!(slot.provisioned(), "0.25vCPU 0.5GB");
        let again = allocate(cx, place, "uid", "subnet-2", (0, 0)).await;
        assert_eq!(again.unwrap(), slot);
        assert_eq!(list(cx, place).await.unwrap(), std::slice::from_ref(&slot));
        release(cx, place, "uid").await.unwrap();
        assert!(list(cx, place).await.unwrap().is_empty());
    }
}
