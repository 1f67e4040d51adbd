//! What updates of clusters mean, and which are possible.
use serde::Serialize;

use super::{
    super::{
        Change, Cluster,
        change::{Wanted, json},
        config::{AuthenticationMode, EgressMode, NetworkConfig, Tier, UpdateConfig, VpcConfig},
        create::logs,
    },
    auto_mode, check_vpc, components, endpoints, logging, merged_compute, refused, remote,
};
use crate::{Error, checks, versions};

/// What an update of the version means.
pub(in crate::clusters) fn version_update(
    cluster: &Cluster,
    wanted: &str,
) -> Result<Wanted, Error> {
    let now = versions::find(&cluster.version).map_or(0, |version| version.minor);
    let unsupported = || refused("unsupported Kubernetes version");
    let new = versions::find(wanted).ok_or_else(unsupported)?;
    if new.minor == now {
        let text = format!("Cluster is already at version {wanted}");
        return Err(refused(text));
    }
    if new.minor != now + 1 {
        let text = format!(
            "Unsupported Kubernetes minor version update from {} to {wanted}",
            cluster.version
        );
        return Err(refused(text));
    }
    Ok(Wanted {
        kind: "VersionUpdate",
        params: vec![
            ("Version", wanted.to_owned()),
            ("PlatformVersion", new.platform.to_owned()),
        ],
        change: Change::Version(wanted.to_owned()),
    })
}

/// The type and the parameters of an update, as far as they are known.
type Said = (&'static str, Vec<(&'static str, String)>);

/// What an update of the configuration means: one type of update at a time.
pub(in crate::clusters) fn config_update(
    cluster: &Cluster,
    config: &UpdateConfig,
) -> Result<Wanted, Error> {
    let mut found: Vec<Said> = Vec::new();
    if let Some(vpc) = &config.resources_vpc_config {
        update_vpc(cluster, vpc, &mut found)?;
    }
    if let Some(wanted) = &config.logging {
        logging(wanted)?;
        if logs(&cluster.logs, wanted) == cluster.logs {
            return Err(refused("No changes needed for the logging config provided"));
        }
        found.push(("LoggingUpdate", vec![("ClusterLogging", json(wanted))]));
    }
    if let Some(access) = &config.access_config {
        let mode = checks::required(
            "accessConfig.authenticationMode",
            access.authentication_mode,
        )?;
        update_access(cluster, mode)?;
        let params = vec![("AuthenticationMode", mode.as_str().to_owned())];
        found.push(("AccessConfigUpdate", params));
    }
    update_auto_mode(cluster, config, &mut found)?;
    if let Some(wanted) = &config.remote_network_config {
        remote(wanted)?;
        let now = cluster.remote_network.as_ref();
        same(now == Some(wanted), "remoteNetworkConfig")?;
        let params = vec![("RemoteNetworkConfig", json(wanted))];
        found.push(("RemoteNetworkConfigUpdate", params));
    }
    update_policies(cluster, config, &mut found)?;
    update_components(config, &mut found)?;
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(refused("The type for cluster update was not provided.")),
        (Some(_), Some(_)) => Err(refused("Only one type of update can be allowed.")),
        (Some((kind, params)), None) => Ok(Wanted {
            kind,
            params,
            change: Change::Config(Box::new(config.clone())),
        }),
    }
}

fn same(is_same: bool, member: &str) -> Result<(), Error> {
    if is_same {
        return Err(refused(format!(
            "No changes needed for the {member} provided"
        )));
    }
    Ok(())
}

fn list<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

fn update_vpc(cluster: &Cluster, vpc: &VpcConfig, found: &mut Vec<Said>) -> Result<(), Error> {
    check_vpc(vpc)?;
    let now = &cluster.vpc;
    let access = (vpc.endpoint_public_access, vpc.endpoint_private_access);
    if access != (None, None) || vpc.public_access_cidrs.is_some() {
        let public = access.0.unwrap_or(now.endpoint_public_access);
        let private = access.1.unwrap_or(now.endpoint_private_access);
        endpoints(public, private)?;
        let cidrs = vpc.public_access_cidrs.as_ref();
        let cidrs = cidrs.unwrap_or(&now.public_access_cidrs);
        let new = (public, private, cidrs);
        let old = (
            now.endpoint_public_access,
            now.endpoint_private_access,
            &now.public_access_cidrs,
        );
        if new == old {
            let text = format!(
                "Cluster is already at the desired configuration with endpointPrivateAccess: {private} , endpointPublicAccess: {public}, and Public Endpoint Restrictions: [{}]",
                cidrs.join(", ")
            );
            return Err(refused(text));
        }
        let params = vec![
            ("EndpointPublicAccess", public.to_string()),
            ("EndpointPrivateAccess", private.to_string()),
            ("PublicAccessCidrs", list(cidrs)),
        ];
        found.push(("EndpointAccessUpdate", params));
    }
    if vpc.subnet_ids.is_some() || vpc.security_group_ids.is_some() {
        let subnets = vpc.subnet_ids.as_ref().unwrap_or(&now.subnet_ids);
        let groups = vpc.security_group_ids.as_ref();
        let groups = groups.unwrap_or(&now.security_group_ids);
        if subnets.is_empty() {
            return Err(refused("subnetIds can not be null or empty"));
        }
        let is_same = *subnets == now.subnet_ids && *groups == now.security_group_ids;
        same(is_same, "VPC config")?;
        let params = vec![("Subnets", list(subnets)), ("SecurityGroups", list(groups))];
        found.push(("VpcConfigUpdate", params));
    }
    if let Some(mode) = vpc.control_plane_egress_mode {
        same(now.egress == Some(mode), "controlPlaneEgressMode")?;
        if mode == EgressMode::AwsManaged {
            return Err(refused(
                "controlPlaneEgressMode cannot be changed back to AWS_MANAGED",
            ));
        }
        let params = vec![("ControlPlaneEgressMode", mode.as_str().to_owned())];
        found.push(("ControlPlaneEgressUpdate", params));
    }
    Ok(())
}

