use std::net::SocketAddr;

use proptest::prelude::*;

use super::rules::{Batch, Door, Family};
use super::{Desired, Place, Step};
use crate::table::{Config, Protocol, Service, ServiceKey, ServicePort, Staged, Table};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn service(name: &str, endpoints: &[&str]) -> Service {
    Service {
        key: ServiceKey {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        },
        cluster_ips: vec!["10.100.0.7".parse().unwrap()],
        external_name: None,
        affinity: false,
        ports: vec![ServicePort {
            name: String::new(),
            protocol: Protocol::Tcp,
            port: 80,
            also: vec![at("10.0.0.1:30080")],
            endpoints: endpoints.iter().map(|text| at(text)).collect(),
        }],
        hosts: Vec::new(),
    }
}

fn table(pod: &str, services: Vec<Service>) -> Table {
    let mut staged = Staged::default();
    staged.configure(Config {
        addresses: vec![pod.parse().unwrap()],
        ..Config::default()
    });
    for service in services {
        staged.put(service).unwrap();
    }
    let mut table = Table::default();
    staged.commit(&mut table, 1).unwrap();
    table
}

fn door(text: &str) -> Door {
    Door {
        ip: at(text).ip(),
        protocol: 6,
        port: at(text).port(),
    }
}

#[test]
fn every_way_to_a_service_leads_to_its_endpoints_of_the_same_family() {
    let all = ["10.0.0.5:8080", "[fd00::5]:8080", "10.0.0.6:8080"];
    let desired = Desired::new(&table("10.0.0.2", vec![service("web", &all)]), &[]);
    let endpoints = vec![at("10.0.0.5:8080"), at("10.0.0.6:8080")];
    assert_eq!(desired.doors.len(), 2);
    assert_eq!(desired.doors[&door("10.100.0.7:80")], endpoints);
    assert_eq!(desired.doors[&door("10.0.0.1:30080")], endpoints);
}

#[test]
fn places_of_the_sandbox_win_over_services() {
    let place = Place {
        at: at("10.100.0.7:80"),
        protocol: Protocol::Tcp,
        listener: at("169.254.170.53:64001"),
    };
    let table = table("10.0.0.2", vec![service("kubernetes", &["10.0.0.5:6443"])]);
    let desired = Desired::new(&table, &[place]);
    assert_eq!(desired.doors[&door("10.100.0.7:80")], [place.listener]);
}

#[test]
fn affinity_keeps_a_pod_at_its_endpoint_while_that_is_there() {
    let chosen = |pod: &str, endpoints: &[&str]| {
        let mut web = service("web", endpoints);
        web.affinity = true;
        let desired = Desired::new(&table(pod, vec![web]), &[]);
        let all = desired.doors[&door("10.100.0.7:80")].clone();
        assert_eq!(all.len(), 1);
        all[0].to_string()
    };
    let all = ["10.0.0.5:80", "10.0.0.6:80", "10.0.0.7:80", "10.0.0.8:80"];
    let first = chosen("10.0.0.2", &all);
    for gone in all.iter().filter(|gone| **gone != first) {
        let rest: Vec<&str> = all.iter().copied().filter(|one| one != gone).collect();
        assert_eq!(chosen("10.0.0.2", &rest), first);
    }
    let pods = (2..30).map(|n| chosen(&format!("10.0.0.{n}"), &all));
    let distinct: std::collections::BTreeSet<String> = pods.collect();
    assert!(distinct.len() > 1, "pods are spread over endpoints");
}

proptest! {
    /// What a step deletes and adds turns the old elements into the new ones, and touches no others.
    #[test]
    fn a_step_is_the_difference(
        old in prop::option::of(prop::collection::vec(1..6_u16, 0..6)),
        new in prop::option::of(prop::collection::vec(1..6_u16, 0..6)),
    ) {
        let places = |ports: &Vec<u16>| -> Vec<SocketAddr> {
            ports.iter().map(|port| SocketAddr::from(([10, 0, 0, 5], *port))).collect()
        };
        let (old, new) = (old.as_ref().map(places), new.as_ref().map(places));
        let mut step = Step::default();
        step.add(door("10.100.0.7:80"), old.as_deref(), new.as_deref());
        let mut endpoints: Vec<Option<SocketAddr>> =
            old.iter().flatten().copied().map(Some).collect();
        for (_, index) in &step.old_endpoints {
            let place = &mut endpoints[usize::try_from(*index).unwrap()];
            prop_assert!(place.take().is_some(), "deleted twice");
        }
        for (_, index, endpoint) in &step.endpoints {
            let index = usize::try_from(*index).unwrap();
            endpoints.resize(endpoints.len().max(index + 1), None);
            prop_assert!(endpoints[index].replace(*endpoint).is_none(), "there already");
        }
        let left: Vec<SocketAddr> = endpoints.into_iter().flatten().collect();
        prop_assert_eq!(left, new.clone().unwrap_or_default());
        let mut count = old.as_ref().map(Vec::len);
        if !step.old_services.is_empty() {
            count = None;
        }
        for (_, added) in &step.services {
            prop_assert!(count.replace(*added).is_none(), "there already");
        }
        prop_assert_eq!(count, new.map(|new| new.len()));
    }
}

#[test]
fn long_lists_of_elements_are_split_and_every_message_says_its_length() {
    let doors: Vec<(Door, usize)> = (0..5_000_u16)
        .map(|port| {
            let mut door = door("10.100.0.7:80");
            door.port = port;
            (door, 1)
        })
        .collect();
    let mut batch = Batch::new(super::rules::TABLE, 7);
    batch.add_services(Family::V4, &doors);
    let mut rest = batch.buffer.sent.as_slice();
    let mut messages = 0;
    while let Some(length) = rest.first_chunk() {
        let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap();
        assert!(length % 4 == 0 && length < 65_536 + 64, "{length}");
        rest = &rest[length..];
        messages += 1;
    }
    assert!(rest.is_empty());
    assert!(messages > 2, "more than the beginning and one list");
}
