//! Shapes of several operations.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use wharf_eks::{
    Error, Kind,
    clusters::{Cluster, Shown},
    fargate, nodegroups,
    updates::{self, Subject},
};
use wharf_types::Timestamp;

use crate::{Exception, page::Pages};

impl From<Error> for Exception {
    fn from(e: Error) -> Self {
        let refusal = match e {
            Error::Store(e) => return e.into(),
            e @ Error::Running(_) => return Self::internal(e),
            Error::Refused(refusal) => *refusal,
        };
        let (kind, status) = row(refusal.kind);
        let mut refused = Self {
            status,
            ..Self::client(kind, refusal.message)
        };
        let about = refusal.about;
        for (name, value) in [
            ("clusterName", about.cluster),
            ("nodegroupName", about.nodegroup),
            ("fargateProfileName", about.fargate_profile),
            ("addonName", about.addon),
            ("subscriptionId", about.subscription),
        ] {
            if let Some(value) = value {
                refused.members.insert(name.into(), value.into());
            }
        }
        refused
    }
}

const fn row(kind: Kind) -> (&'static str, http::StatusCode) {
    use http::StatusCode as S;
    match kind {
        Kind::BadRequest => ("BadRequestException", S::BAD_REQUEST),
        Kind::Client => ("ClientException", S::BAD_REQUEST),
        Kind::InvalidParameter => ("InvalidParameterException", S::BAD_REQUEST),
        Kind::InvalidRequest => ("InvalidRequestException", S::BAD_REQUEST),
        Kind::InvalidState => ("InvalidStateException", S::BAD_REQUEST),
        Kind::NotFound => ("NotFoundException", S::NOT_FOUND),
        Kind::ResourceInUse => ("ResourceInUseException", S::CONFLICT),
        Kind::ResourceLimitExceeded => ("ResourceLimitExceededException", S::BAD_REQUEST),
        Kind::ResourceNotFound => ("ResourceNotFoundException", S::NOT_FOUND),
    }
}

/// A time as it is on the wire.
pub(crate) fn seconds(ms: i64) -> f64 {
    Timestamp::from_ms(ms).as_secs_f64()
}

/// An answer of one member.
pub(crate) fn one(name: &'static str, value: Value) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([(name, value)])
}

/// `cluster`
pub(crate) fn cluster((cluster, tags): &Shown) -> Value {
    let mut shown = if let Some(connector) = &cluster.connector {
        json!({ "connectorConfig": {
            "activationId": connector.activation_id,
            "activationCode": connector.activation_code,
            "activationExpiry": seconds(connector.expires_ms),
            "provider": connector.provider,
            "roleArn": connector.role_arn,
        }})
    } else {
        own(cluster)
    };
    shown["name"] = cluster.name.as_str().into();
    shown["arn"] = cluster.arn.as_str().into();
    shown["createdAt"] = seconds(cluster.created_ms).into();
    shown["status"] = cluster.status().into();
    shown["tags"] = json!(tags);
    if let Some(token) = &cluster.token {
        shown["clientRequestToken"] = token.text.as_str().into();
    }
    shown
}

/// What only clusters have that are not merely connected.
fn own(cluster: &Cluster) -> Value {
    let mut shown = json!({
        "version": cluster.version,
        "platformVersion": cluster.platform_version,
        "roleArn": cluster.role_arn,
        "resourcesVpcConfig": vpc(cluster),
        "kubernetesNetworkConfig": network(cluster),
        "logging": logging(cluster),
        "health": { "issues": [] },
        "accessConfig": cluster.access,
        "upgradePolicy": cluster.upgrade_policy,
        "deletionProtection": cluster.deletion_protection,
        "controlPlaneScalingConfig": cluster.scaling,
        "certificateAuthority": {},
    });
    set(&mut shown, "zonalShiftConfig", cluster.zonal_shift.as_ref());
    set(
        &mut shown,
        "remoteNetworkConfig",
        cluster.remote_network.as_ref(),
    );
    set(&mut shown, "computeConfig", cluster.compute.as_ref());
    set(&mut shown, "storageConfig", cluster.storage.as_ref());
    set(
        &mut shown,
        "kubeApiServerConfig",
        cluster.kube_api_server.as_ref(),
    );
    set(
        &mut shown,
        "kubeSchedulerConfig",
        cluster.kube_scheduler.as_ref(),
    );
    let manager = cluster.kube_controller_manager.as_ref();
    set(&mut shown, "kubeControllerManagerConfig", manager);
    let encryption = Some(&cluster.encryption).filter(|config| !config.is_empty());
    set(&mut shown, "encryptionConfig", encryption);
    let plane = &cluster.control_plane;
    set(&mut shown, "endpoint", plane.endpoint.as_ref());
    if let Some(data) = &plane.certificate_authority {
        shown["certificateAuthority"]["data"] = data.as_str().into();
    }
    if let Some(issuer) = &plane.oidc_issuer {
        shown["identity"] = json!({ "oidc": { "issuer": issuer } });
    }
    shown
}

