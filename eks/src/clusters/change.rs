//! Changes of a cluster: one at a time, each with an update that tells what became of it.
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wharf_storage::{Read, Write};
use wharf_types::{Registry, Timestamp};

use super::{
    Cluster, check,
    config::{EncryptionConfig, UpdateConfig},
    create::logs,
    find, put,
};
use crate::{
    Cx, Error, Event, Phase, Place, Token, checks,
    nodegroups::{MAX_NODEGROUPS, Nodegroup},
    resources, settled,
    updates::{self, Subject, Update},
    versions,
};

/// A change that is being made, and its update.
pub type Pending = updates::Pending<Change>;

/// What changes of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// To the version of this name.
    Version(String),
    Config(Box<UpdateConfig>),
    Encryption(Vec<EncryptionConfig>),
    /// Something that is not in the cluster's document.
    Elsewhere,
}

impl Change {
    /// Makes the change in the document.
    pub(crate) fn apply(&self, cluster: &mut Cluster) {
        match self {
            Self::Version(name) => {
                cluster.version.clone_from(name);
                if let Some(version) = versions::find(name) {
                    version.platform.clone_into(&mut cluster.platform_version);
                }
            }
            Self::Config(config) => configure(cluster, config),
            Self::Encryption(encryption) => cluster.encryption.clone_from(encryption),
            Self::Elsewhere => {}
        }
    }
}

fn configure(cluster: &mut Cluster, config: &UpdateConfig) {
    fn set<T: Clone>(to: &mut T, from: Option<&T>) {
        if let Some(from) = from {
            to.clone_from(from);
        }
    }
    fn replace<T: Clone>(to: &mut Option<T>, from: Option<&T>) {
        if from.is_some() {
            *to = from.cloned();
        }
    }
    if let Some(vpc) = &config.resources_vpc_config {
        let own = &mut cluster.vpc;
        set(&mut own.subnet_ids, vpc.subnet_ids.as_ref());
        set(&mut own.security_group_ids, vpc.security_group_ids.as_ref());
        set(
            &mut own.endpoint_public_access,
            vpc.endpoint_public_access.as_ref(),
        );
        set(
            &mut own.endpoint_private_access,
            vpc.endpoint_private_access.as_ref(),
        );
        set(
            &mut own.public_access_cidrs,
            vpc.public_access_cidrs.as_ref(),
        );
        replace(&mut own.egress, vpc.control_plane_egress_mode.as_ref());
    }
    if let Some(logging) = &config.logging {
        cluster.logs = logs(&cluster.logs, logging);
    }
    if let Some(access) = &config.access_config {
        replace(
            &mut cluster.access.authentication_mode,
            access.authentication_mode.as_ref(),
        );
    }
    if let Some(network) = &config.kubernetes_network_config {
        let balancing = network.elastic_load_balancing.as_ref();
        replace(&mut cluster.network.load_balancing, balancing);
    }
    set(&mut cluster.upgrade_policy, config.upgrade_policy.as_ref());
    replace(&mut cluster.zonal_shift, config.zonal_shift_config.as_ref());
    replace(
        &mut cluster.remote_network,
        config.remote_network_config.as_ref(),
    );
    if let Some(compute) = &config.compute_config {
        cluster.compute = Some(check::merged_compute(cluster.compute.as_ref(), compute));
    }
    replace(&mut cluster.storage, config.storage_config.as_ref());
    set(
        &mut cluster.deletion_protection,
        config.deletion_protection.as_ref(),
    );
    set(
        &mut cluster.scaling,
        config.control_plane_scaling_config.as_ref(),
    );
    replace(
        &mut cluster.kube_api_server,
        config.kube_api_server_config.as_ref(),
    );
    replace(
        &mut cluster.kube_scheduler,
        config.kube_scheduler_config.as_ref(),
    );
    let manager = config.kube_controller_manager_config.as_ref();
    replace(&mut cluster.kube_controller_manager, manager);
}

/// A change that is asked for.
pub type Wanted = updates::Wanted<Change>;

/// Begins a change of a cluster: it is `UPDATING` until the worker has made it. Repeats of a request
/// are to be found with [`updates::repeated`] before.
pub fn begin(
    tx: &Write<'_>,
    at: &Place,
    mut cluster: Cluster,
    wanted: Wanted,
    token: Option<Token>,
    now: Timestamp,
) -> Result<Update, Error> {
    let name = cluster.name.clone();
    if let (Phase::Updating, Some(pending)) = (cluster.life.phase, &cluster.pending) {
        let text = format!(
            "Cannot {} because cluster {name} currently has update {} in progress",
            wanted.kind, pending.update
        );
        return Err(Error::in_use(text).cluster(&name));
    }
    let inactive = |_rejected| {
        let text = format!("Cluster '{name}' is not in ACTIVE status");
        Error::invalid_request(text).cluster(&name)
    };
    cluster.life = cluster
        .life
        .on(Event::UpdateRequested, now)
        .map_err(inactive)?;
    let (update, pending) = wanted.begin(tx, at, (Subject::Cluster, token), now)?;
    cluster.pending = Some(pending);
    put(tx, at, &cluster, now)?;
    Ok(update)
}

