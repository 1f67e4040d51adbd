//! Virtual instances: what EC2 shows, and what becomes nodes.
//!
//! ```text
//! Pending ──► Running ──► Stopping ──► Stopped
//!    │          │  ▲          │           │ │
//!    │          │  └──────────┼───────────┘ │     (Stopped starts as Pending)
//!    └──────────┴─► ShuttingDown ◄──────────┘
//!                        │
//!                        ▼
//!                   Terminated ─► forgotten
//! ```
mod life;
mod run;
mod state;

use std::net::Ipv4Addr;

pub use life::{Change, list, of_group, one, start, stop, terminate};
pub(crate) use life::{settle, shut_down};
pub(crate) use run::{New, launch};
pub use run::{Run, run};
use serde::{Deserialize, Serialize};
pub use state::{Event, State};
use wharf_storage::Document;
use wharf_types::{Region, Timestamp};

use crate::{instance_types::InstanceType, network, tags::Tags, user_data};

/// The tag of EC2 that says of which group an instance is.
pub const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// Which version of which launch template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTemplate {
    pub id: String,
    pub name: String,
    pub version: u64,
}

/// An instance. Named by its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub state: State,
    /// When it came into its state.
    pub since_ms: i64,
    pub launched_ms: i64,
    pub image: String,
    pub instance_type: String,
    pub subnet: String,
    /// The name of its zone.
    pub zone: String,
    pub address: Ipv4Addr,
    pub reservation: String,
    /// Its place among those that were launched with it.
    pub index: usize,
    #[serde(default)]
    pub key_name: Option<String>,
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// Base64.
    #[serde(default)]
    pub user_data: Option<String>,
    /// The name or ARN of the instance profile.
    #[serde(default)]
    pub profile: Option<String>,
    #[serde(default)]
    pub spot: bool,
    /// Whether calls of EC2 may not terminate it.
    #[serde(default)]
    pub protected: bool,
    #[serde(default)]
    pub tags: Tags,
    /// The auto-scaling group that it is of.
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub template: Option<OfTemplate>,
    #[serde(default)]
    pub client_token: Option<String>,
    /// Why it was stopped or terminated.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Document for Instance {
    const KIND: &'static str = "compute-instance";

    /// Whether time alone will change it.
    fn is_open(&self) -> bool {
        !matches!(self.state, State::Running | State::Stopped)
    }
}

impl Instance {
    /// `ip-192-168-1-2.eu-central-1.compute.internal`
    pub fn private_dns_name(&self, region: &Region) -> String {
        network::private_dns_name(region, self.address)
    }

    /// `aws:///eu-central-1a/i-…`, as nodes say who they are.
    pub fn provider_id(&self) -> String {
        format!("aws:///{}/{}", self.zone, self.id)
    }

    pub fn launched(&self) -> Timestamp {
        Timestamp::from_ms(self.launched_ms)
    }

    /// The row of its type. Instances are of no other types.
    pub fn shape(&self) -> Option<&'static InstanceType> {
        crate::instance_types::find(&self.instance_type)
    }

    /// The network interface that it came with.
    pub fn interface_id(&self) -> String {
        crate::ids::fixed("eni", &self.id)
    }

    pub fn volume_id(&self) -> String {
        crate::ids::fixed("vol", &self.id)
    }

    /// Its user data as text.
    pub fn user_data_text(&self) -> Option<String> {
        self.user_data.as_deref().and_then(user_data::text)
    }

    /// The cluster that it is to join: the one that its tags name as owned or shared, or else the one
    /// in its user data.
    pub fn cluster(&self) -> Option<String> {
        if let Some(name) = self.tags.get("eks:cluster-name") {
            return Some(name.clone());
        }
        let tag = self.tags.iter().find_map(|(key, value)| {
            let name = key.strip_prefix("kubernetes.io/cluster/")?;
            matches!(value.as_str(), "owned" | "shared").then(|| name.to_owned())
        });
        tag.or_else(|| user_data::cluster(&self.user_data_text()?))
    }

    /// Who has its address.
    pub(crate) fn owner(&self) -> String {
        format!("instance/{}", self.id)
    }
}
