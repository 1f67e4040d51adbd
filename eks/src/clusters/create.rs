//! A new cluster.
use std::collections::BTreeSet;

use wharf_types::{Digest, Registry};

use super::{
    Cluster, MAX_CLUSTERS, Network, Shown, Vpc, check,
    config::{
        AccessConfig, AuthenticationMode, EgressMode, IpFamily, LogType, Logging, NetworkConfig,
        NewCluster, ScalingTier, SupportType, Tier, UpgradePolicy, VpcConfig,
    },
};
use crate::{
    ControlPlane, Cx, Error, Life, Phase, Place, Token,
    access::entries,
    arn, checks, settled,
    versions::{self, Version},
};

/// Makes a cluster. Answers with how it begins.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    creator: &str,
    new: NewCluster,
) -> Result<Shown, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let name = checks::required_text("name", new.name.clone())?;
    checks::cluster_name(&name)?;
    let version = check::new(&new).map_err(|e| e.cluster(&name))?;
    let (at, now) = (Place::of_cluster(registry, &name), cx.now());
    let tags = new.tags.clone().unwrap_or_default();
    let mut cluster = fresh(&at, new, version);
    cluster.life = Life::begin(Phase::Creating, now);
    cluster.created_ms = now.as_ms();
    creator.clone_into(&mut cluster.creator);
    cluster.token = token;
    let place = at.clone();
    let created = cx.store.meta().write(move |tx| {
        if let Some(known) = repeated(tx, &place, &cluster)? {
            let tags = tx.resource_tags(&known.arn)?;
            return Ok((known, tags));
        }
        if tx.count_documents::<Cluster>(&place.owner())? >= MAX_CLUSTERS {
            let text = format!("Cluster limit exceeded for account: {MAX_CLUSTERS} clusters");
            return Err(Error::limit(text).cluster(&place.name));
        }
        super::put(tx, &place, &cluster, now)?;
        if cluster.access.bootstrap_cluster_creator_admin_permissions == Some(true) {
            let (registry, creator) = (&place.registry, &cluster.creator);
            entries::bootstrap(tx, registry, &place.name, creator, now)?;
        }
        for (key, value) in &tags {
            tx.tag_resource(&cluster.arn, key, value)?;
        }
        Ok((cluster.clone(), tags.clone()))
    });
    let created = created.await?;
    settled::<Cluster>(cx, &at).await?;
    Ok(created)
}

/// The cluster that this request made before, if it did. Another one of its name is an error.
pub(super) fn repeated(
    tx: &wharf_storage::Read<'_>,
    at: &Place,
    new: &Cluster,
) -> Result<Option<Cluster>, Error> {
    if let Some(found) = tx.document::<Cluster>(&at.owner(), &at.name)? {
        if Token::repeats(new.token.as_ref(), found.body.token.as_ref())? {
            return Ok(Some(found.body));
        }
        let text = format!("Cluster already exists with name: {}", at.name);
        return Err(Error::in_use(text).cluster(&at.name));
    }
    for other in tx.documents::<Cluster>(&at.owner(), "", MAX_CLUSTERS)? {
        Token::repeats(new.token.as_ref(), other.body.token.as_ref())?;
    }
    Ok(None)
}

