//! Lists the zones of the region.
use super::{
    filter::{Filter, Filters, one},
    model::invalid,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{network, tags::Tags};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeAvailabilityZones {
    zone_name: Option<Vec<String>>,
    zone_id: Option<Vec<String>>,
    _all_availability_zones: Option<bool>,
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
}

impl Operation for DescribeAvailabilityZones {
    const NAME: &'static str = "DescribeAvailabilityZones";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let region = &cx.registry.region;
        let mut all = network::zones(region);
        let (names, ids) = (
            self.zone_name.unwrap_or_default(),
            self.zone_id.unwrap_or_default(),
        );
        let unknown = names
            .iter()
            .find(|name| all.iter().all(|zone| zone.name != **name));
        if let Some(name) = unknown {
            return Err(invalid(format!("Invalid availability zone: [{name}]")));
        }
        let unknown = ids.iter().find(|id| all.iter().all(|zone| zone.id != **id));
        if let Some(id) = unknown {
            return Err(invalid(format!("Invalid availability zone-id: [{id}]")));
        }
        all.retain(|zone| {
            (names.is_empty() || names.contains(&zone.name))
                && (ids.is_empty() || ids.contains(&zone.id))
        });
        let all = filters.keep(
            all,
            |_| Tags::new(),
            |zone, name| match name {
                "zone-name" => one(&zone.name),
                "zone-id" => one(&zone.id),
                "zone-type" => one("availability-zone"),
                "state" => one("available"),
                "region-name" => one(region.as_str()),
                "group-name" => one(format!("{region}-zg-1")),
                "opt-in-status" => one("opt-in-not-required"),
                "message" => Some(Vec::new()),
                _ => None,
            },
        )?;
        let shown = all.iter().map(|zone| {
            json!({
                "zoneName": zone.name,
                "zoneId": zone.id,
                "zoneState": "available",
                "regionName": region.as_str(),
                "messageSet": [],
                "optInStatus": "opt-in-not-required",
                "groupName": format!("{region}-zg-1"),
                "networkBorderGroup": region.as_str(),
                "zoneType": "availability-zone",
            })
        });
        Ok(json!({ "availabilityZoneInfo": shown.collect::<Vec<_>>() }))
    }
}
