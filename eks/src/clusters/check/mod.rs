//! What clusters can be configured with.
use std::net::Ipv4Addr;

use super::{
    config::{
        AuthenticationMode, EncryptionConfig, IpFamily, Logging, NetworkConfig, NewCluster,
        RemoteNetworkConfig, VpcConfig,
    },
    create,
};
use crate::{Error, checks, versions::Version};

mod auto_mode;
mod components;
mod update;

pub(super) use auto_mode::merged_compute;
use auto_mode::{auto_mode, auto_mode_of_new, is_on};
use components::components;
pub(super) use update::{config_update, version_update};

/// The most security groups of a cluster.
const MAX_SECURITY_GROUPS: usize = 5;

/// The most blocks of addresses in a list.
const MAX_CIDRS: usize = 40;

/// The most subnets of a cluster.
const MAX_SUBNETS: usize = 32;

fn refused(text: impl Into<String>) -> Error {
    Error::invalid_parameter(text)
}

/// Checks a request for a cluster; which version it gets.
pub(super) fn new(new: &NewCluster) -> Result<&'static Version, Error> {
    let role = checks::required_text("roleArn", new.role_arn.clone())?;
    checks::role_arn("roleArn", &role)?;
    let vpc = checks::required("resourcesVpcConfig", new.resources_vpc_config.as_ref())?;
    if vpc.subnet_ids.as_ref().is_none_or(Vec::is_empty) {
        return Err(refused("subnetIds can not be null or empty"));
    }
    check_vpc(vpc)?;
    endpoints(
        vpc.endpoint_public_access.unwrap_or(true),
        vpc.endpoint_private_access.unwrap_or(false),
    )?;
    let version = create::version(new)?;
    if new.outpost_config.is_some() {
        return Err(refused(
            "outpostConfig is not supported: there are no AWS Outposts here",
        ));
    }
    let network = new.kubernetes_network_config.as_ref();
    network.map_or(Ok(()), services)?;
    new.logging.as_ref().map_or(Ok(()), logging)?;
    if let Some(config) = new.encryption_config.as_ref().filter(|c| !c.is_empty()) {
        encryption(config)?;
    }
    access(new)?;
    new.remote_network_config.as_ref().map_or(Ok(()), remote)?;
    auto_mode(
        new.compute_config.as_ref(),
        new.storage_config.as_ref(),
        network,
    )?;
    if is_on(new.compute_config.as_ref()) {
        auto_mode_of_new(new)?;
    }
    components(
        new.kube_api_server_config.as_ref(),
        new.kube_scheduler_config.as_ref(),
        new.kube_controller_manager_config.as_ref(),
    )?;
    checks::tags(
        new.tags
            .as_ref()
            .unwrap_or(&std::collections::BTreeMap::new()),
    )?;
    Ok(version)
}

fn check_vpc(vpc: &VpcConfig) -> Result<(), Error> {
    let subnets = vpc.subnet_ids.as_deref().unwrap_or_default();
    ids("subnetIds", subnets, MAX_SUBNETS)?;
    let groups = vpc.security_group_ids.as_deref().unwrap_or_default();
    ids("securityGroupIds", groups, MAX_SECURITY_GROUPS)?;
    let cidrs = vpc.public_access_cidrs.as_deref().unwrap_or_default();
    let bad: Vec<&str> = cidrs
        .iter()
        .map(String::as_str)
        .filter(|text| Block::parse(text).is_none())
        .collect();
    if !bad.is_empty() {
        let bad = bad.join(", ");
        let text = format!("The following CIDRs are invalid in publicAccessCidrs: [{bad}]");
        return Err(refused(text));
    }
    if cidrs.len() > MAX_CIDRS {
        let text = format!("publicAccessCidrs can have up to {MAX_CIDRS} entries");
        return Err(refused(text));
    }
    Ok(())
}

/// Ids of something: no one is known to be wrong, but each is there once.
pub(crate) fn ids(member: &str, ids: &[String], max: usize) -> Result<(), Error> {
    if ids.len() > max {
        let text = format!("{member} can have up to {max} entries, not {}", ids.len());
        return Err(refused(text));
    }
    ids.iter()
        .try_for_each(|id| checks::length(member, id, 1, 255))?;
    checks::distinct(member, ids)
}

fn endpoints(public: bool, private: bool) -> Result<(), Error> {
    if public || private {
        return Ok(());
    }
    Err(refused(
        "Private and public endpoint access cannot be false",
    ))
}

/// A block of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    address: u32,
    length: u32,
}

const PRIVATE: [Block; 3] = [
    Block::new([10, 0, 0, 0], 8),
    Block::new([172, 16, 0, 0], 12),
    Block::new([192, 168, 0, 0], 16),
];

