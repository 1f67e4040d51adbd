//! Gives services their addresses and node ports: each to one service at a time.
//!
//! # Guarantees
//! * What a reservation holds nobody else gets, until the object is written (it is kept) or was not
//!   (the reservation is dropped). It goes with the write, so a caller that goes away leaks nothing.
//! * What an update gives up is free only once the update is written.
//!
//! Nothing is stored: what is in use is read from the services when a cluster starts.
mod ports;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ports::{give_health_port, give_node_ports, needs_health_check, update_node_ports};
use serde_json::{Value, json};

use super::families::{self, is_headless};
use super::pool::Pool;
use crate::store::Pledge;
use crate::{Errors, Path, Status, fields};

const FIRST_NODE_PORT: u32 = 30_000;

const LAST_NODE_PORT: u32 = 32_767;

/// Of the ports, and of the addresses of a network of 4096 and more: left to those who ask.
const RESERVED_PORTS: u32 = 86;

const RESERVED_ADDRESSES: u32 = 256;

/// The places of the API server and of the name server in the network: nobody gets them by chance, not
/// even while their services are not there.
const API: u32 = 1;
const NAME_SERVER: u32 = 10;

const PORT_TAKEN: &str = "provided port is already allocated";

const FULL: &str = "range is full";

/// The addresses and node ports of a cluster. A cheap handle.
#[derive(Clone, Debug)]
pub struct Allocator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// As it was given.
    network: String,
    pools: Mutex<Pools>,
}

#[derive(Debug)]
struct Pools {
    addresses: Pool,
    ports: Pool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Address(u32),
    Port(u32),
}

/// What a write needs; given back when dropped, unless it is kept.
#[derive(Debug)]
#[must_use = "what is reserved is given back when this is dropped"]
pub struct Reservation {
    allocator: Allocator,
    taken: Vec<Item>,
    freed: Vec<Item>,
}

impl Pledge for Reservation {
    fn keep(self: Box<Self>) {
        (*self).keep();
    }
}

impl Reservation {
    /// The object is written: what is new stays, what it no longer uses is free.
    pub fn keep(mut self) {
        self.taken.clear();
        let freed = std::mem::take(&mut self.freed);
        self.allocator.free(&freed);
    }

    fn address(&mut self, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr, String> {
        let mut pools = self.allocator.pools();
        let number = if let Some(address) = wanted {
            if !pools.addresses.contains(address.to_bits()) {
                let network = &self.allocator.0.network;
                return Err(format!(
                    "the provided IP ({address}) is not in the valid range. The range of valid IPs is {network}"
                ));
            }
            if !pools.addresses.take(address.to_bits()) {
                return Err("provided IP is already allocated".to_owned());
            }
            address.to_bits()
        } else {
            let any = pools.addresses.take_any(random());
            any.ok_or_else(|| FULL.to_owned())?
        };
        drop(pools);
        self.taken.push(Item::Address(number));
        Ok(Ipv4Addr::from_bits(number))
    }

    fn port(&mut self, wanted: Option<i64>) -> Result<i64, String> {
        let mut pools = self.allocator.pools();
        let number = if let Some(port) = wanted {
            let valid = u32::try_from(port).ok();
            let Some(port) = valid.filter(|port| pools.ports.contains(*port)) else {
                return Err(format!(
                    "provided port is not in the valid range. The range of valid ports is {FIRST_NODE_PORT}-{LAST_NODE_PORT}"
                ));
            };
            if !pools.ports.take(port) {
                return Err(PORT_TAKEN.to_owned());
            }
            port
        } else {
            let any = pools.ports.take_any(random());
            any.ok_or_else(|| FULL.to_owned())?
        };
        drop(pools);
        self.taken.push(Item::Port(number));
        Ok(i64::from(number))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.allocator.free(&self.taken);
    }
}

impl Allocator {
    /// For a network such as `10.100.0.0/16`, with what the services of the cluster already have.
    /// `None` if it is no IPv4 network of at least four addresses.
    pub fn new<'a>(network: &str, services: impl IntoIterator<Item = &'a Value>) -> Option<Self> {
        let (address, length) = network.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let length: u32 = length
            .parse()
            .ok()
            .filter(|length| (1..=30).contains(length))?;
        let size = 1u32 << (32 - length);
        let base = address.to_bits() & !(size - 1);
        // Neither the network's own address nor that of all.
        let reserved = (size / 16).clamp(16, RESERVED_ADDRESSES).min(size / 2);
        let pools = Pools {
            addresses: Pool::new(base + 1, base + (size - 2), reserved)
                .keeping([base + API, base + NAME_SERVER]),
            ports: Pool::new(FIRST_NODE_PORT, LAST_NODE_PORT, RESERVED_PORTS),
        };
        let allocator = Self(Arc::new(Inner {
            network: network.to_owned(),
            pools: Mutex::new(pools),
        }));
        for service in services {
            let mut pools = allocator.pools();
            for item in items(&service["spec"]) {
                match item {
                    Item::Address(number) => pools.addresses.take(number),
                    Item::Port(number) => pools.ports.take(number),
                };
            }
        }
        Some(allocator)
    }

