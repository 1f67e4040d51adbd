//! Lists instances.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wharf_compute::instances::{self, Instance};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeInstances {
    instance_id: Option<Vec<String>>,
    _include_managed_resources: Option<bool>,
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Operation for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let all = named(&cx, self.instance_id.unwrap_or_default()).await?;
        let all = filters.keep(
            all,
            |instance| instance.tags.clone(),
            |instance, name| attribute(&cx, instance, name),
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let key = |one: &Instance| one.id.clone();
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, key)?;
        let mut reservations: Vec<(&str, Vec<&Instance>)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for instance in &all {
            let id = instance.reservation.as_str();
            let place = *places.entry(id).or_insert(reservations.len());
            if place == reservations.len() {
                reservations.push((id, Vec::new()));
            }
            if let Some((_, of)) = reservations.get_mut(place) {
                of.push(instance);
            }
        }
        let shown = reservations
            .iter()
            .map(|(id, of)| model::reservation(&cx, id, of));
        Ok(json!({ "reservationSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

/// The instances with ids, which must be there; without ids, all.
pub(super) async fn named(cx: &Cx, ids: Vec<String>) -> Result<Vec<Instance>, Exception> {
    if ids.is_empty() {
        let all = instances::list(&cx.compute, &cx.registry).await;
        return all.map_err(refused);
    }
    let mut found = Vec::new();
    for id in &ids {
        let one = instances::one(&cx.compute, &cx.registry, id).await;
        found.push(one.map_err(refused)?);
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

/// The values of an instance that a filter can be on.
pub(super) fn attribute(cx: &Cx, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let region = &cx.registry.region;
    let (code, state) = instance.state.wire();
    match name {
        "instance-id" => one(&instance.id),
        "instance-state-name" => one(state),
        "instance-state-code" => one(code.to_string()),
        "instance-type" => one(&instance.instance_type),
        "image-id" => one(&instance.image),
        "availability-zone" => one(&instance.zone),
        "availability-zone-id" => {
            wharf_compute::network::zone_id(region, &instance.zone).map(|id| vec![id])
        }
        "subnet-id" | "network-interface.subnet-id" => one(&instance.subnet),
        "vpc-id" | "network-interface.vpc-id" => one(model::network(cx).vpc_id()),
        "private-dns-name" | "network-interface.private-dns-name" => {
            one(instance.private_dns_name(region))
        }
        "private-ip-address" | "network-interface.addresses.private-ip-address" => {
            one(instance.address.to_string())
        }
        "network-interface.network-interface-id" => one(instance.interface_id()),
        "key-name" => Some(instance.key_name.iter().cloned().collect()),
        "client-token" => Some(instance.client_token.iter().cloned().collect()),
        "reservation-id" => one(&instance.reservation),
        "owner-id" => one(cx.registry.account.as_str()),
        "architecture" => one(instance
            .shape()
            .map_or("x86_64", |s| s.architecture.as_str())),
        "instance-lifecycle" => Some(instance.spot.then(|| "spot".into()).into_iter().collect()),
        "instance.group-id" | "group-id" | "network-interface.group-id" => {
            Some(instance.security_groups.clone())
        }
        "iam-instance-profile.arn" | "iam-instance-profile.name" => {
            Some(instance.profile.iter().cloned().collect())
        }
        "launch-time" => one(model::time(instance.launched_ms)),
        "launch-index" => one(instance.index.to_string()),
        "root-device-type" => one("ebs"),
        "root-device-name" => one("/dev/xvda"),
        "tenancy" => one("default"),
        "virtualization-type" => one("hvm"),
        "hypervisor" => one("xen"),
        _ => None,
    }
}
