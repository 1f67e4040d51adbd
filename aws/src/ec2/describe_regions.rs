//! Lists the regions.
use super::{
    filter::{Filter, Filters, one},
    model::invalid,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::tags::Tags;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeRegions {
    region_name: Option<Vec<String>>,
    _all_regions: Option<bool>,
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
}

impl Operation for DescribeRegions {
    const NAME: &'static str = "DescribeRegions";
    type Output = Value;

    async fn run(self, _cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let names = self.region_name.unwrap_or_default();
        if let Some(name) = names.iter().find(|name| !REGIONS.contains(&name.as_str())) {
            let text = format!("Invalid region: [{name}]");
            return Err(invalid(text));
        }
        let all = REGIONS
            .iter()
            .filter(|region| names.is_empty() || names.iter().any(|name| name == **region));
        let all = filters.keep(
            all.collect(),
            |_| Tags::new(),
            |region, name| match name {
                "region-name" => one(**region),
                "endpoint" => one(format!("ec2.{region}.amazonaws.com")),
                "opt-in-status" => one("opt-in-not-required"),
                _ => None,
            },
        )?;
        let shown = all.iter().map(|region| {
            json!({
                "regionName": region,
                "regionEndpoint": format!("ec2.{region}.amazonaws.com"),
                "optInStatus": "opt-in-not-required",
            })
        });
        Ok(json!({ "regionInfo": shown.collect::<Vec<_>>() }))
    }
}

/// The regions that every account has.
const REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