/// Sets a member of an answer, if there is a value for it.
pub(crate) fn set<T: Serialize>(shown: &mut Value, name: &str, value: Option<&T>) {
    if let Some(value) = value {
        shown[name] = json!(value);
    }
}

fn vpc(cluster: &Cluster) -> Value {
    let vpc = &cluster.vpc;
    let mut shown = json!({
        "subnetIds": vpc.subnet_ids,
        "securityGroupIds": vpc.security_group_ids,
        "clusterSecurityGroupId": vpc.cluster_security_group_id,
        "vpcId": vpc.vpc_id,
        "endpointPublicAccess": vpc.endpoint_public_access,
        "endpointPrivateAccess": vpc.endpoint_private_access,
        "publicAccessCidrs": vpc.public_access_cidrs,
    });
    set(&mut shown, "controlPlaneEgressMode", vpc.egress.as_ref());
    shown
}

fn network(cluster: &Cluster) -> Value {
    let network = &cluster.network;
    let mut shown = json!({ "ipFamily": network.family });
    set(&mut shown, "serviceIpv4Cidr", network.service_ipv4.as_ref());
    set(&mut shown, "serviceIpv6Cidr", network.service_ipv6.as_ref());
    let balancing = network.load_balancing.clone().unwrap_or_default();
    let enabled = balancing.enabled.unwrap_or(false);
    shown["elasticLoadBalancing"] = json!(balancing);
    shown["elasticLoadBalancing"]["enabled"] = enabled.into();
    shown
}

/// `logging`: what is logged, and what is not.
fn logging(cluster: &Cluster) -> Value {
    use wharf_eks::clusters::config::LogType;
    const ALL: [LogType; 5] = [
        LogType::Api,
        LogType::Audit,
        LogType::Authenticator,
        LogType::ControllerManager,
        LogType::Scheduler,
    ];
    let (on, off): (Vec<LogType>, Vec<LogType>) =
        ALL.iter().partition(|kind| cluster.logs.contains(kind));
    let setup = |types: Vec<LogType>, enabled: bool| {
        (!types.is_empty()).then(|| json!({ "types": types, "enabled": enabled }))
    };
    let setups: Vec<Value> = [setup(on, true), setup(off, false)]
        .into_iter()
        .flatten()
        .collect();
    json!({ "clusterLogging": setups })
}

/// `nodegroup`
pub(crate) fn nodegroup((group, tags): &nodegroups::Shown) -> Value {
    let scaling = group.scaling;
    let issues = group.issues.iter().map(|issue| {
        json!({ "code": issue.code, "message": issue.message, "resourceIds": issue.resource_ids })
    });
    let mut shown = json!({
        "nodegroupName": group.name,
        "nodegroupArn": group.arn,
        "clusterName": group.cluster,
        "version": group.version,
        "releaseVersion": group.release,
        "createdAt": seconds(group.created_ms),
        "modifiedAt": seconds(group.modified_ms),
        "status": group.life.phase.as_str(),
        "capacityType": group.capacity,
        "scalingConfig": {
            "minSize": scaling.min,
            "maxSize": scaling.max,
            "desiredSize": scaling.desired,
        },
        "subnets": group.subnets,
        "amiType": group.ami_type,
        "nodeRole": group.node_role,
        "labels": group.labels,
        "resources": { "autoScalingGroups": [{ "name": group.auto_scaling_group() }] },
        "health": { "issues": issues.collect::<Vec<_>>() },
        "updateConfig": group.update_config,
        "tags": tags,
    });
    let sg = group.remote_access_security_group.as_ref();
    set(&mut shown["resources"], "remoteAccessSecurityGroup", sg);
    set(&mut shown, "remoteAccess", group.remote_access.as_ref());
    set(&mut shown, "diskSize", group.disk_size.as_ref());
    set(&mut shown, "nodeRepairConfig", group.repair.as_ref());
    set(&mut shown, "launchTemplate", group.launch_template.as_ref());
    set(&mut shown, "warmPoolConfig", group.warm_pool.as_ref());
    let types = Some(&group.instance_types).filter(|types| !types.is_empty());
    set(&mut shown, "instanceTypes", types);
    let taints = Some(&group.taints).filter(|taints| !taints.is_empty());
    set(&mut shown, "taints", taints);
    shown
}

