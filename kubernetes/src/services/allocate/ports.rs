//! Which node ports a service asks for, and which it is given.
use std::collections::HashMap;

use serde_json::Value;

use super::{Reservation, invalid, nothing_left};
use crate::{Errors, Path, Status, fields};

fn has_node_ports(spec: &Value) -> bool {
    ["NodePort", "LoadBalancer"].contains(&fields::text(spec, "type"))
}

/// Whether ports that ask for none get one.
fn gives_node_ports(spec: &Value) -> bool {
    match fields::text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => spec["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

pub(super) fn needs_health_check(spec: &Value) -> bool {
    fields::text(spec, "type") == "LoadBalancer"
        && fields::text(spec, "externalTrafficPolicy") == "Local"
}

fn asked_node_port(
    held: &mut Reservation,
    index: usize,
    wanted: i64,
    name: &str,
) -> Result<(), Status> {
    if let Err(why) = held.port(Some(wanted)) {
        let path = Path::new("spec")
            .field("ports")
            .index(index)
            .field("nodePort");
        let mut errors = Errors::default();
        errors.invalid(&path, &wanted.into(), &why);
        return invalid(name, &errors);
    }
    Ok(())
}

fn any_node_port(held: &mut Reservation) -> Result<i64, Status> {
    let any = held.port(None);
    any.map_err(|why| nothing_left("nodePort", &why))
}

/// One number serves the same port in several protocols.
pub(super) fn give_node_ports(
    spec: &mut Value,
    held: &mut Reservation,
    name: &str,
) -> Result<(), Status> {
    if !has_node_ports(spec) {
        return Ok(());
    }
    let gives = gives_node_ports(spec);
    let mut asked: HashMap<i64, i64> = HashMap::new();
    for port in fields::list(spec, "ports") {
        let wanted = fields::integer(port, "nodePort");
        if wanted != 0 {
            asked.entry(fields::integer(port, "port")).or_insert(wanted);
        }
    }
    let mut given: HashMap<i64, i64> = HashMap::new();
    for (i, port) in fields::each(spec, "ports").enumerate() {
        let number = fields::integer(port, "port");
        let own = fields::integer(port, "nodePort");
        if own == 0 && !gives {
            continue;
        }
        let node_port = match given.get(&number) {
            Some(same) if own == 0 || own == *same => *same,
            Some(_) => {
                asked_node_port(held, i, own, name)?;
                own
            }
            None => {
                let taken = match asked.get(&number) {
                    Some(&wanted) => asked_node_port(held, i, wanted, name).map(|()| wanted)?,
                    None => any_node_port(held)?,
                };
                given.insert(number, taken);
                if own != 0 && own != taken {
                    asked_node_port(held, i, own, name)?;
                    own
                } else {
                    taken
                }
            }
        };
        fields::set(port, "nodePort", node_port);
    }
    Ok(())
}

pub(super) fn update_node_ports(
    spec: &mut Value,
    old: &Value,
    held: &mut Reservation,
    name: &str,
) -> Result<(), Status> {
    if !has_node_ports(spec) {
        return Ok(());
    }
    let gives = gives_node_ports(spec);
    let mut own: Vec<i64> = fields::list(old, "ports")
        .iter()
        .map(|port| fields::integer(port, "nodePort"))
        .filter(|port| *port != 0)
        .collect();
    for (i, port) in fields::each(spec, "ports").enumerate() {
        let wanted = fields::integer(port, "nodePort");
        if wanted == 0 && !gives {
            continue;
        }
        if wanted == 0 {
            let any = any_node_port(held)?;
            fields::set(port, "nodePort", any);
        } else if !own.contains(&wanted) {
            asked_node_port(held, i, wanted, name)?;
            own.push(wanted);
        }
    }
    Ok(())
}

pub(super) fn give_health_port(spec: &mut Value, held: &mut Reservation) -> Result<(), Status> {
    let wanted = fields::integer(spec, "healthCheckNodePort");
    let given = held.port((wanted != 0).then_some(wanted));
    let given = given.map_err(|why| {
        let text = if wanted == 0 {
            format!("failed to allocate a HealthCheck NodePort 0: {why}")
        } else {
            format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}")
        };
        let text = format!("Internal error occurred: {text}");
        Status::new(
            http::StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            text,
        )
    })?;
    fields::set(spec, "healthCheckNodePort", given);
    Ok(())
}
