//! Lists instance types.
use super::{
    filter::{Filter, Filters, one, page},
    model::invalid,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    instance_types::{self, InstanceType},
    tags::Tags,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeInstanceTypes {
    _dry_run: Option<bool>,
    instance_type: Option<Vec<String>>,
    filter: Option<Vec<Filter>>,
    max_results: Option<i64>,
    next_token: Option<String>,
    _include_unsupported_in_region: Option<bool>,
}

impl Operation for DescribeInstanceTypes {
    const NAME: &'static str = "DescribeInstanceTypes";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let names = self.instance_type.unwrap_or_default();
        if let Some(name) = names
            .iter()
            .find(|name| instance_types::find(name).is_none())
        {
            let text = format!("The following supplied instance types do not exist: [{name}]");
            return Err(Exception {
                kind: "InvalidInstanceType",
                ..invalid(text)
            });
        }
        let all = instance_types::all().iter();
        let mut all: Vec<&InstanceType> = all
            .filter(|row| names.is_empty() || names.iter().any(|name| name == row.name))
            .collect();
        all.sort_by_key(|row| row.name);
        let all = filters.keep(all, |_| Tags::new(), |row, name| attribute(row, name))?;
        let asked = (self.max_results, self.next_token.as_deref());
        let (all, token) = page(&cx, Self::NAME, asked, (5, 100), all, |row| row.name.into())?;
        let shown: Vec<Value> = all.into_iter().map(shown).collect();
        Ok(json!({ "instanceTypeSet": shown, "nextToken": token }))
    }
}

fn attribute(row: &InstanceType, name: &str) -> Option<Vec<String>> {
    match name {
        "instance-type" => one(row.name),
        "processor-info.supported-architecture" => one(row.architecture.as_str()),
        "vcpu-info.default-vcpus" => one(row.vcpus.to_string()),
        "memory-info.size-in-mib" => one(row.memory_mib.to_string()),
        "hypervisor" => one(row.hypervisor.as_str()),
        "burstable-performance-supported" => one(row.is_burstable().to_string()),
        "current-generation" => one((!row.name.starts_with("t2.")).to_string()),
        "bare-metal" | "instance-storage-supported" | "hibernation-supported" => one("false"),
        "network-info.maximum-network-interfaces" => one(row.interfaces.to_string()),
        "network-info.ipv4-addresses-per-interface" => one(row.addresses.to_string()),
        "supported-usage-class" => Some(vec!["on-demand".into(), "spot".into()]),
        "supported-virtualization-type" => one("hvm"),
        "supported-root-device-type" => one("ebs"),
        _ => None,
    }
}

fn shown(row: &InstanceType) -> Value {
    let threads = row.vcpus.min(2);
    json!({
        "instanceType": row.name,
        "currentGeneration": !row.name.starts_with("t2."),
        "freeTierEligible": matches!(row.name, "t2.micro" | "t3.micro"),
        "supportedUsageClasses": ["on-demand", "spot"],
        "supportedRootDeviceTypes": ["ebs"],
        "supportedVirtualizationTypes": ["hvm"],
        "bareMetal": false,
        "hypervisor": row.hypervisor.as_str(),
        "processorInfo": { "supportedArchitectures": [row.architecture.as_str()] },
        "vCpuInfo": {
            "defaultVCpus": row.vcpus,
            "defaultCores": row.vcpus / threads,
            "defaultThreadsPerCore": threads,
        },
        "memoryInfo": { "sizeInMiB": row.memory_mib },
        "instanceStorageSupported": false,
        "networkInfo": {
            "networkPerformance": row.network,
            "maximumNetworkInterfaces": row.interfaces,
            "maximumNetworkCards": 1,
            "defaultNetworkCardIndex": 0,
            "ipv4AddressesPerInterface": row.addresses,
            "ipv6AddressesPerInterface": row.addresses,
            "ipv6Supported": true,
            "enaSupport": if row.name.starts_with("t2.") { "unsupported" } else { "required" },
        },
        "placementGroupInfo": { "supportedStrategies": ["partition", "spread"] },
        "hibernationSupported": false,
        "burstablePerformanceSupported": row.is_burstable(),
        "dedicatedHostsSupported": false,
        "autoRecoverySupported": true,
    })
}