/// Begins what a request wants, which `plan` finds out from the cluster as it is.
async fn request<F>(
    cx: &Cx,
    registry: &Registry,
    name: Option<&str>,
    token: Option<Token>,
    plan: F,
) -> Result<Update, Error>
where
    F: Fn(&Read<'_>, &Cluster) -> Result<Wanted, Error> + Send + 'static,
{
    let name = checks::required("name", name)?;
    let (at, now) = (Place::of_cluster(registry, name), cx.now());
    let place = at.clone();
    let begun = cx.store.meta().write(move |tx| {
        let cluster = find(tx, &place.registry, &place.name)?.body;
        if let Some(known) = updates::repeated(tx, &place, token.as_ref())? {
            return Ok(known);
        }
        let named = |e: Error| e.cluster(&place.name);
        if cluster.is_connected() {
            let text = "Connected clusters cannot be updated";
            return Err(named(Error::invalid_request(text)));
        }
        let wanted = plan(tx, &cluster).map_err(named)?;
        begin(tx, &place, cluster, wanted, token.clone(), now)
    });
    let update = begun.await?;
    settled::<Cluster>(cx, &at).await?;
    Ok(update)
}

/// `UpdateClusterConfig`.
pub async fn update_config(
    cx: &Cx,
    registry: &Registry,
    config: UpdateConfig,
) -> Result<Update, Error> {
    let token = Token::of(config.client_request_token.as_deref(), &config)?;
    let name = config.name.clone();
    let plan = move |_: &Read<'_>, cluster: &Cluster| check::config_update(cluster, &config);
    request(cx, registry, name.as_deref(), token, plan).await
}

crate::shape::shapes! {
    /// The request of `UpdateClusterVersion`.
    UpdateVersion {
        name: String,
        version: String,
        client_request_token: String,
        force: bool,
        rollback_config: RollbackConfig,
    }
    RollbackConfig { timeout_minutes: i64 }
    /// The request of `AssociateEncryptionConfig`.
    AssociateEncryption {
        cluster_name: String,
        encryption_config: Vec<EncryptionConfig>,
        client_request_token: String,
    }
}

/// `UpdateClusterVersion`.
pub async fn update_version(
    cx: &Cx,
    registry: &Registry,
    new: UpdateVersion,
) -> Result<Update, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let name = new.name.clone();
    let wanted = checks::required_text("version", new.version)?;
    if new.rollback_config.is_some() {
        let text = "rollbackConfig can only be used to roll a cluster back, which is not supported";
        return Err(Error::invalid_parameter(text));
    }
    let (force, registry_of) = (new.force.unwrap_or(false), registry.clone());
    let plan = move |tx: &Read<'_>, cluster: &Cluster| {
        let update = check::version_update(cluster, &wanted)?;
        if !force {
            let at = Place::of_cluster(&registry_of, &cluster.name);
            nodegroups_follow(tx, &at, cluster)?;
        }
        Ok(update)
    };
    request(cx, registry, name.as_deref(), token, plan).await
}

/// Node groups are to have the version of their cluster before it goes on to the next.
fn nodegroups_follow(tx: &Read<'_>, at: &Place, cluster: &Cluster) -> Result<(), Error> {
    let all = resources::within::<Nodegroup>(tx, at, "", MAX_NODEGROUPS)?;
    let behind: Vec<String> = all
        .into_iter()
        .filter(|(_, group)| group.version != cluster.version)
        .map(|(name, _)| name)
        .collect();
    if behind.is_empty() {
        return Ok(());
    }
    let text = format!(
        "Nodegroups [{}] must be updated to match cluster version {} before updating cluster version",
        behind.join(", "),
        cluster.version
    );
    Err(Error::invalid_request(text))
}

/// `AssociateEncryptionConfig`.
pub async fn associate_encryption(
    cx: &Cx,
    registry: &Registry,
    new: AssociateEncryption,
) -> Result<Update, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let config = checks::required("encryptionConfig", new.encryption_config)?;
    check::encryption(&config)?;
    let name = new.cluster_name;
    let plan = move |_: &Read<'_>, cluster: &Cluster| {
        if !cluster.encryption.is_empty() {
            let text = "Encryption is already enabled for this cluster";
            return Err(Error::invalid_request(text));
        }
        Ok(Wanted {
            kind: "AssociateEncryptionConfig",
            params: vec![("EncryptionConfig", json(&config))],
            change: Change::Encryption(config.clone()),
        })
    };
    request(cx, registry, name.as_deref(), token, plan).await
}

/// A structure as the value of a parameter of an update.
pub(crate) fn json<T: Serialize + DeserializeOwned>(value: &T) -> String {
    // What came as JSON can be written as such.
    serde_json::to_string(value).unwrap_or_default()
}
