//! Where a cluster's API server is in the VPC: EKS puts network interfaces into two of its subnets, and
//! the service `kubernetes` leads to them.
use std::net::Ipv4Addr;

use wharf_compute::{addresses, network::Network};

use crate::{Cx, Error, Place, clusters::Cluster};

/// How many there are.
const INTERFACES: usize = 2;

/// Who has the address of an interface.
fn owner(id: &str, number: usize) -> String {
    format!("control-plane/{id}/{number}")
}

/// Gives a cluster its addresses; the same ones each time. A subnet that is full has none.
pub(crate) async fn give(cx: &Cx, at: &Place, cluster: &Cluster) -> Vec<Ipv4Addr> {
    let mut given = Vec::new();
    for (number, subnet) in subnets(cx, at, cluster).iter().enumerate() {
        let owner = owner(&cluster.uid, number);
        match addresses::allocate(&cx.compute, &at.registry, &owner, subnet).await {
            Ok(address) => given.push(address),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, subnet, "a control plane has no address in a subnet");
            }
        }
    }
    given
}

/// Takes a cluster's addresses back.
pub(crate) async fn take_back(cx: &Cx, at: &Place, id: &str) -> Result<(), Error> {
    for number in 0..INTERFACES {
        addresses::release(&cx.compute, &at.registry, &owner(id, number)).await?;
    }
    Ok(())
}

/// Two of the cluster's subnets, or private ones if it says none.
fn subnets(cx: &Cx, at: &Place, cluster: &Cluster) -> Vec<String> {
    let own = cluster.vpc.subnet_ids.iter().take(INTERFACES);
    let own: Vec<String> = own.cloned().collect();
    if !own.is_empty() {
        return own;
    }
    let network = Network::new(at.registry.clone(), cx.compute.settings.vpc);
    let private = network
        .subnets()
        .into_iter()
        .filter(|subnet| !subnet.public);
    private.map(|subnet| subnet.id).take(INTERFACES).collect()
}