    // Nothing panics while it holds the lock.
    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.0.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self, items: &[Item]) {
        let mut pools = self.pools();
        for item in items {
            match *item {
                Item::Address(number) => pools.addresses.release(number),
                Item::Port(number) => pools.ports.release(number),
            }
        }
    }

    fn reservation(&self) -> Reservation {
        Reservation {
            allocator: self.clone(),
            taken: Vec::new(),
            freed: Vec::new(),
        }
    }

    /// Gives a new service what it needs. To be called after `prepare_create`, before it is validated.
    ///
    /// # Errors
    /// What it asks for is taken, or there is nothing left.
    pub fn create(&self, service: &mut Value) -> Result<Reservation, Status> {
        let name = fields::text(&service["metadata"], "name").to_owned();
        let mut held = self.reservation();
        let Some(spec) = fields::child(service, "spec") else {
            return Ok(held);
        };
        families(spec, None, &name)?;
        give_address(spec, &mut held, &name)?;
        give_node_ports(spec, &mut held, &name)?;
        if needs_health_check(spec) {
            give_health_port(spec, &mut held)?;
        }
        Ok(held)
    }

    /// The same for a service that changes. To be called after `prepare_update`.
    ///
    /// # Errors
    /// What it asks for is taken, or there is nothing left.
    pub fn update(&self, service: &mut Value, old: &Value) -> Result<Reservation, Status> {
        let name = fields::text(&service["metadata"], "name").to_owned();
        let mut held = self.reservation();
        let old = &old["spec"];
        let Some(spec) = fields::child(service, "spec") else {
            return Ok(held);
        };
        families(spec, Some(old), &name)?;
        let was_external = fields::text(old, "type") == "ExternalName";
        if was_external || fields::list(old, "clusterIPs").is_empty() {
            give_address(spec, &mut held, &name)?;
        }
        update_node_ports(spec, old, &mut held, &name)?;
        if needs_health_check(spec) && !needs_health_check(old) {
            give_health_port(spec, &mut held)?;
        }
        let now = items(spec);
        held.freed = items(old);
        held.freed.retain(|item| !now.contains(item));
        Ok(held)
    }

    /// What a service had that goes: kept, it is free.
    pub fn release(&self, service: &Value) -> Reservation {
        let mut released = self.reservation();
        released.freed = items(&service["spec"]);
        released
    }
}

fn random() -> u32 {
    // Without chance it is the first free one.
    getrandom::u32().unwrap_or_default()
}

/// What a service has.
fn items(spec: &Value) -> Vec<Item> {
    let mut items = Vec::new();
    if fields::text(spec, "type") != "ExternalName" {
        let addresses = fields::list(spec, "clusterIPs")
            .iter()
            .filter_map(Value::as_str);
        let read = addresses.filter_map(|text| text.parse::<Ipv4Addr>().ok());
        items.extend(read.map(|address| Item::Address(address.to_bits())));
    }
    let ports = fields::list(spec, "ports").iter();
    let ports = ports.map(|port| fields::integer(port, "nodePort"));
    let health = needs_health_check(spec).then(|| fields::integer(spec, "healthCheckNodePort"));
    for port in ports.chain(health) {
        if let Ok(port) = u32::try_from(port)
            && port != 0
            && !items.contains(&Item::Port(port))
        {
            items.push(Item::Port(port));
        }
    }
    items
}

fn invalid(name: &str, errors: &Errors) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid("Service", "", name, errors))
}

fn families(spec: &mut Value, old: Option<&Value>, name: &str) -> Result<(), Status> {
    let mut errors = Errors::default();
    families::fill_in(spec, old, &mut errors);
    invalid(name, &errors)
}

fn nothing_left(what: &str, why: &str) -> Status {
    let text = format!("Internal error occurred: failed to allocate a {what}: {why}");
    Status::new(
        http::StatusCode::INTERNAL_SERVER_ERROR,
        "InternalError",
        text,
    )
}

fn give_address(spec: &mut Value, held: &mut Reservation, name: &str) -> Result<(), Status> {
    if fields::text(spec, "type") == "ExternalName" || is_headless(spec) {
        return Ok(());
    }
    let wanted = fields::list(spec, "clusterIPs");
    let wanted = wanted.first().and_then(Value::as_str).unwrap_or_default();
    if wanted.is_empty() {
        let given = held.address(None);
        let given = given.map_err(|why| nothing_left("serviceIP", &why))?;
        fields::set(spec, "clusterIP", given.to_string());
        fields::set(spec, "clusterIPs", json!([given.to_string()]));
        return Ok(());
    }
    // What is no address is said by the validation.
    let Ok(address) = wanted.parse::<Ipv4Addr>() else {
        return Ok(());
    };
    if let Err(why) = held.address(Some(address)) {
        let shown = format!("[]string{{{wanted:?}}}: failed to allocate IP {wanted}: {why}");
        let mut errors = Errors::default();
        errors.invalid_without_value(&Path::new("spec").field("clusterIPs"), &shown);
        return invalid(name, &errors);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