impl Block {
    const fn new(address: [u8; 4], length: u32) -> Self {
        Self {
            address: u32::from_be_bytes(address),
            length,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|n| digits && *n <= 32)?;
        let address = address.to_bits();
        Some(Self { address, length })
    }

    /// Whether another block is all in this one.
    fn has(self, other: Self) -> bool {
        let mask = u32::MAX.checked_shl(32 - self.length).unwrap_or(0);
        self.length <= other.length && self.address & mask == other.address & mask
    }

    fn is_private(self) -> bool {
        PRIVATE.iter().any(|block| block.has(self))
    }

    fn overlaps(self, other: Self) -> bool {
        self.has(other) || other.has(self)
    }
}

fn services(network: &NetworkConfig) -> Result<(), Error> {
    let Some(text) = &network.service_ipv4_cidr else {
        return Ok(());
    };
    if network.ip_family == Some(IpFamily::Ipv6) {
        return Err(refused(
            "serviceIpv4Cidr can not be specified if ipFamily is ipv6",
        ));
    }
    let block = Block::parse(text)
        .ok_or_else(|| refused(format!("serviceIpv4Cidr {text} is not a valid CIDR block")))?;
    let Block { address, length } = block;
    if address & !u32::MAX.checked_shl(32 - length).unwrap_or(0) != 0 {
        let text = format!("serviceIpv4Cidr {text} has bits beyond its prefix");
        return Err(refused(text));
    }
    if !(12..=24).contains(&length) {
        let text = format!("serviceIpv4Cidr {text} must be between /24 and /12");
        return Err(refused(text));
    }
    if !block.is_private() {
        let text = format!(
            "serviceIpv4Cidr {text} must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        );
        return Err(refused(text));
    }
    Ok(())
}

fn logging(logging: &Logging) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    let setups = logging.cluster_logging.iter().flatten();
    for kind in setups.flat_map(|setup| setup.types.iter().flatten()) {
        if !seen.insert(*kind) {
            let text = format!("The log type {} is specified more than once", kind.as_str());
            return Err(refused(text));
        }
    }
    Ok(())
}

/// `encryptionConfig`: one entry, for secrets.
pub(super) fn encryption(config: &[EncryptionConfig]) -> Result<(), Error> {
    let [only] = config else {
        return Err(refused("encryptionConfig must have one entry"));
    };
    let resources = only.resources.as_deref().unwrap_or_default();
    if resources != ["secrets"] {
        return Err(refused("encryptionConfig.resources must be [secrets]"));
    }
    let key = only.provider.as_ref().and_then(|p| p.key_arn.as_deref());
    let key = key.ok_or_else(|| refused("encryptionConfig.provider.keyArn can not be null"))?;
    let is_key = |arn: &wharf_types::Arn| {
        let kind = arn.resource.split('/').next();
        arn.service == "kms" && matches!(kind, Some("key" | "alias"))
    };
    if key.parse().is_ok_and(|arn| is_key(&arn)) {
        return Ok(());
    }
    Err(refused(format!(
        "The keyArn {key} is not the ARN of a KMS key"
    )))
}

fn access(new: &NewCluster) -> Result<(), Error> {
    let given = new.access_config.clone().unwrap_or_default();
    let mode = given.authentication_mode;
    let config_map = mode.is_none_or(|mode| mode == AuthenticationMode::ConfigMap);
    if config_map && given.bootstrap_cluster_creator_admin_permissions == Some(false) {
        return Err(refused(
            "bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP",
        ));
    }
    Ok(())
}

fn remote(config: &RemoteNetworkConfig) -> Result<(), Error> {
    let networks = [
        ("remoteNodeNetworks", &config.remote_node_networks),
        ("remotePodNetworks", &config.remote_pod_networks),
    ];
    let mut blocks: Vec<Block> = Vec::new();
    for (member, networks) in networks {
        let networks = networks.as_deref().unwrap_or_default();
        if networks.len() > 1 {
            return Err(refused(format!("{member} can have one entry")));
        }
        for text in networks.iter().flat_map(|n| n.cidrs.iter().flatten()) {
            let block = Block::parse(text).filter(|block| block.is_private());
            let block = block.ok_or_else(|| {
                let text = format!("{member} has {text}, which is not a private CIDR block");
                refused(text)
            })?;
            if blocks.iter().any(|other| other.overlaps(block)) {
                return Err(refused(format!(
                    "{member} has {text}, which overlaps another block"
                )));
            }
            blocks.push(block);
            if blocks.len() > 2 * MAX_CIDRS {
                return Err(refused("remoteNetworkConfig has too many CIDR blocks"));
            }
        }
    }
    Ok(())
}

/// A number, if it is there.
pub(crate) fn in_range(member: &str, value: Option<i64>, min: i64, max: i64) -> Result<(), Error> {
    match value {
        Some(n) if !(min..=max).contains(&n) => {
            Err(refused(format!("{member} must be between {min} and {max}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