/// A cluster with all that was not said.
fn fresh(at: &Place, new: NewCluster, version: &Version) -> Cluster {
    let given = new.access_config.unwrap_or_default();
    let bootstrap = given.bootstrap_cluster_creator_admin_permissions;
    let mode = given.authentication_mode;
    let uid = uuid::Uuid::new_v4().to_string();
    Cluster {
        name: at.name.clone(),
        arn: arn(&at.registry, &format!("cluster/{}", at.name)),
        life: Life {
            phase: Phase::Creating,
            since_ms: 0,
        },
        created_ms: 0,
        version: version.name.to_owned(),
        platform_version: version.platform.to_owned(),
        role_arn: new.role_arn.unwrap_or_default(),
        creator: String::new(),
        vpc: vpc(&at.registry, new.resources_vpc_config.unwrap_or_default()),
        network: network(new.kubernetes_network_config.unwrap_or_default(), &uid),
        logs: logs(&BTreeSet::new(), &new.logging.unwrap_or_default()),
        encryption: new.encryption_config.unwrap_or_default(),
        access: AccessConfig {
            bootstrap_cluster_creator_admin_permissions: Some(bootstrap.unwrap_or(true)),
            authentication_mode: Some(mode.unwrap_or(AuthenticationMode::ConfigMap)),
        },
        bootstrap_self_managed_addons: new.bootstrap_self_managed_addons.unwrap_or(true),
        upgrade_policy: new
            .upgrade_policy
            .filter(|policy| policy.support_type.is_some())
            .unwrap_or(UpgradePolicy {
                support_type: Some(SupportType::Extended),
            }),
        zonal_shift: new.zonal_shift_config,
        remote_network: new.remote_network_config,
        compute: new.compute_config,
        storage: new.storage_config,
        deletion_protection: new.deletion_protection.unwrap_or(false),
        scaling: new
            .control_plane_scaling_config
            .filter(|scaling| scaling.tier.is_some())
            .unwrap_or(ScalingTier {
                tier: Some(Tier::Standard),
            }),
        kube_api_server: new.kube_api_server_config,
        kube_scheduler: new.kube_scheduler_config,
        kube_controller_manager: new.kube_controller_manager_config,
        control_plane: ControlPlane::default(),
        token: None,
        pending: None,
        last_update: None,
        connector: None,
        uid,
    }
}

/// An id such as `sg-0123456789abcdef0`, which is always the same for the same text.
pub(crate) fn made_up_id(prefix: &str, of: &str) -> String {
    let digest = Digest::sha256(of.as_bytes()).to_string();
    let hex: String = digest.chars().skip("sha256:".len()).take(17).collect();
    format!("{prefix}-{hex}")
}

fn vpc(registry: &Registry, given: VpcConfig) -> Vpc {
    let Registry { account, region } = registry;
    Vpc {
        subnet_ids: given.subnet_ids.unwrap_or_default(),
        security_group_ids: given.security_group_ids.unwrap_or_default(),
        cluster_security_group_id: made_up_id("sg", &uuid::Uuid::new_v4().to_string()),
        vpc_id: made_up_id("vpc", &format!("{account}/{region}")),
        endpoint_public_access: given.endpoint_public_access.unwrap_or(true),
        endpoint_private_access: given.endpoint_private_access.unwrap_or(false),
        public_access_cidrs: given
            .public_access_cidrs
            .filter(|cidrs| !cidrs.is_empty())
            .unwrap_or_else(|| vec!["0.0.0.0/0".to_owned()]),
        egress: Some(
            given
                .control_plane_egress_mode
                .unwrap_or(EgressMode::AwsManaged),
        ),
    }
}

/// Where services get their addresses if nobody says it.
const SERVICES: &str = "10.100.0.0/16";

fn network(given: NetworkConfig, uid: &str) -> Network {
    let family = given.ip_family.unwrap_or(IpFamily::Ipv4);
    let is_v6 = family == IpFamily::Ipv6;
    let v6 = || {
        let hex: String = uid.chars().filter(|c| *c != '-').take(8).collect();
        let (high, low) = hex.split_at(4);
        format!("fd{}:{low}:{}::/108", high.split_at(2).0, high)
    };
    Network {
        family,
        service_ipv4: (!is_v6).then(|| given.service_ipv4_cidr.unwrap_or_else(|| SERVICES.into())),
        service_ipv6: is_v6.then(v6),
        load_balancing: given.elastic_load_balancing,
    }
}

/// What is logged after a change of it.
pub(super) fn logs(now: &BTreeSet<LogType>, change: &Logging) -> BTreeSet<LogType> {
    let mut logs = now.clone();
    for setup in change.cluster_logging.iter().flatten() {
        for kind in setup.types.iter().flatten() {
            if setup.enabled.unwrap_or(false) {
                logs.insert(*kind);
            } else {
                logs.remove(kind);
            }
        }
    }
    logs
}

/// The version of a new cluster.
pub(super) fn version(new: &NewCluster) -> Result<&'static Version, Error> {
    versions::of_new(new.version.as_deref())
}
