//! What node groups can be configured with.
use std::collections::{BTreeMap, BTreeSet};

use super::{
    Scaling,
    config::{
        AmiType, CapacityType, GroupUpdateConfig, LaunchTemplate, NewNodegroup, PoolState,
        RepairConfig, ScalingConfig, Taint, WarmPool,
    },
};
use crate::{
    Error, checks,
    clusters::{Cluster, ids, in_range},
    versions::{self, Version},
};

/// The most nodes of a group.
const MAX_NODES: i64 = 450;

/// The most labels and the most taints of a group.
const MAX_ENTRIES: usize = 50;

/// The most types of machines of a group.
const MAX_TYPES: usize = 20;

fn refused(text: impl Into<String>) -> Error {
    Error::invalid_parameter(text)
}

/// Checks what of a request can be checked without its cluster.
pub(super) fn new(new: &NewNodegroup) -> Result<(), Error> {
    let role = checks::required_text("nodeRole", new.node_role.clone())?;
    checks::role_arn("nodeRole", &role)?;
    let subnets = new.subnets.as_deref().unwrap_or_default();
    if subnets.is_empty() {
        return Err(refused("subnets can not be null or empty"));
    }
    ids("subnets", subnets, 200)?;
    if let Some(given) = &new.scaling_config {
        let all = (given.min_size, given.max_size, given.desired_size);
        let (Some(min), Some(max), Some(desired)) = all else {
            return Err(refused(
                "scalingConfig must have all of minSize, maxSize and desiredSize, or none",
            ));
        };
        scaling(Scaling { min, max, desired })?;
    }
    launch(new)?;
    let types = new.instance_types.as_deref().unwrap_or_default();
    if types.len() > MAX_TYPES {
        return Err(refused(format!(
            "instanceTypes can have up to {MAX_TYPES} entries"
        )));
    }
    checks::distinct("instanceTypes", types)?;
    in_range("diskSize", new.disk_size, 1, 16_384)?;
    labels(new.labels.as_ref().unwrap_or(&BTreeMap::new()))?;
    taints(new.taints.as_deref().unwrap_or_default())?;
    new.update_config.as_ref().map_or(Ok(()), update_config)?;
    new.node_repair_config.as_ref().map_or(Ok(()), repair)?;
    new.warm_pool_config
        .as_ref()
        .map_or(Ok(()), |pool| warm_pool(pool, new.ami_type))?;
    checks::tags(new.tags.as_ref().unwrap_or(&BTreeMap::new()))
}

/// What a launch template says, the request may not.
fn launch(new: &NewNodegroup) -> Result<(), Error> {
    let Some(template) = &new.launch_template else {
        if new.ami_type == Some(AmiType::Custom) {
            return Err(refused(
                "You cannot specify an AMI Type other than CUSTOM without a launch template, nor CUSTOM: it needs one.",
            ));
        }
        if new.capacity_type == Some(CapacityType::CapacityBlock) {
            return Err(refused("CAPACITY_BLOCK needs a launch template."));
        }
        return Ok(());
    };
    if template.id.is_some() == template.name.is_some() {
        return Err(refused(
            "You must specify either the launch template ID or the launch template name in the request, but not both.",
        ));
    }
    if new.disk_size.is_some() {
        return Err(refused(
            "Disk size must be specified within the launch template.",
        ));
    }
    if new.remote_access.is_some() {
        return Err(refused(
            "Remote access configuration cannot be specified with a launch template.",
        ));
    }
    Ok(())
}

/// A launch template with all that AWS shows of it. There is no EC2 to ask what is not said.
pub(super) fn completed(mut template: LaunchTemplate) -> LaunchTemplate {
    template.version.get_or_insert_with(|| "1".to_owned());
    let made_up = |text: &Option<String>| {
        crate::clusters::made_up_id("lt", text.as_deref().unwrap_or_default())
    };
    if template.id.is_none() {
        template.id = Some(made_up(&template.name));
    }
    if template.name.is_none() {
        template.name.clone_from(&template.id);
    }
    template
}

