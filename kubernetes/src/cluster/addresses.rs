//! Services get their addresses and ports while they are written.
use serde_json::Value;

use super::Cluster;
use super::write::{Part, Write};
use crate::Status;
use crate::services::{Allocator, Reservation};
use crate::store::Store;

const SERVICES: &str = "services";

/// What the services that there are have; none if the network is no IPv4 network.
pub(super) fn known(store: &Store, network: &str) -> Option<Allocator> {
    let shelf = store.find(SERVICES);
    let objects = shelf.map_or_else(Vec::new, |shelf| shelf.objects(None));
    let services: Vec<Value> = objects.iter().map(|object| object.value()).collect();
    Allocator::new(network, &services)
}

fn allocator<'c>(cluster: &'c Cluster, write: &Write<'_>) -> Option<&'c Allocator> {
    let resource = write.resource;
    let ours = resource.plural == SERVICES && resource.group.is_empty();
    cluster.0.addresses.as_ref().filter(|_| ours)
}

/// Gives a service that is about to be written what it needs.
pub(super) fn reserve(
    cluster: &Cluster,
    write: &Write<'_>,
    old: Option<&Value>,
    object: &mut Value,
) -> Result<Option<Reservation>, Status> {
    let Some(allocator) = allocator(cluster, write).filter(|_| write.part == Part::Main) else {
        return Ok(None);
    };
    let held = match old {
        None => allocator.create(object)?,
        Some(old) => allocator.update(object, old)?,
    };
    Ok(Some(held))
}

/// What a service gives back that is about to go.
pub(super) fn release(cluster: &Cluster, write: &Write<'_>, object: &Value) -> Option<Reservation> {
    Some(allocator(cluster, write)?.release(object))
}