/// `fargateProfile`
pub(crate) fn profile((profile, tags): &fargate::Shown) -> Value {
    json!({
        "fargateProfileName": profile.name,
        "fargateProfileArn": profile.arn,
        "clusterName": profile.cluster,
        "createdAt": seconds(profile.created_ms),
        "podExecutionRoleArn": profile.pod_execution_role,
        "subnets": profile.subnets,
        "selectors": profile.selectors,
        "status": profile.life.phase.as_str(),
        "health": { "issues": [] },
        "tags": tags,
    })
}

/// `update`
pub(crate) fn update(update: &updates::Update) -> Value {
    let params = update
        .params
        .iter()
        .map(|(kind, value)| json!({ "type": kind, "value": value }));
    let errors = update.errors.iter().map(|problem| {
        json!({
            "errorCode": problem.code,
            "errorMessage": problem.message,
            "resourceIds": problem.resource_ids,
        })
    });
    json!({
        "id": update.id,
        "type": update.kind,
        "status": update.status,
        "createdAt": seconds(update.created_ms),
        "params": params.collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
    })
}

/// What the query of an update says that it is of.
pub(crate) fn subject(
    nodegroup: Option<String>,
    addon: Option<String>,
    capability: Option<String>,
) -> Result<Subject, Exception> {
    match (nodegroup, addon, capability) {
        (None, None, None) => Ok(Subject::Cluster),
        (Some(name), None, None) => Ok(Subject::Nodegroup(name)),
        (None, Some(name), None) => Ok(Subject::Addon(name)),
        (None, None, Some(name)) => Ok(Subject::Capability(name)),
        _ => Err(Exception::invalid_parameter(
            "Only one of nodegroupName, addonName and capabilityName can be specified",
        )),
    }
}

/// A page of names: what was found, of which one more than `max` was asked for, and the token of what
/// follows.
pub(crate) fn page(pages: &Pages<'_>, mut found: Vec<String>, max: usize) -> Page {
    let more = found.len() > max;
    found.truncate(max);
    let next_token = found.last().filter(|_| more).map(|last| pages.token(last));
    Page { found, next_token }
}

/// See [`page`].
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) found: Vec<String>,
    pub(crate) next_token: Option<String>,
}

impl Page {
    /// The answer whose member `name` has the names.
    pub(crate) fn answer(self, name: &'static str) -> BTreeMap<&'static str, Value> {
        let mut answer = one(name, json!(self.found));
        if let Some(token) = self.next_token {
            answer.insert("nextToken", token.into());
        }
        answer
    }
}

/// A page of what was found after a token, and the token of what follows: `key` names what the next
/// page begins after.
pub(crate) fn shown_page<T>(
    pages: &Pages<'_>,
    mut found: Vec<T>,
    max: usize,
    key: impl Fn(&T) -> String,
    member: &'static str,
    show: impl Fn(&T) -> Value,
) -> Answer {
    let more = found.len() > max;
    found.truncate(max);
    let mut answer = one(member, found.iter().map(show).collect());
    if let Some(last) = found.last().filter(|_| more) {
        answer.insert("nextToken", pages.token(&key(last)).into());
    }
    answer
}

/// What an operation answers.
pub(crate) type Answer = BTreeMap<&'static str, Value>;
