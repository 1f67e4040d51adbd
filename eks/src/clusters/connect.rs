//! Clusters that run elsewhere and are only shown here.
use wharf_types::Registry;

use super::{
    Cluster, Connector, MAX_CLUSTERS, Network, Shown, Vpc,
    config::{AccessConfig, IpFamily, NewConnection, ScalingTier, UpgradePolicy},
    create::repeated,
    delete, find, put, shown,
};
use crate::{ControlPlane, Cx, Error, Life, Phase, Place, Token, arn, checks};

/// How long an activation is good for.
const ACTIVATION: std::time::Duration = std::time::Duration::from_hours(72);

/// Notes a cluster that is to connect.
pub async fn register(cx: &Cx, registry: &Registry, new: NewConnection) -> Result<Shown, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let name = checks::required_text("name", new.name)?;
    checks::cluster_name(&name)?;
    let connector = checks::required("connectorConfig", new.connector_config)?;
    let role_arn = checks::required_text("connectorConfig.roleArn", connector.role_arn)?;
    checks::role_arn("roleArn", &role_arn)?;
    let provider = checks::required("connectorConfig.provider", connector.provider)?;
    let tags = new.tags.unwrap_or_default();
    checks::tags(&tags)?;
    let (at, now) = (Place::of_cluster(registry, &name), cx.now());
    let random = || uuid::Uuid::new_v4().simple().to_string();
    let connector = Connector {
        role_arn,
        provider,
        activation_id: uuid::Uuid::new_v4().to_string(),
        activation_code: random().chars().take(20).collect(),
        expires_ms: (now + ACTIVATION).as_ms(),
    };
    let mut cluster = connected(&at, connector);
    cluster.life = Life::begin(Phase::Pending, now);
    cluster.created_ms = now.as_ms();
    cluster.token = token;
    let registered = cx.store.meta().write(move |tx| {
        if let Some(known) = repeated(tx, &at, &cluster)? {
            return shown(tx, known);
        }
        if tx.count_documents::<Cluster>(&at.owner())? >= MAX_CLUSTERS {
            let text = format!("Cluster limit exceeded for account: {MAX_CLUSTERS} clusters");
            return Err(Error::limit(text).cluster(&at.name));
        }
        put(tx, &at, &cluster, now)?;
        for (key, value) in &tags {
            tx.tag_resource(&cluster.arn, key, value)?;
        }
        shown(tx, cluster.clone())
    });
    registered.await
}

fn connected(at: &Place, connector: Connector) -> Cluster {
    Cluster {
        name: at.name.clone(),
        arn: arn(&at.registry, &format!("cluster/{}", at.name)),
        uid: uuid::Uuid::new_v4().to_string(),
        created_ms: 0,
        life: Life {
            phase: Phase::Pending,
            since_ms: 0,
        },
        version: String::new(),
        platform_version: String::new(),
        role_arn: String::new(),
        creator: String::new(),
        vpc: Vpc::default(),
        network: Network {
            family: IpFamily::Ipv4,
            service_ipv4: None,
            service_ipv6: None,
            load_balancing: None,
        },
        logs: std::collections::BTreeSet::new(),
        encryption: Vec::new(),
        access: AccessConfig::default(),
        bootstrap_self_managed_addons: false,
        upgrade_policy: UpgradePolicy::default(),
        zonal_shift: None,
        remote_network: None,
        compute: None,
        storage: None,
        deletion_protection: false,
        scaling: ScalingTier::default(),
        kube_api_server: None,
        kube_scheduler: None,
        kube_controller_manager: None,
        control_plane: ControlPlane::default(),
        token: None,
        pending: None,
        last_update: None,
        connector: Some(connector),
    }
}

/// Forgets a connected cluster.
pub async fn deregister(cx: &Cx, registry: &Registry, name: &str) -> Result<Shown, Error> {
    let at = Place::of_cluster(registry, name);
    let now = cx.now();
    let gone = cx.store.meta().write(move |tx| {
        let mut cluster = find(tx, &at.registry, &at.name)?.body;
        if !cluster.is_connected() {
            let text = format!("Cluster {} is not a connected cluster", at.name);
            return Err(Error::in_use(text).cluster(&at.name));
        }
        tx.delete_document::<Cluster>(&at.owner(), &at.name)?;
        cluster.life = Life::begin(Phase::Deleting, now);
        let gone = shown(tx, cluster.clone())?;
        delete::forget(tx, &at, &cluster)?;
        Ok(gone)
    });
    gone.await
}
