//! Says where which instance types are: everywhere.
use super::{
    filter::{Filter, Filters, one, page},
    model::invalid,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{instance_types, network, tags::Tags};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeInstanceTypeOfferings {
    _dry_run: Option<bool>,
    location_type: Option<String>,
    filter: Option<Vec<Filter>>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for DescribeInstanceTypeOfferings {
    const NAME: &'static str = "DescribeInstanceTypeOfferings";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let kind = self.location_type.unwrap_or_else(|| "region".into());
        let region = &cx.registry.region;
        let locations: Vec<String> = match kind.as_str() {
            "region" => vec![region.to_string()],
            "availability-zone" => network::zones(region).into_iter().map(|z| z.name).collect(),
            "availability-zone-id" => network::zones(region).into_iter().map(|z| z.id).collect(),
            other => {
                return Err(invalid(format!(
                    "Invalid value '{other}' for LocationType."
                )));
            }
        };
        let mut all: Vec<(&str, String)> = Vec::new();
        for row in instance_types::all() {
            all.extend(
                locations
                    .iter()
                    .map(|location| (row.name, location.clone())),
            );
        }
        all.sort();
        let all = filters.keep(
            all,
            |_| Tags::new(),
            |(instance_type, location), name| match name {
                "instance-type" => one(*instance_type),
                "location" => one(location),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let key = |(name, location): &(&str, String)| format!("{name}\u{1}{location}");
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, key)?;
        let shown = all.iter().map(|(name, location)| {
            json!({ "instanceType": name, "locationType": kind, "location": location })
        });
        Ok(json!({
            "instanceTypeOfferingSet": shown.collect::<Vec<_>>(),
            "nextToken": token,
        }))
    }
}
