//! EKS Auto Mode, which is all on or all off.
use super::{
    super::config::{AuthenticationMode, ComputeConfig, NetworkConfig, NewCluster, StorageConfig},
    refused,
};
use crate::{Error, checks};

pub(super) fn is_on(compute: Option<&ComputeConfig>) -> bool {
    compute.and_then(|compute| compute.enabled).unwrap_or(false)
}

/// The three parts of EKS Auto Mode are all on or all off.
pub(super) fn auto_mode(
    compute: Option<&ComputeConfig>,
    storage: Option<&StorageConfig>,
    network: Option<&NetworkConfig>,
) -> Result<(), Error> {
    let block = storage.and_then(|storage| storage.block_storage.as_ref());
    let block = block.and_then(|block| block.enabled).unwrap_or(false);
    let balancing = network.and_then(|network| network.elastic_load_balancing.as_ref());
    let balancing = balancing.and_then(|b| b.enabled).unwrap_or(false);
    let on = is_on(compute);
    if on != block || on != balancing {
        return Err(refused(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.",
        ));
    }
    let Some(compute) = compute else {
        return Ok(());
    };
    let pools = compute.node_pools.as_deref().unwrap_or_default();
    for pool in pools {
        if !matches!(pool.as_str(), "general-purpose" | "system") {
            let text =
                format!("Compute Config nodePools has {pool}: use general-purpose or system");
            return Err(refused(text));
        }
    }
    checks::distinct("Compute Config nodePools", pools)?;
    if !on && !pools.is_empty() {
        return Err(refused(
            "Compute Config nodePools can only be specified if Compute Config is enabled",
        ));
    }
    match &compute.node_role_arn {
        Some(_) if pools.is_empty() => Err(refused(
            "When Compute Config nodeRoleArn is not null or empty, nodePool value(s) must be provided.",
        )),
        Some(role) => checks::role_arn("nodeRoleArn", role),
        None if !pools.is_empty() => Err(refused(
            "When Compute Config nodePools are not null or empty, nodeRoleArn must be provided.",
        )),
        None => Ok(()),
    }
}

pub(super) fn auto_mode_of_new(new: &NewCluster) -> Result<(), Error> {
    if new.bootstrap_self_managed_addons != Some(false) {
        return Err(refused(
            "When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be false",
        ));
    }
    let mode = new
        .access_config
        .as_ref()
        .and_then(|a| a.authentication_mode);
    if mode.is_none_or(|mode| mode == AuthenticationMode::ConfigMap) {
        return Err(refused(
            "When EKS Auto Mode is enabled, the authentication mode must be API or API_AND_CONFIG_MAP",
        ));
    }
    Ok(())
}

/// What a change of `computeConfig` makes of it.
pub(in super::super) fn merged_compute(
    now: Option<&ComputeConfig>,
    change: &ComputeConfig,
) -> ComputeConfig {
    let now = now.cloned().unwrap_or_default();
    let change = change.clone();
    ComputeConfig {
        enabled: change.enabled.or(now.enabled),
        node_pools: change.node_pools.or(now.node_pools),
        node_role_arn: change.node_role_arn.or(now.node_role_arn),
    }
}