/// How many nodes there can be.
pub(super) fn scaling(scaling: Scaling) -> Result<(), Error> {
    let Scaling { min, max, desired } = scaling;
    in_range("minSize", Some(min), 0, MAX_NODES)?;
    in_range("maxSize", Some(max), 1, MAX_NODES)?;
    in_range("desiredSize", Some(desired), 0, MAX_NODES)?;
    if min > max {
        let text = format!("Minimum capacity {min} can't be greater than max size {max}");
        return Err(refused(text));
    }
    if min > desired {
        let text = format!("Minimum capacity {min} can't be greater than desired size {desired}");
        return Err(refused(text));
    }
    if desired > max {
        let text = format!("desired capacity {desired} can't be greater than max size {max}");
        return Err(refused(text));
    }
    Ok(())
}

/// What a change of some of the numbers makes of them.
pub(super) fn merged(now: Scaling, change: &ScalingConfig) -> Scaling {
    Scaling {
        min: change.min_size.unwrap_or(now.min),
        max: change.max_size.unwrap_or(now.max),
        desired: change.desired_size.unwrap_or(now.desired),
    }
}

/// The version of a group: that of its cluster, or an older one.
pub(super) fn version(cluster: &Cluster, wanted: Option<&str>) -> Result<&'static Version, Error> {
    let of = versions::of_new(Some(&cluster.version))?;
    let Some(wanted) = wanted else {
        return Ok(of);
    };
    let version = versions::of_new(Some(wanted))?;
    if version.minor > of.minor {
        let text = format!(
            "Requested Nodegroup version {wanted} can't be greater than the cluster version {}",
            of.name
        );
        return Err(refused(text));
    }
    Ok(version)
}