fn update_access(cluster: &Cluster, wanted: AuthenticationMode) -> Result<(), Error> {
    let now = cluster.access.authentication_mode;
    let now = now.unwrap_or(AuthenticationMode::ConfigMap);
    same(now == wanted, "accessConfig")?;
    // From the ConfigMap to both to access entries only, and never back.
    let allowed = matches!(
        (now, wanted),
        (
            AuthenticationMode::ConfigMap,
            AuthenticationMode::ApiAndConfigMap
        ) | (AuthenticationMode::ApiAndConfigMap, AuthenticationMode::Api)
    );
    if allowed {
        return Ok(());
    }
    let text = format!(
        "Unsupported authentication mode update from {} to {}",
        now.as_str(),
        wanted.as_str()
    );
    Err(refused(text))
}

fn update_auto_mode(
    cluster: &Cluster,
    config: &UpdateConfig,
    found: &mut Vec<Said>,
) -> Result<(), Error> {
    let network = config.kubernetes_network_config.as_ref();
    if let Some(network) = network
        && (network.service_ipv4_cidr.is_some() || network.ip_family.is_some())
    {
        return Err(refused(
            "serviceIpv4Cidr and ipFamily can not be changed after the cluster is created",
        ));
    }
    let compute = config.compute_config.as_ref();
    let storage = config.storage_config.as_ref();
    if compute.is_none() && storage.is_none() && network.is_none() {
        return Ok(());
    }
    let merged = compute.map(|change| merged_compute(cluster.compute.as_ref(), change));
    let balanced = NetworkConfig {
        elastic_load_balancing: cluster.network.load_balancing.clone(),
        ..NetworkConfig::default()
    };
    auto_mode(
        merged.as_ref().or(cluster.compute.as_ref()),
        storage.or(cluster.storage.as_ref()),
        network.or(Some(&balanced)),
    )?;
    let mut params = Vec::new();
    params.extend(compute.map(|compute| ("ComputeConfig", json(compute))));
    params.extend(storage.map(|storage| ("StorageConfig", json(storage))));
    params.extend(network.map(|network| ("KubernetesNetworkConfig", json(network))));
    found.push(("AutoModeUpdate", params));
    Ok(())
}

fn update_policies(
    cluster: &Cluster,
    config: &UpdateConfig,
    found: &mut Vec<Said>,
) -> Result<(), Error> {
    if let Some(policy) = &config.upgrade_policy {
        let wanted = checks::required("upgradePolicy.supportType", policy.support_type)?;
        same(cluster.upgrade_policy == *policy, "upgradePolicy")?;
        let params = vec![("UpgradePolicy", wanted.as_str().to_owned())];
        found.push(("UpgradePolicyUpdate", params));
    }
    if let Some(shift) = &config.zonal_shift_config {
        let wanted = checks::required("zonalShiftConfig.enabled", shift.enabled)?;
        let now = cluster.zonal_shift.as_ref().and_then(|shift| shift.enabled);
        same(now.unwrap_or(false) == wanted, "zonalShiftConfig")?;
        found.push((
            "ZonalShiftConfigUpdate",
            vec![("ZonalShiftConfig", json(shift))],
        ));
    }
    if let Some(wanted) = config.deletion_protection {
        same(cluster.deletion_protection == wanted, "deletionProtection")?;
        let params = vec![("DeletionProtection", wanted.to_string())];
        found.push(("DeletionProtectionUpdate", params));
    }
    if let Some(scaling) = &config.control_plane_scaling_config {
        let wanted = checks::required("controlPlaneScalingConfig.tier", scaling.tier)?;
        same(
            cluster.scaling.tier == Some(wanted),
            "controlPlaneScalingConfig",
        )?;
        let before = cluster.scaling.tier.map_or("standard", Tier::as_str);
        let params = vec![
            ("PreviousTier", before.to_owned()),
            ("UpdatedTier", wanted.as_str().to_owned()),
        ];
        found.push(("ControlPlaneScalingConfigUpdate", params));
    }
    Ok(())
}

fn update_components(config: &UpdateConfig, found: &mut Vec<Said>) -> Result<(), Error> {
    let api = config.kube_api_server_config.as_ref();
    let scheduler = config.kube_scheduler_config.as_ref();
    let manager = config.kube_controller_manager_config.as_ref();
    components(api, scheduler, manager)?;
    let mut params = Vec::new();
    params.extend(api.map(|api| ("KubeApiServerConfig", json(api))));
    params.extend(scheduler.map(|scheduler| ("KubeSchedulerConfig", json(scheduler))));
    params.extend(manager.map(|manager| ("KubeControllerManagerConfig", json(manager))));
    if !params.is_empty() {
        found.push(("ControlPlaneComponentConfigUpdate", params));
    }
    Ok(())
}
