//! A new node group.
use wharf_storage::{Read, Write};
use wharf_types::{Registry, Timestamp};

use super::{
    MAX_NODEGROUPS, Nodegroup, Scaling, Shown, check,
    config::{AmiType, CapacityType, GroupUpdateConfig, NewNodegroup},
    shown,
};
use crate::{
    Cx, Error, Life, Phase, Place, Token,
    access::{EntryType, entries},
    arn, checks,
    clusters::{self, Cluster, made_up_id},
    resources, settled,
    versions::{self, Version},
};

/// What machines are if nobody says it.
const INSTANCE_TYPE: &str = "t3.medium";

/// Makes a node group. Answers with how it begins.
pub async fn create(cx: &Cx, registry: &Registry, new: NewNodegroup) -> Result<Shown, Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let cluster = checks::required_text("clusterName", new.cluster_name.clone())?;
    let name = checks::required_text("nodegroupName", new.nodegroup_name.clone())?;
    checks::named("nodegroupName", &name, 63)
        .and_then(|()| check::new(&new))
        .map_err(|e| e.cluster(&cluster).nodegroup(&name))?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let created = cx.store.meta().write(move |tx| {
        let cluster = clusters::find(tx, &place.registry, place.cluster())?.body;
        if let Some(known) = repeated(tx, &place, &name, token.as_ref())? {
            return shown(tx, known);
        }
        add(tx, &place, &cluster, &name, &new, token.clone(), now)
            .map_err(|e| e.cluster(place.cluster()).nodegroup(&name))
    });
    let created = created.await?;
    settled::<Nodegroup>(cx, &at).await?;
    Ok(created)
}

/// The node group that this request made before, if it did. Another one of its name is an error.
fn repeated(
    tx: &Read<'_>,
    at: &Place,
    name: &str,
    token: Option<&Token>,
) -> Result<Option<Nodegroup>, Error> {
    for (other, found) in resources::within::<Nodegroup>(tx, at, "", MAX_NODEGROUPS)? {
        let repeats = Token::repeats(token, found.token.as_ref())?;
        if other == name && repeats {
            return Ok(Some(found));
        }
        if other == name {
            let cluster = at.cluster();
            let text =
                format!("NodeGroup already exists with name {name} and cluster name {cluster}");
            return Err(Error::in_use(text).cluster(cluster).nodegroup(name));
        }
    }
    Ok(None)
}

fn add(
    tx: &Write<'_>,
    at: &Place,
    cluster: &Cluster,
    name: &str,
    new: &NewNodegroup,
    token: Option<Token>,
    now: Timestamp,
) -> Result<Shown, Error> {
    cluster.require_active()?;
    if resources::within::<Nodegroup>(tx, at, "", MAX_NODEGROUPS)?.len() >= MAX_NODEGROUPS {
        let text = format!("Node group limit exceeded for cluster: {MAX_NODEGROUPS} node groups");
        return Err(Error::limit(text));
    }
    let version = check::version(cluster, new.version.as_deref())?;
    let ami = ami_type(new);
    check::image(ami, version, new.release_version.as_deref())?;
    check::machines(ami, &instance_types(new))?;
    let mut nodegroup = fresh(at, name, new.clone(), version, ami);
    nodegroup.life = Life::begin(Phase::Creating, now);
    nodegroup.created_ms = now.as_ms();
    nodegroup.modified_ms = now.as_ms();
    nodegroup.token = token;
    tx.put_document(&at.owner(), &at.name, &nodegroup, now)?;
    let kind = if ami.is_windows() {
        EntryType::Ec2Windows
    } else {
        EntryType::Ec2Linux
    };
    entries::ensure_node_role(tx, at, &nodegroup.node_role, kind, now)?;
    for (key, value) in new.tags.iter().flatten() {
        tx.tag_resource(&nodegroup.arn, key, value)?;
    }
    shown(tx, nodegroup)
}

/// The types of machines, unless the launch template says it.
fn instance_types(new: &NewNodegroup) -> Vec<String> {
    match &new.instance_types {
        Some(types) if !types.is_empty() => types.clone(),
        _ if new.launch_template.is_some() => Vec::new(),
        _ => vec![INSTANCE_TYPE.to_owned()],
    }
}

/// The image, which follows the machines if nobody says it.
fn ami_type(new: &NewNodegroup) -> AmiType {
    let types = instance_types(new);
    new.ami_type.unwrap_or_else(|| {
        if types.first().is_some_and(|kind| check::is_arm(kind)) {
            AmiType::Al2023Arm
        } else {
            AmiType::Al2023X86
        }
    })
}

fn fresh(
    at: &Place,
    name: &str,
    new: NewNodegroup,
    version: &Version,
    ami_type: AmiType,
) -> Nodegroup {
    let uid = uuid::Uuid::new_v4().to_string();
    let disk = if ami_type.is_windows() { 50 } else { 20 };
    let own_disk = new.launch_template.is_none();
    let instance_types = instance_types(&new);
    let given = new.scaling_config.unwrap_or_default();
    Nodegroup {
        name: name.to_owned(),
        cluster: at.cluster().to_owned(),
        arn: arn(
            &at.registry,
            &format!("nodegroup/{}/{name}/{uid}", at.cluster()),
        ),
        created_ms: 0,
        modified_ms: 0,
        life: Life {
            phase: Phase::Creating,
            since_ms: 0,
        },
        version: version.name.to_owned(),
        release: new
            .release_version
            .unwrap_or_else(|| versions::release(version, ami_type.is_bottlerocket())),
        capacity: new.capacity_type.unwrap_or(CapacityType::OnDemand),
        scaling: Scaling {
            min: given.min_size.unwrap_or(1),
            max: given.max_size.unwrap_or(2),
            desired: given.desired_size.unwrap_or(2),
        },
        instance_types,
        subnets: new.subnets.unwrap_or_default(),
        remote_access_security_group: new.remote_access.is_some().then(|| made_up_id("sg", &uid)),
        remote_access: new.remote_access,
        ami_type,
        node_role: new.node_role.unwrap_or_default(),
        labels: new.labels.unwrap_or_default(),
        taints: new.taints.unwrap_or_default(),
        disk_size: own_disk.then(|| new.disk_size.unwrap_or(disk)),
        update_config: new.update_config.unwrap_or(GroupUpdateConfig {
            max_unavailable: Some(1),
            ..GroupUpdateConfig::default()
        }),
        repair: new.node_repair_config,
        launch_template: new.launch_template.map(check::completed),
        warm_pool: new.warm_pool_config,
        issues: Vec::new(),
        token: None,
        pending: None,
        last_update: None,
        last_problem: None,
        uid,
    }
}