/// Whether an image is there for a version, and a release is one of it.
pub(super) fn image(ami: AmiType, version: &Version, release: Option<&str>) -> Result<(), Error> {
    if ami.is_al2() && version.minor > 32 {
        let text = format!(
            "AMI Type {} is only supported for kubernetes versions 1.32 or earlier",
            ami.as_str()
        );
        return Err(refused(text));
    }
    let Some(release) = release else {
        return Ok(());
    };
    let (number, date) = release.split_once('-').unwrap_or((release, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let own = ami.is_bottlerocket() || number.starts_with(&format!("{}.", version.name));
    let dotted = number.split('.').count() == 3 && number.split('.').all(digits);
    if own && dotted && digits(date) {
        return Ok(());
    }
    let text = format!(
        "Requested release version {release} is not valid for kubernetes version {}.",
        version.name
    );
    Err(refused(text))
}

/// Whether machines are of the architecture of an image.
pub(super) fn machines(ami: AmiType, types: &[String]) -> Result<(), Error> {
    for kind in types {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let formed = kind.split_once('.').is_some_and(|(family, size)| {
            let (family, size) = (family.as_bytes(), size.as_bytes());
            !family.is_empty() && !size.is_empty() && family.iter().chain(size).all(|b| word(*b))
        });
        if !formed {
            let text = format!("The following supplied instance types do not exist: [{kind}]");
            return Err(refused(text));
        }
        if ami.is_arm().is_some_and(|arm| arm != is_arm(kind)) {
            let text = format!(
                "[{kind}] is not a valid instance type for requested amiType {}",
                ami.as_str()
            );
            return Err(refused(text));
        }
    }
    Ok(())
}

/// Whether machines of a type are ARM: `t4g`, `m6gd`, `c7gn`, `a1`, but not `g4dn`.
pub(super) fn is_arm(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    let after = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let options = after.trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1" || options.starts_with('g')
}

const RESERVED: [&str; 3] = ["kubernetes.io/", "k8s.io/", "eks.amazonaws.com/"];

/// The labels of nodes.
pub(super) fn labels(labels: &BTreeMap<String, String>) -> Result<(), Error> {
    for (key, value) in labels {
        checks::length("The key of a label", key, 1, 63)?;
        checks::length("The value of a label", value, 1, 63)?;
        let prefix = key.split_once('/').map(|(prefix, _)| format!("{prefix}/"));
        if prefix.is_some_and(|prefix| RESERVED.contains(&prefix.as_str())) {
            let all = RESERVED.join(", ");
            return Err(refused(format!(
                "Label cannot contain reserved prefixes [{all}]"
            )));
        }
        let name = key.rsplit('/').next().unwrap_or_default();
        if key.matches('/').count() > 1 || !is_label_text(name) || !is_label_text(value) {
            return Err(refused(format!(
                "The label {key}={value} is not valid in Kubernetes"
            )));
        }
    }
    if labels.len() > MAX_ENTRIES {
        return Err(refused(format!(
            "A node group can have up to {MAX_ENTRIES} labels"
        )));
    }
    Ok(())
}

/// Letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends.
fn is_label_text(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(|b| inner(*b)) && end(bytes.first()) && end(bytes.last())
}

/// The taints of nodes.
pub(super) fn taints(taints: &[Taint]) -> Result<(), Error> {
    if taints.len() > MAX_ENTRIES {
        return Err(refused(format!(
            "A node group can have up to {MAX_ENTRIES} taints"
        )));
    }
    let mut seen = BTreeSet::new();
    for taint in taints {
        let key = taint.key.as_deref().unwrap_or_default();
        checks::length("The key of a taint", key, 1, 63)?;
        let value = taint.value.as_deref().unwrap_or_default();
        checks::length("The value of a taint", value, 0, 63)?;
        let effect = checks::required("The effect of a taint", taint.effect)?;
        let name = key.rsplit('/').next().unwrap_or_default();
        if !is_label_text(name) || !value.is_empty() && !is_label_text(value) {
            return Err(refused(format!(
                "The taint {key}={value} is not valid in Kubernetes"
            )));
        }
        if !seen.insert((key, effect)) {
            let effect = effect.as_str();
            return Err(refused(format!(
                "The taint {key} with effect {effect} is there twice"
            )));
        }
    }
    Ok(())
}

/// How many nodes may be missing: one number or one percentage.
pub(super) fn update_config(config: &GroupUpdateConfig) -> Result<(), Error> {
    let (count, percentage) = (config.max_unavailable, config.max_unavailable_percentage);
    if count.is_some() && percentage.is_some() {
        return Err(refused(
            "maxUnavailable and maxUnavailablePercentage cannot be specified together",
        ));
    }
    if count.is_none() && percentage.is_none() && config.update_strategy.is_none() {
        return Err(refused(
            "updateConfig needs maxUnavailable or maxUnavailablePercentage",
        ));
    }
    in_range("maxUnavailable", count, 1, 100)?;
    in_range("maxUnavailablePercentage", percentage, 1, 100)
}

/// What is done with nodes that are broken.
pub(super) fn repair(config: &RepairConfig) -> Result<(), Error> {
    let pairs = [
        (
            "maxUnhealthyNodeThreshold",
            config.max_unhealthy_node_threshold_count,
            config.max_unhealthy_node_threshold_percentage,
        ),
        (
            "maxParallelNodesRepaired",
            config.max_parallel_nodes_repaired_count,
            config.max_parallel_nodes_repaired_percentage,
        ),
    ];
    for (member, count, percentage) in pairs {
        if count.is_some() && percentage.is_some() {
            let text = format!("{member}Count and {member}Percentage cannot be specified together");
            return Err(refused(text));
        }
        in_range(&format!("{member}Count"), count, 1, i64::from(i32::MAX))?;
        in_range(&format!("{member}Percentage"), percentage, 1, 100)?;
    }
    let overrides = config.node_repair_config_overrides.as_deref();
    let overrides = overrides.unwrap_or_default();
    if overrides.len() > MAX_ENTRIES {
        return Err(refused(format!(
            "nodeRepairConfigOverrides can have up to {MAX_ENTRIES} entries"
        )));
    }
    for one in overrides {
        let all = one.node_monitoring_condition.is_some()
            && one.node_unhealthy_reason.is_some()
            && one.min_repair_wait_time_mins.is_some()
            && one.repair_action.is_some();
        if !all {
            return Err(refused(
                "nodeRepairConfigOverrides must specify all the values",
            ));
        }
        let wait = one.min_repair_wait_time_mins;
        in_range("minRepairWaitTimeMins", wait, 1, i64::from(i32::MAX))?;
    }
    Ok(())
}

/// Machines that are kept ready.
pub(super) fn warm_pool(pool: &WarmPool, ami: Option<AmiType>) -> Result<(), Error> {
    in_range("warmPoolConfig.minSize", pool.min_size, 0, MAX_NODES)?;
    let prepared = pool.max_group_prepared_capacity;
    in_range("maxGroupPreparedCapacity", prepared, 0, MAX_NODES)?;
    if ami.is_some_and(AmiType::is_bottlerocket) {
        if pool.pool_state == Some(PoolState::Hibernated) {
            return Err(refused("HIBERNATED is not supported for Bottlerocket AMIs"));
        }
        if pool.reuse_on_scale_in == Some(true) {
            return Err(refused(
                "reuseOnScaleIn is not supported for Bottlerocket AMIs",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
