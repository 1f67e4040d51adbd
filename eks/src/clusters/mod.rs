//! Clusters: documents of an account in a region, named by their names.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read, Stored, Write};
use wharf_types::{Registry, Timestamp};

use crate::{ControlPlane, Cx, Done, Error, Event, Life, Phase, Place, Step, Token, act, updates};

mod change;
mod check;
pub mod config;
mod connect;
mod create;
mod delete;

pub(crate) use change::json;
pub use change::{
    AssociateEncryption, Change, Pending, UpdateVersion, Wanted, associate_encryption, begin,
    update_config, update_version,
};
pub(crate) use check::{ids, in_range};
use config::{
    AccessConfig, ComputeConfig, EgressMode, ElasticLoadBalancing, EncryptionConfig, IpFamily,
    KubeApiServerConfig, KubeControllerManagerConfig, KubeSchedulerConfig, LogType, Provider,
    RemoteNetworkConfig, ScalingTier, StorageConfig, UpgradePolicy, ZonalShiftConfig,
};
pub use connect::{deregister, register};
pub use create::create;
pub(crate) use create::made_up_id;
pub use delete::delete;

/// The most clusters of an account in a region.
pub const MAX_CLUSTERS: usize = 100;

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub arn: String,
    /// What tells it from an earlier cluster of the same name: a UUID.
    pub uid: String,
    pub created_ms: i64,
    pub life: Life,
    /// Like `1.34`; empty where it is only connected.
    pub version: String,
    pub platform_version: String,
    pub role_arn: String,
    /// The ARN of who made it.
    pub creator: String,
    pub vpc: Vpc,
    pub network: Network,
    /// What of the control plane is logged.
    #[serde(default)]
    pub logs: BTreeSet<LogType>,
    #[serde(default)]
    pub encryption: Vec<EncryptionConfig>,
    /// Both members are there.
    pub access: AccessConfig,
    pub bootstrap_self_managed_addons: bool,
    pub upgrade_policy: UpgradePolicy,
    pub zonal_shift: Option<ZonalShiftConfig>,
    pub remote_network: Option<RemoteNetworkConfig>,
    pub compute: Option<ComputeConfig>,
    pub storage: Option<StorageConfig>,
    pub deletion_protection: bool,
    pub scaling: ScalingTier,
    pub kube_api_server: Option<KubeApiServerConfig>,
    pub kube_scheduler: Option<KubeSchedulerConfig>,
    pub kube_controller_manager: Option<KubeControllerManagerConfig>,
    /// What it is reached by, once it runs.
    #[serde(default)]
    pub control_plane: ControlPlane,
    /// What made it, or what made it change last.
    pub token: Option<Token>,
    /// The change that is being made, while it is `UPDATING`.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// The update that was made last.
    #[serde(default)]
    pub last_update: Option<String>,
    /// Where it is connected from, if it is not ours.
    #[serde(default)]
    pub connector: Option<Connector>,
}

/// `resourcesVpcConfig`, with all that was not said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub cluster_security_group_id: String,
    pub vpc_id: String,
    pub endpoint_public_access: bool,
    pub endpoint_private_access: bool,
    pub public_access_cidrs: Vec<String>,
    pub egress: Option<EgressMode>,
}

/// `kubernetesNetworkConfig`, with all that was not said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub family: IpFamily,
    pub service_ipv4: Option<String>,
    pub service_ipv6: Option<String>,
    pub load_balancing: Option<ElasticLoadBalancing>,
}

/// How a connected cluster connects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connector {
    pub role_arn: String,
    pub provider: Provider,
    pub activation_id: String,
    pub activation_code: String,
    pub expires_ms: i64,
}

