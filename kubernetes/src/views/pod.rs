//! Pods.
use serde::Deserialize;
use serde_json::Value;
use wharf_types::Timestamp;

use super::Meta;
use crate::cluster::time::parse_rfc3339;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodView {
    pub metadata: Meta,
    pub spec: PodSpec,
    pub status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub node_name: String,
    pub affinity: Value,
    pub hostname: String,
    pub subdomain: String,
    pub volumes: Box<[Volume]>,
    pub containers: Box<[Container]>,
    pub init_containers: Box<[Container]>,
}

/// A volume, as far as it is a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Volume {
    pub name: String,
    pub persistent_volume_claim: Option<ClaimSource>,
    /// Whether the pod brings the claim itself; what it says is read from the pod.
    pub ephemeral: Option<serde::de::IgnoredAny>,
}

impl Volume {
    /// The claim that it is.
    pub(crate) fn claim(&self, pod: &str) -> Option<String> {
        let own = || {
            let name = &self.name;
            self.ephemeral.map(|_| format!("{pod}-{name}"))
        };
        let claim = self.persistent_volume_claim.as_ref();
        claim.map(|claim| claim.claim_name.clone()).or_else(own)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimSource {
    pub claim_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub name: String,
    pub restart_policy: Option<String>,
    pub ports: Box<[Port]>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Port {
    pub name: String,
    pub container_port: i64,
    pub protocol: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodStatus {
    pub phase: String,
    pub reason: String,
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    #[serde(rename = "podIPs")]
    pub pod_ips: Box<[PodIp]>,
    pub conditions: Box<[Condition]>,
    pub container_statuses: Box<[ContainerStatus]>,
    pub init_container_statuses: Box<[ContainerStatus]>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PodIp {
    pub ip: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ContainerStatus {
    pub name: String,
    pub restart_count: i64,
    pub state: ContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ContainerState {
    pub terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Terminated {
    pub exit_code: i64,
    pub finished_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Condition {
    pub r#type: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    pub last_transition_time: Option<String>,
}

impl Condition {
    pub(crate) fn since(&self) -> Option<Timestamp> {
        parse_rfc3339(self.last_transition_time.as_deref()?)
    }
}

impl PodView {
    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        let mut conditions = self.status.conditions.iter();
        conditions.find(|condition| condition.r#type == kind)
    }
}