impl Document for Cluster {
    const KIND: &'static str = "eks-cluster";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl Cluster {
    /// As `status` has it: a cluster has one word for what failed.
    pub const fn status(&self) -> &'static str {
        match self.life.phase {
            Phase::CreateFailed | Phase::UpdateFailed | Phase::DeleteFailed => "FAILED",
            phase => phase.as_str(),
        }
    }

    /// Whether it is somebody else's, and only shown here.
    pub const fn is_connected(&self) -> bool {
        self.connector.is_some()
    }

    /// Whether nodes come by themselves (EKS Auto Mode).
    pub fn is_auto(&self) -> bool {
        let enabled = self.compute.as_ref().and_then(|compute| compute.enabled);
        enabled.unwrap_or(false)
    }

    /// Demands that it can have something added to it.
    pub fn require_active(&self) -> Result<(), Error> {
        let ready = matches!(self.life.phase, Phase::Active | Phase::Updating);
        if ready && !self.is_connected() {
            return Ok(());
        }
        let text = format!("Cluster '{}' is not in ACTIVE status", self.name);
        Err(Error::invalid_request(text).cluster(&self.name))
    }
}

impl crate::Living for Cluster {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(mut self, cx: Cx, at: Place, step: Step) -> Result<(Self, Event), Error> {
        match step {
            Step::Create => self.control_plane = act::create_cluster(&cx, &at, &self).await?,
            Step::Update => {
                if let Some(pending) = self.pending.take() {
                    pending.change.apply(&mut self);
                    match &pending.change {
                        Change::Version(_) => act::set_version(&cx, &at, &self).await?,
                        _ => act::configure_cluster(&cx, &at, &self).await?,
                    }
                    self.last_update = Some(pending.update);
                }
            }
            Step::Delete if self.is_connected() => {}
            Step::Delete => act::delete_cluster(&cx, &at, &self).await?,
        }
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        match done.step {
            Step::Create => Ok(()),
            Step::Update => match &self.last_update {
                Some(update) => updates::end(tx, done, update),
                None => Ok(()),
            },
            Step::Delete => delete::forget(tx, done.at, self),
        }
    }
}

/// Finds a cluster within a transaction, or says that there is none.
pub fn find(tx: &Read<'_>, registry: &Registry, name: &str) -> Result<Stored<Cluster>, Error> {
    let at = Place::of_cluster(registry, name);
    let found = tx.document(&at.owner(), name)?;
    found.ok_or_else(|| missing(name))
}

/// The error that there is no such cluster.
pub fn missing(name: &str) -> Error {
    Error::not_found(format!("No cluster found for name: {name}.")).cluster(name)
}

/// A cluster and its tags.
pub type Shown = (Cluster, BTreeMap<String, String>);

/// A cluster as it is shown.
fn shown(tx: &Read<'_>, cluster: Cluster) -> Result<Shown, Error> {
    let tags = tx.resource_tags(&cluster.arn)?;
    Ok((cluster, tags))
}

/// Finds a cluster.
pub async fn get(cx: &Cx, registry: &Registry, name: &str) -> Result<Shown, Error> {
    let (registry, name) = (registry.clone(), name.to_owned());
    let meta = cx.store.meta();
    let found = meta.read(move |tx| shown(tx, find(tx, &registry, &name)?.body));
    found.await
}

/// The names of clusters after one, and only those that are ours unless all are asked for.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    which: Which,
    after: String,
    limit: usize,
) -> Result<Vec<String>, Error> {
    let at = Place::of_cluster(registry, "");
    let all = cx.store.meta().read(move |tx| {
        // A region has few of them.
        let all = tx.documents::<Cluster>(&at.owner(), &after, MAX_CLUSTERS * 2)?;
        Ok::<_, Error>(all)
    });
    let shown = |cluster: &Cluster| which == Which::All || !cluster.is_connected();
    let names = all.await?.into_iter().filter(|stored| shown(&stored.body));
    Ok(names.map(|stored| stored.name).take(limit).collect())
}

/// Which clusters are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Own,
    /// Connected ones too.
    All,
}

/// Stores a cluster.
pub(crate) fn put(
    tx: &Write<'_>,
    at: &Place,
    cluster: &Cluster,
    now: Timestamp,
) -> Result<(), Error> {
    Ok(tx.put_document(&at.owner(), &at.name, cluster, now)?)
}
